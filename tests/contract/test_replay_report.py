"""What a replay writes beside its files: the refused, and how far it has come."""

import csv
import os
from pathlib import Path
from random import Random

import pytest

from services.commands import replay_report
from services.commands.log_file import LogLine
from services.commands.replay_report import Positions, RefusedReport
from services.commands.replay_tally import Refusal, Tally
from services.core.records import BEGIN, BadRecord, Place

FILE = Path("a.csv")


def test_a_place_is_reached_once_everything_before_it_is_judged_in_whatever_order() -> None:
    reached: list[Place] = []
    tally = Tally(reached=lambda path, place: reached.append(place))
    under_way = []
    for number in range(1, 400):
        # Every third record holds two events; every seventh is none.
        if number % 7 == 0:
            tally.bad(FILE, BadRecord(number, "", "en", "zh", b"", Place(number, number)))
            continue
        if number % 3 == 0:
            under_way.append(tally.begin(FILE, LogLine(number, b"")))
        under_way.append(tally.begin(FILE, LogLine(number, b"", after=Place(number, number))))
    settled: set[int] = set()
    left = {number: sum(sent.line.number == number for sent in under_way) for number in range(1, 400)}
    Random(5).shuffle(under_way)
    for sent in under_way:
        tally.settle([sent])
        left[sent.line.number] -= 1
        settled = {number for number, count in left.items() if count == 0}
        if reached:
            assert set(range(1, reached[-1].mark + 1)) <= settled
    assert reached == sorted(reached)
    assert reached[-1] == Place(399, 399)
    assert (tally.settled, tally.refused["unreadable"]) == (len(under_way), 57)


def test_a_position_is_believed_only_for_the_same_file_read_in_the_same_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_report, "SAVE_SECONDS", 0.0)
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n3,4\n")
    Positions(["mapping"], go_on=False).reached(path, Place(8, 2))
    assert Positions(["mapping"], go_on=False).of(path) == (BEGIN, None)
    assert Positions(["mapping"], go_on=True).of(path) == (Place(8, 2), None)
    assert Positions(["another"], go_on=True).of(path)[0] == BEGIN
    path.write_bytes(b"a,b\n1,2\n3,4\n5,6\n")  # it has grown
    again = Positions(["mapping"], go_on=True)
    assert again.of(path) == (Place(8, 2), None)
    path.write_bytes(b"b,a\n1,2\n3,4\n")
    place, why = again.of(path)
    assert place == BEGIN
    assert why is not None
    again.forget()
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("after", [b"", b"x,y\n" * 60_000])
def test_a_file_that_is_another_only_behind_its_first_bytes_is_read_from_its_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bytes
) -> None:
    monkeypatch.setattr(replay_report, "SAVE_SECONDS", 0.0)
    path, begin = tmp_path / "a.csv", b"a,b\n" * 20_000
    path.write_bytes(begin + b"1,2\n" * 60_000)
    Positions([], go_on=False).reached(path, Place(300_000, 75_000))
    assert Positions([], go_on=True).of(path)[0] == Place(300_000, 75_000)
    path.write_bytes(begin + after)
    assert Positions([], go_on=True).of(path)[0] == BEGIN


@pytest.mark.parametrize("noted", ["", "{}", '{"mark": "x", "line": 1}', '{"mark": 1, "line": 1, "compared": 1}', "[]"])
def test_a_position_that_cannot_be_read_is_none(tmp_path: Path, noted: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n")
    (tmp_path / "a.csv.position").write_text(noted)
    assert Positions([], go_on=True).of(path)[0] == BEGIN


def test_a_report_is_a_csv_of_whatever_was_refused_and_is_written_on_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    for go_on in (False, True):
        report = RefusedReport(path, go_on=go_on)
        report.write(Refusal(FILE, 7, "时间", "unreadable", 'no "time"\n/ 无', b"\xff\x00,U\n1" + b"x" * 10_000))
        report.close()
    with path.open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert first == second
    assert first["record"].startswith("\\xff\\0,U\n1xxx")
    assert len(first["record"]) < 5_000
    assert (first["file"], first["line"], first["column"], first["detail"]) == ("a.csv", "7", "时间", 'no "time"\n/ 无')


def test_the_name_of_a_refused_file_need_not_be_utf_8(tmp_path: Path) -> None:
    report = RefusedReport(tmp_path / "r.csv", go_on=False)
    report.write(Refusal(Path(os.fsdecode("报.csv".encode("gb18030"))), 1, "", "unreadable", "", b""))
    report.close()
    assert report.trouble is None
    assert b"\\udcb1" in (tmp_path / "r.csv").read_bytes()


def test_a_report_that_cannot_be_written_hinders_nothing(tmp_path: Path) -> None:
    report = RefusedReport(tmp_path / "absent" / "r.csv", go_on=False)
    for _ in range(2):
        report.write(Refusal(FILE, 1, "", "malformed", "", b""))
    report.close()
    assert report.count == 2
    assert report.trouble is not None
