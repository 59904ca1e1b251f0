"""A watched folder and the real queue: files that grow, are moved, rewritten and damaged; every event once."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from services.adapters.files.mapped import EventFile, columns_mapping
from services.adapters.spool import Spool
from services.adapters.spool_file import NAME, open_database, read_refused
from services.adapters.watched_folder import MOST_BYTES_AT_ONCE, FolderSettings, WatchedFolder
from services.core.reading import Reading, Unreadable
from services.core.records import BadRecord, FileEvent
from services.core.watched import Seen
from services.edge.handler import Desk
from services.ports import NO_NOTES, Take
from tests.event_files import as_csv, as_xes, as_xlsx

HEADER = "序列号,时间,动作\n"
MAPPING = columns_mapping({"unit_id": ("序列号",), "event_time": ("时间",), "action": ("动作",)})
XES_ROW = {"time:timestamp": "2026-11-20T08:00:00Z", "concept:name": "OP", "lifecycle:transition": "start"}


def line(unit: str) -> str:
    """A line of an export."""
    return f"{unit},2026-11-20T08:00:00Z,start\n"


def export(units: Sequence[str], encoding: str = "utf-8") -> bytes:
    """A whole one."""
    return (HEADER + "".join(map(line, units))).encode(encoding)


class Lost(Exception):
    """The program is gone."""


class Program:
    """A folder and the queue, as they are after any number of starts."""

    def __init__(self, home: Path) -> None:
        self.files = home / "files"
        self.files.mkdir()
        self._spool_directory = home / "spool"

    async def looks(self, times: int = 1, *, dies_at: int | None = None, **changes: Any) -> None:
        """A start, and so many looks. `dies_at`: the program is gone before that call of the queue."""
        spool = Spool(self._spool_directory, 1 << 30)
        await spool.start()
        settings = {"settled_s": 0.0, "last_line_s": 1e9, "mapping": MAPPING} | changes
        folder = WatchedFolder(FolderSettings("mes", "mes", self.files, **settings))
        desk = Desk("mes", spool, lambda collector, taken, unreadable: None)
        try:
            await folder.remember(desk)
            for _ in range(times):
                await folder.look(desk.take if dies_at is None else _dying(desk.take, dies_at))
        finally:
            await spool.stop()

    def events(self) -> list[dict[str, str]]:
        """What was put into the queue, in order."""
        with contextlib.closing(open_database(self._spool_directory / NAME, read_only=True)) as database:
            return [json.loads(body) for (body,) in database.execute("SELECT body FROM queue ORDER BY id").fetchall()]

    def units(self) -> list[str]:
        """Their units."""
        return [event["unit_id"] for event in self.events()]

    def refused(self) -> list[str]:
        """What was no event, in order."""
        with contextlib.closing(open_database(self._spool_directory / NAME, read_only=True)) as database:
            return [each.en for each in reversed(read_refused(database, 1000))]


def _dying(take: Take, calls: int) -> Take:
    left = calls

    async def taking(
        readings: Sequence[Reading],
        *,
        notes: Mapping[str, str | None] = NO_NOTES,
        unreadable: Sequence[Unreadable] = (),
    ) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Lost
        await take(readings, notes=notes, unreadable=unreadable)

    return taking


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
async def test_a_file_that_grows_by_any_bytes_over_many_starts_is_read_once(program: Program, encoding: str) -> None:
    units = [f"工{number}" for number in range(60)]
    data, rnd = export(units, encoding), Random(encoding)
    file = program.files / "a.csv"
    for end in [*sorted(rnd.sample(range(len(data)), 12)), len(data)]:
        file.write_bytes(data[:end])
        await program.looks()
    assert program.units() == units
    assert program.refused() == []


async def test_a_program_that_is_gone_between_any_two_calls_of_the_queue_misses_and_doubles_nothing(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.adapters.watched_folder.MOST_AT_ONCE", 7)
    rows = [{"case": f"X{number}", **XES_ROW} for number in range(40)]
    (program.files / "a.csv").write_bytes(export([f"C{number}" for number in range(40)]))
    (program.files / "b.xes").write_bytes(as_xes(rows, "case"))
    rnd, looks = Random(3), 0
    while looks < 100:
        looks += 1
        try:
            await program.looks(
                2, dies_at=rnd.randrange(4), mapping=None if looks % 2 else MAPPING, pattern=PATTERNS[looks % 2]
            )
        except Lost:
            continue
        if len(program.units()) == 80:
            break
    assert sorted(program.units()) == sorted([f"{kind}{number}" for kind in "CX" for number in range(40)])
    assert program.refused() == []


PATTERNS = ("*.csv", "*.xes")


async def test_rotated_logs_are_followed_under_their_new_names(program: Program) -> None:
    log = program.files / "log.csv"
    for turn in range(4):
        log.write_bytes(export([f"A{turn}"]))
        await program.looks()
        with log.open("ab") as still_open:
            for number in (3, 2, 1):
                older = program.files / f"log.csv.{number}"
                if older.exists():
                    older.rename(program.files / f"log.csv.{number + 1}")
            log.rename(program.files / "log.csv.1")
            still_open.write(line(f"B{turn}").encode())
        if turn % 2:
            await program.looks()
    await program.looks()
    assert sorted(program.units()) == sorted([f"{kind}{turn}" for kind in "AB" for turn in range(4)])


async def test_an_export_that_is_written_anew_with_more_rows_gives_the_same_ids(program: Program) -> None:
    for rows in (3, 5, 5, 9):
        new = program.files / "export.tmp"
        new.write_bytes(export([f"U{number}" for number in range(rows)]))
        new.replace(program.files / "export.csv")
        (program.files / "b.xlsx").write_bytes(as_xlsx([
            {"序列号": f"E{number}", "时间": "t", "动作": "start"} for number in range(rows)
        ]))  # fmt: skip
        await program.looks(2)
    assert len({event["event_id"] for event in program.events()}) == 18
    assert set(program.units()) == {f"{kind}{number}" for kind in "UE" for number in range(9)}


async def test_a_file_cut_short_or_written_over_is_another_file(program: Program) -> None:
    file = program.files / "a.csv"
    for units in (["U1", "U2", "U3"], ["U4"], ["U5", "U6"]):
        file.write_bytes(export(units))  # in place
        await program.looks()
    assert program.units() == ["U1", "U2", "U3", "U4", "U5", "U6"]


async def test_what_cannot_be_read_is_refused_once_with_file_and_line(program: Program) -> None:
    (program.files / "a.csv").write_bytes(export(["U1"]) + b"\xff\xff,t,start\n" + line("U2").encode())
    (program.files / "b.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    (program.files / "c.csv").write_bytes(as_csv([{"other": "x"}]))
    for _ in range(3):
        await program.looks(2)
    assert program.units() == ["U1", "U2"]
    first, second, third = sorted(program.refused())
    assert first.startswith("a.csv, line 3: not utf-8")
    assert second.startswith("b.xlsx: is damaged")
    assert third.startswith("c.csv: has no column '序列号'; its columns: other")


async def test_long_lines_are_taken_a_few_at_a_time(program: Program) -> None:
    long = b'{"unit_id": "U", "remark": "' + b"x" * 200_000 + b'"}\n'
    (program.files / "a.jsonl").write_bytes(long * 100)
    with pytest.raises(Lost):
        await program.looks(dies_at=2, mapping=None)
    assert len(program.units()) == 2 * -(-MOST_BYTES_AT_ONCE // (len(long) - 1))
    await program.looks(mapping=None)
    assert len(program.units()) == 100


async def test_a_last_line_without_its_end_waits_until_nobody_writes(program: Program) -> None:
    (program.files / "a.csv").write_bytes(export(["U1", "U2"]).removesuffix(b"\n"))
    await program.looks(3)
    assert program.units() == ["U1"]
    await program.looks(2, last_line_s=0.0)
    await program.looks(2, last_line_s=0.0)
    assert program.units() == ["U1", "U2"]


async def test_lines_of_json_are_events_and_xes_needs_no_mapping(program: Program) -> None:
    (program.files / "a.jsonl").write_text(
        '{"unit_id": "U1", "quantity": 1.50}\n{"unit_id": "U1", "event_id": "e"}\n[]\n'
    )
    (program.files / "b.xes").write_bytes(as_xes([{"case": "C", **XES_ROW}], "case"))
    await program.looks(2, mapping=None)
    first, second, third = program.events()
    assert len(first.pop("event_id")) == 32
    assert first == {"unit_id": "U1", "quantity": "1.50"}
    assert second == {"unit_id": "U1", "event_id": "e"}
    assert third["action"] == "start"
    assert "a.jsonl, line 3: expected one JSON object" in program.refused()[0]


async def test_a_folder_that_is_away_is_waited_for(program: Program, tmp_path: Path) -> None:
    program.files.rename(tmp_path / "away")
    await program.looks(2)
    (tmp_path / "away").rename(program.files)
    (program.files / "a.csv").write_bytes(export(["U1"]))
    await program.looks()
    assert program.units() == ["U1"]


async def test_a_file_whose_name_is_not_utf_8_is_read_like_any_other(program: Program) -> None:
    name = os.fsdecode("报工.csv".encode("gb18030"))
    (program.files / name).write_bytes(export(["U1"]) + b"\xff\xff,t,start\n")
    for _ in range(2):
        await program.looks(2)
    (program.files / name).rename(program.files / os.fsdecode("旧.csv".encode("gb18030")))
    await program.looks(2)
    assert program.units() == ["U1"]
    assert len(program.refused()) == 1


@pytest.mark.parametrize("replaced", [True, False])
@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
async def test_a_file_that_is_written_anew_while_it_is_read_is_read_from_its_begin(
    program: Program, monkeypatch: pytest.MonkeyPatch, name: str, replaced: bool
) -> None:
    contents = [_content(name, ["U1", "U2"]), _content(name, ["V1", "V2", "V3"])]
    file, new = program.files / name, program.files / "new.tmp"
    file.write_bytes(contents.pop(0))
    events = EventFile.events

    def events_and_another_file(self: EventFile, *args: Any, **more: Any) -> Iterator[FileEvent | BadRecord]:
        yield from events(self, *args, **more)
        if contents:
            written = new if replaced else file
            written.write_bytes(contents.pop(0))
            written.replace(file)

    monkeypatch.setattr(EventFile, "events", events_and_another_file)
    await program.looks(3)
    assert program.units()[-3:] == ["V1", "V2", "V3"]


async def test_a_log_that_is_rotated_while_the_folder_is_listed_is_read_once(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = program.files / "log.csv"
    log.write_bytes(export(["U1"]))
    await program.looks()
    listed = WatchedFolder._listed

    def listed_and_rotated(self: WatchedFolder) -> list[Seen]:
        there = listed(self)
        if not (program.files / "log.csv.1").exists():
            log.rename(program.files / "log.csv.1")
            log.write_bytes(export(["U2"]))
        return there

    with log.open("ab") as still_open:
        still_open.write(line("T1").encode())
    monkeypatch.setattr(WatchedFolder, "_listed", listed_and_rotated)
    await program.looks(3)
    assert sorted(program.units()) == ["T1", "U1", "U2"]


def _content(name: str, units: Sequence[str]) -> bytes:
    if name.endswith(".csv"):
        return export(units)
    return as_xlsx([{"序列号": unit, "时间": "t", "动作": "start"} for unit in units])


async def test_the_last_lines_of_a_log_are_read_under_whatever_name_it_has_then(program: Program) -> None:
    log, old = program.files / "log.csv", program.files / "log.csv.1"
    log.write_bytes(export(["U1"]))
    (program.files / "notes.txt").write_bytes(export(["X1"]))
    await program.looks(pattern="*.csv")
    log.write_bytes(export(["U1", "U2"]))
    log.rename(old)
    log.write_bytes(export(["U3"]))
    await program.looks(2, pattern="*.csv")
    old.write_bytes(b"another file, to which its inode was given again")
    await program.looks(2, pattern="*.csv")
    assert sorted(program.units()) == ["U1", "U2", "U3"]
    assert program.refused() == []


async def test_a_name_that_leads_nowhere_hinders_nothing(program: Program) -> None:
    (program.files / "loop.csv").symlink_to("loop.csv")
    (program.files / "a.csv").write_bytes(export(["U1"]))
    await program.looks()
    assert program.units() == ["U1"]
