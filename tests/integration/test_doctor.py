"""`floorstream doctor` on a stack that runs: nothing wrong, then what was made wrong, then nothing again."""

import json
import signal
import time
from pathlib import Path

import psutil
import pytest

from services.embedded.process import free_port
from tests.faults.scans import PLANT, events
from tests.integration.up_process import Running

pytestmark = pytest.mark.slow

PATIENCE_S = 120.0


def found(up: Running) -> set[str]:
    """The names of what it finds."""
    done = up.floorstream("doctor", "--json")
    names = {json.loads(line)["name"] for line in done.stdout.splitlines()}
    assert done.returncode == int(bool(names)), done.stderr
    return names


def until_found(up: Running, wanted: set[str]) -> set[str]:
    """What it finds, as soon as that contains what is wanted; nothing is wanted: nothing else either."""
    deadline = time.monotonic() + PATIENCE_S
    while not (names := found(up)) >= wanted or (not wanted and names):
        assert time.monotonic() < deadline, f"it finds {names}, not {wanted}"
    return names


def stage(up: Running, module: str) -> psutil.Process:
    """The process of a stage."""
    return next(child for child in up.family() if module in child.cmdline())


def test_what_is_wrong_is_found_and_gone_when_it_is_mended(tmp_path: Path) -> None:
    plant, log = tmp_path / "plant.yaml", tmp_path / "log.jsonl"
    plant.write_text(PLANT, "utf-8")
    log.write_text("".join(json.dumps(event) + "\n" for event in events(3, 30) if "event_time" in event), "utf-8")
    with Running(tmp_path, "up", "--port", str(free_port()), "--plant", str(plant)) as up:
        assert until_found(up, set()) == set()
        track = stage(up, "services.track")
        track.send_signal(signal.SIGSTOP)
        assert up.floorstream("replay", str(log), "--via", "http").returncode in (0, 1)
        names = until_found(up, {"track_stuck", "stage_silent"})
        assert not names & {"store_stuck", "aggregate_stuck"}
        track.send_signal(signal.SIGCONT)
        # The log has events that are refused, which stays true for ten minutes.
        deadline = time.monotonic() + PATIENCE_S
        while (names := found(up)) - {"rejects_rising"}:
            assert time.monotonic() < deadline, f"it still finds {names}"
            assert names - {"rejects_rising"} <= {"track_stuck", "track_behind", "stage_silent", "not_ready"}
        store = stage(up, "services.store")
        store.send_signal(signal.SIGSTOP)
        assert up.floorstream("replay", str(log), "--via", "http").returncode in (0, 1)
        assert "track_stuck" not in until_found(up, {"store_stuck"})
        store.send_signal(signal.SIGCONT)
