"""The whole stack under load while its stages are killed at random: afterwards the rows are what the log says."""

import json
import random
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from services.embedded.process import free_port
from tests.faults.scans import PLANT, events
from tests.integration.up_process import Running, command, environment

pytestmark = pytest.mark.slow

STAGES = ("services.track", "services.aggregate", "services.store")
KILLS = 9
UNITS = 250


def stage_process(up: Running, module: str) -> psutil.Process | None:
    """The process of a stage, if it runs at this moment."""
    for child in up.family():
        try:
            if module in child.cmdline():
                return child
        except psutil.Error:
            continue
    return None


def kill(up: Running, module: str) -> None:
    """kill -9, as soon as it runs."""
    deadline = time.monotonic() + 60
    while (process := stage_process(up, module)) is None:
        assert time.monotonic() < deadline, f"{module} was not started again"
        time.sleep(0.05)
    process.kill()


@pytest.mark.row(2)
def test_stages_killed_at_random_under_load(tmp_path: Path, broker_choice: str) -> None:
    rnd = random.Random(11)
    plant, log = tmp_path / "plant.yaml", tmp_path / "log.jsonl"
    plant.write_text(PLANT, "utf-8")
    log.write_text("".join(json.dumps(event) + "\n" for event in events(11, UNITS)), "utf-8")
    broker = broker_choice if broker_choice in ("embedded", "apache") else "embedded"
    with Running(tmp_path, "up", "--port", str(free_port()), "--plant", str(plant), "--broker", broker) as up:
        load = subprocess.Popen(
            command("replay", str(log), "--via", "kafka", "--rate", "200"), env=environment(tmp_path),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for number in range(KILLS):
            kill(up, STAGES[number % len(STAGES)])
            time.sleep(rnd.uniform(0.5, 4))
        assert load.wait(120) == 0
        drained = up.floorstream("drain", "--timeout", "90s")
        assert drained.returncode == 0, drained.stderr
        verified = up.floorstream("verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert up.floorstream("export", "--out", str(tmp_path / "exported")).returncode == 0
    assert up.floorstream("fold", str(log), "--plant", str(plant), "--out", str(tmp_path / "folded")).returncode == 0
    for name in ("visits.csv", "operations.csv", "units.csv"):
        assert (tmp_path / "exported" / name).read_bytes() == (tmp_path / "folded" / name).read_bytes(), name
