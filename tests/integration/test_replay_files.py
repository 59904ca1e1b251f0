"""Files of other systems into a running system, replayed and watched: mapped, refused with a reason, killed -9."""

import contextlib
import csv
import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from services.adapters.spool_file import NAME, SpoolLost, open_database, read_lanes
from services.commands.replay_report import POSITION, REFUSED
from services.embedded.process import free_port, wait_until
from tests.event_files import as_csv, as_xlsx
from tests.integration.up_process import Running, command, environment

pytestmark = pytest.mark.slow

UNITS = 3_000
KILLS = 5
PATIENCE_SECONDS = 120.0
PLANT = """
site: {id: S, time_zone: Asia/Shanghai}
areas:
  - id: A
    work_centers:
      - id: L
        operations: [{id: 焊接}, {id: 检验}]
        work_units: [M1]
        read_points: [{id: GATE, operation: 检验, action: arrive}]
sources:
  scanner: {identifiers: gs1}
"""
MAPPING = """
events:
  - when: {开工: {exists: true}}
    fields:
      unit_id: 序列号
      event_time: {from: 开工, time_zone: Asia/Shanghai}
      operation_id: 工序
      action: {value: start}
  - when: {完工: {exists: true}}
    fields:
      unit_id: 序列号
      event_time: {from: 完工, time_zone: Asia/Shanghai}
      operation_id: 工序
      action: {from: 结果, values: {合格: finish, 报废: scrap}}
"""
MACHINE = """
events:
  - kind: machine
    fields:
      work_unit_id: 机台
      event_time: {from: 时间, time_zone: Asia/Shanghai}
      state: {from: 状态, values: {运行: execute, 停机: stopped}}
"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("replay-files")
    (home / "plant.yaml").write_text(PLANT, "utf-8")
    (home / "mes.yaml").write_text(MAPPING, "utf-8")
    (home / "machine.yaml").write_text(MACHINE, "utf-8")
    with Running(home, "up", "--port", str(free_port()), "--plant", str(home / "plant.yaml")) as running:
        yield running


def row(unit: str, end: str = "2026-11-20 09:00:00", said: str = "合格") -> dict[str, str]:
    """A row of an MES."""
    return {"序列号": unit, "工序": "焊接", "开工": "2026-11-20 08:00:00", "完工": end, "结果": said}


def visits(up: Running, prefix: str) -> list[dict[str, str]]:
    """The visits of the units whose name begins so, once everything is counted."""
    drained = up.floorstream("drain", "--timeout", "100s")
    assert drained.returncode == 0, drained.stdout + drained.stderr
    assert up.floorstream("export", "--out", str(up.home / "out")).returncode == 0
    with (up.home / "out" / "visits.csv").open(encoding="utf-8", newline="") as file:
        return [visit for visit in csv.DictReader(file) if visit["unit_id"].startswith(prefix)]


def refused(path: Path) -> list[tuple[str, str, str, str]]:
    """File, line, column and reason of a report."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [(Path(r["file"]).name, r["line"], r["column"], r["reason"]) for r in csv.DictReader(file)]


def test_what_cannot_be_read_mapped_or_accepted_is_reported_with_its_line(up: Running) -> None:
    rows = [row("R1"), row("R2", end="gestern"), row("R3", said="?"), row("R\x1f4"), row("R5", end="")]
    first = up.home / "导出.csv"
    first.write_bytes(as_csv(rows, "gb18030").replace(b"R5", b"R\xff"))
    second = up.home / "second.xlsx"
    second.write_bytes(as_xlsx([row("R6"), row("R7", said="报废")]))
    done = up.floorstream("replay", str(first), str(second), "--mapping", str(up.home / "mes.yaml"))
    assert done.returncode == 0, done.stderr
    report = first.with_name(first.name + REFUSED)
    assert sorted(refused(report)) == [
        (first.name, "3", "完工", "unreadable"), (first.name, "4", "结果", "unreadable"),
        (first.name, "5", "", "malformed"), (first.name, "5", "", "malformed"), (first.name, "6", "", "unreadable"),
    ]  # fmt: skip
    assert "gb18030" in done.stderr
    assert str(report) in done.stdout
    found = visits(up, "R")
    assert {visit["unit_id"]: visit["outcome"] for visit in found} == {
        "R1": "open", "R2": "open", "R3": "open", "R6": "open", "R7": "scrapped"
    }  # fmt: skip
    assert {visit["started"] for visit in found} == {"2026-11-20T00:00:00.000000Z"}


def test_a_replay_killed_goes_on_behind_what_was_judged_and_every_unit_counts_once(up: Running) -> None:
    file = up.home / "big.csv"
    file.write_bytes(as_csv([row(f"K{number}") for number in range(UNITS)], "gb18030"))
    words = ("replay", str(file), "--mapping", str(up.home / "mes.yaml"))
    kept = file.with_name(file.name + POSITION)
    broken = start(up, *words, "--rate", "1000")
    noted = wait_until(kept.exists, PATIENCE_SECONDS)
    broken.kill()
    assert broken.wait(60) == -9
    assert noted, "no position was ever noted"
    line = json.loads(kept.read_text())["line"]
    assert 1 < line <= UNITS
    done = up.floorstream(*words, "--resume")
    assert done.returncode == 0, done.stderr
    assert f"goes on behind line {line}" in done.stderr
    assert f"{2 * (UNITS + 1 - line)} lines read" in done.stdout
    assert not kept.exists()
    found = visits(up, "K")
    assert sorted(visit["unit_id"] for visit in found) == sorted(f"K{number}" for number in range(UNITS))
    assert {visit["finished"] for visit in found} == {"2026-11-20T01:00:00.000000Z"}
    assert {visit["runs"] for visit in found} == {"1"}


def start(up: Running, *words: str) -> subprocess.Popen[bytes]:
    """A command that is not waited for, against this stack."""
    return subprocess.Popen(
        command(*words), env=environment(up.home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def test_element_strings_of_a_column_are_one_unit_with_the_link_of_the_same(up: Running) -> None:
    codes = ["]d20104012345123456211234", "(01)04012345123456(21)1234", "https://id.gs1.org/01/04012345123456/21/1234"]
    file = up.home / "gs1.csv"
    rows: Sequence[dict[str, str]] = [
        {"unit_id": code, "event_time": f"2026-11-20T08:00:0{number}Z", "read_point_id": "GATE"}
        for number, code in enumerate(codes)
    ]
    file.write_bytes(as_csv(rows))
    done = up.floorstream("replay", str(file), "--source", "scanner", "--strict")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 accepted" in done.stdout
    [visit] = [visit for visit in visits(up, "") if "04012345123456" in visit["unit_id"]]
    assert visit["operation_id"] == "检验"


def test_machine_events_go_their_own_way(up: Running) -> None:
    file = up.home / "machine.csv"
    file.write_bytes(as_csv([{"机台": "M1", "时间": "2026-11-20 08:00", "状态": "运行"}], "gb18030"))
    words = ("replay", str(file), "--mapping", str(up.home / "machine.yaml"))
    done = up.floorstream(*words, "--strict")
    assert done.returncode == 0, done.stdout + done.stderr
    over_kafka = up.floorstream(*words, "--via", "kafka")
    assert over_kafka.returncode == 1
    assert "1 could not be sent" in over_kafka.stdout


def queued_and_sent(spool: Path) -> int:
    """How many events the edge has taken so far."""
    try:
        database = open_database(spool / NAME, read_only=True)
    except SpoolLost:
        return 0
    with contextlib.closing(database):
        return sum(lane.queued + lane.sent for lane in read_lanes(database))


def waits(spool: Path) -> int:
    """How many wait in its queue."""
    with contextlib.closing(open_database(spool / NAME, read_only=True)) as database:
        return sum(lane.queued for lane in read_lanes(database))


def test_a_watched_folder_whose_program_is_killed_again_and_again_misses_and_doubles_nothing(up: Running) -> None:
    folder, spool, rnd = up.home / "in", up.home / "spool", Random(11)
    folder.mkdir()
    config = up.home / "edge.yaml"
    config.write_text(
        f"server: {{url: '{up.address}'}}\n"
        "folders: {mes: {path: in, files: '*.csv', mapping: mes.yaml, every: 1s}}\n"
    )
    data = as_csv([row(f"F{number}") for number in range(UNITS)], "gb18030")
    ends = sorted(rnd.sample(range(len(data) // 10, len(data)), KILLS))
    begin = 0
    for end in ends:
        with (folder / "export.csv").open("ab") as file:
            file.write(data[begin:end])
        taken, begin = queued_and_sent(spool), end
        edge = start(up, "edge", "--config", str(config))
        some = wait_until(lambda before=taken: queued_and_sent(spool) > before, PATIENCE_SECONDS)
        edge.kill()
        assert edge.wait(60) == -9
        assert some, "nothing was taken in time"
    with (folder / "export.csv").open("ab") as file:
        file.write(data[begin:])
    edge = start(up, "edge", "--config", str(config))
    everything = wait_until(lambda: queued_and_sent(spool) >= 2 * UNITS and waits(spool) == 0, PATIENCE_SECONDS)
    edge.terminate()
    assert edge.wait(60) == 0
    assert everything, f"{queued_and_sent(spool)} were taken, {waits(spool)} wait"
    assert queued_and_sent(spool) == 2 * UNITS
    found = visits(up, "F")
    assert sorted(visit["unit_id"] for visit in found) == sorted(f"F{number}" for number in range(UNITS))
    assert {(visit["finished"], visit["runs"]) for visit in found} == {("2026-11-20T01:00:00.000000Z", "1")}
