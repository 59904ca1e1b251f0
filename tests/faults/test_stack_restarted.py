"""Every stage of the whole stack started again in turn under load: afterwards the rows are what the log says."""

import json
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from services import topology
from services.embedded.process import free_port
from services.embedded.stages import FRONT
from tests.faults.scans import PLANT, events
from tests.integration.up_process import Running, command, environment

pytestmark = pytest.mark.slow

IN_FRONT = ("ingest", "show")
"""Two stages that `up` runs as one process."""
ALL_STAGES = (FRONT, *(f"services.{stage}" for stage in topology.STAGES if stage not in IN_FRONT))
UNITS = 250
SEED = 11
STOP_S = 10


def stage_process(up: Running, module: str) -> psutil.Process | None:
    """The process of a stage, if it runs at this moment."""
    for child in up.family():
        try:
            if module in child.cmdline():
                return child
        except psutil.Error:
            continue
    return None


def running(up: Running, module: str) -> psutil.Process:
    """The process of a stage, as soon as it runs."""
    deadline = time.monotonic() + 60
    while (process := stage_process(up, module)) is None:
        assert time.monotonic() < deadline, f"{module} was not started again"
        time.sleep(0.05)
    return process


def start_again_in_turn(up: Running) -> None:
    """As an upgrade does it: ask each to stop, wait for it and for the next one of its kind."""
    for module in ALL_STAGES:
        process = running(up, module)
        begun = time.monotonic()
        process.terminate()
        process.wait(2 * STOP_S)
        assert time.monotonic() - begun < STOP_S, f"{module} took too long to stop"
        assert running(up, module).pid != process.pid


@pytest.mark.row(7)
def test_every_stage_started_again_in_turn_under_load(tmp_path: Path, broker_choice: str) -> None:
    plant, log = tmp_path / "plant.yaml", tmp_path / "log.jsonl"
    plant.write_text(PLANT, "utf-8")
    log.write_text("".join(json.dumps(event) + "\n" for event in events(SEED, UNITS)), "utf-8")
    broker = broker_choice if broker_choice in ("embedded", "apache") else "embedded"
    with Running(tmp_path, "up", "--port", str(free_port()), "--plant", str(plant), "--broker", broker) as up:
        load = subprocess.Popen(
            command("replay", str(log), "--via", "kafka", "--rate", "200"), env=environment(tmp_path),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        start_again_in_turn(up)
        assert load.wait(120) == 0
        drained = up.floorstream("drain", "--timeout", "90s")
        assert drained.returncode == 0, drained.stderr
        verified = up.floorstream("verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert up.floorstream("export", "--out", str(tmp_path / "exported")).returncode == 0
    assert up.floorstream("fold", str(log), "--plant", str(plant), "--out", str(tmp_path / "folded")).returncode == 0
    for name in ("visits.csv", "operations.csv", "units.csv"):
        assert (tmp_path / "exported" / name).read_bytes() == (tmp_path / "folded" / name).read_bytes(), name
