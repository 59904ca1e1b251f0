"""The whole system as a user starts, tries and ends it: real broker, real database, every stage."""

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from services.embedded.instance import Instance, named
from services.embedded.process import free_port
from services.embedded.stack import DEFAULT_PORT, can_listen, choose_port
from tests.integration.up_process import Running, run
from tests.parts import ask

READS = [
    ("L1-OP10-IN", "arrive"), ("L1-OP10-OUT", "finish"), ("L1-OP20-IN", "arrive"), ("L1-OP20-OUT", "finish"),
]  # fmt: skip
UNITS = 40


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running stack with the example plant."""
    with Running(tmp_path_factory.mktemp("up"), "up", "--port", str(free_port())) as running:
        yield running


@pytest.fixture
def here(up: Running) -> Instance:
    """Where it can be reached."""
    return named(up.data_dir)


def log_of(name: str, path: Path) -> Path:
    """A log of some units that pass two operations, one line of it unreadable."""
    lines = []
    for unit in range(UNITS):
        for number, (read_point, _) in enumerate(READS):
            event = {
                "event_id": f"{name}-{unit}-{number}", "unit_id": f"{name}-{unit}", "read_point_id": read_point,
                "event_time": f"2026-11-20T0{number}:{unit:02d}:00Z", "product_id": "PCBA-100",
            }  # fmt: skip
            lines.append(json.dumps(event))
    file = path / f"{name}.jsonl"
    file.write_text("\n".join([*lines, "{not json"]) + "\n", encoding="utf-8")
    return file


async def rows_of(here: Instance, name: str) -> set[tuple[str, int, str, str]]:
    """The visits of a log's units in the database."""
    query = "SELECT unit_id, visit_seq, operation_id, outcome FROM visits WHERE unit_id LIKE $1 AND NOT deleted"
    return {tuple(row) for row in await ask(here.database, query, f"{name}-%")}


def expected_rows(name: str) -> set[tuple[str, int, str, str]]:
    """What the log says."""
    each = ((1, "L1.OP10", "moved"), (2, "L1.OP20", "open"))
    return {(f"{name}-{unit}", *visit) for unit in range(UNITS) for visit in each}


def wip(address: str, operation_id: str) -> int:
    """Open visits of an operation, as the board has it."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        board = client.get(f"{address}/v1/operations").json()
    states = {entry["operation_id"]: entry["state"] for entry in board["operations"]}
    return int((states[operation_id] or {"wip": 0})["wip"])


async def test_a_scan_is_on_the_board_and_in_the_database(up: Running, here: Instance) -> None:
    before = wip(up.address, "ICT.OP30")
    done = up.floorstream("scan", "BY-HAND-1", "ICT-IN")
    assert done.returncode == 0, done.stderr
    assert up.floorstream("drain").returncode == 0
    assert wip(up.address, "ICT.OP30") == before + 1
    rows = await ask(here.database, "SELECT operation_id, outcome FROM visits WHERE unit_id = 'BY-HAND-1'")
    assert [tuple(row) for row in rows] == [("ICT.OP30", "open")]


def test_a_refused_scan_says_why(up: Running) -> None:
    done = up.floorstream("scan", "BY-HAND-2", "NO-SUCH-READER")
    assert (done.returncode, "unknown_read_point" in done.stderr) == (1, True)


@pytest.mark.parametrize("via", ["http", "kafka"])
async def test_a_replayed_log_becomes_its_rows(up: Running, here: Instance, via: str, tmp_path: Path) -> None:
    done = up.floorstream("replay", str(log_of(f"log-{via}", tmp_path)), "--via", via)
    assert done.returncode == 0, done.stderr
    assert up.floorstream("drain").returncode == 0
    assert await rows_of(here, f"log-{via}") == expected_rows(f"log-{via}")


def test_a_replay_over_http_counts_what_was_refused(up: Running, tmp_path: Path) -> None:
    done = up.floorstream("replay", str(log_of("strict", tmp_path)), "--strict")
    assert done.returncode == 1
    assert f"{4 * UNITS + 1} lines read, {4 * UNITS} accepted, 1 refused" in done.stdout
    assert "refused 1: malformed" in done.stdout


def test_only_one_line_says_ready(up: Running) -> None:
    assert [line for line in up.lines if line.startswith("ready ")] == [f"ready {up.address}"]


def test_ctrl_c_ends_every_process_and_the_next_start_goes_on(tmp_path: Path) -> None:
    with Running(tmp_path, "up", "--port", str(free_port())) as running:
        assert running.floorstream("scan", "GOES-ON", "ICT-IN").returncode == 0
        family = running.family()
        seconds = running.interrupt()
        assert running.process.returncode == 0
        assert seconds < 30
        assert psutil.wait_procs(family, 2)[1] == []
    with Running(tmp_path, "up", "--port", str(free_port())) as running:
        assert wip(running.address, "ICT.OP30") == 1
        assert running.floorstream("verify").returncode == 0


def test_a_directory_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    done = run(tmp_path, "up", "--data-dir", str(tmp_path), "--fresh")
    assert (done.returncode, "other files" in done.stderr) == (2, True)
    assert (tmp_path / "thesis.txt").exists()


def test_a_given_port_that_is_taken_is_a_usage_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path, "up", "--data-dir", str(tmp_path / "data"), "--port", str(port))
    assert (done.returncode, f"port {port} is in use" in done.stderr) == (2, True)
    assert not (tmp_path / "data").exists()


def test_the_default_port_moves_on_where_it_is_taken() -> None:
    with contextlib.ExitStack() as stack:
        if can_listen(DEFAULT_PORT):
            stack.enter_context(socket.create_server(("127.0.0.1", DEFAULT_PORT)))
        assert choose_port(None) > DEFAULT_PORT


def test_a_plant_with_errors_is_refused_by_line(tmp_path: Path) -> None:
    (tmp_path / "plant.yaml").write_text("site: {id: S}\nareas: []\n", encoding="utf-8")
    done = run(tmp_path, "up", "--data-dir", str(tmp_path / "data"), "--plant", str(tmp_path / "plant.yaml"))
    assert (done.returncode, "plant.yaml:2: areas" in done.stderr) == (1, True)


def test_without_a_running_stack_commands_say_what_to_type(tmp_path: Path) -> None:
    done = run(tmp_path, "scan", "U", "R")
    assert (done.returncode, "floorstream demo" in done.stderr) == (2, True)
