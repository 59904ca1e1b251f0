"""The edge program killed -9 while it sends, and without a server before: all that it took is counted exactly once."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.embedded.process import free_port
from tests.integration.edge_gate import EDGE_PLANT, Gate
from tests.integration.up_process import Running, run

pytestmark = pytest.mark.slow

READS = 4_000
KILLS = 4


@pytest.fixture
def port() -> int:
    """Where the server will be."""
    return free_port()


@pytest.fixture
def program(tmp_path: Path, port: int) -> Iterator[Gate]:
    with Gate(tmp_path, f"http://127.0.0.1:{port}") as made:
        yield made


def test_what_was_taken_is_counted_once_whatever_is_away_or_killed(program: Gate, port: int, tmp_path: Path) -> None:
    for begin in (0, READS // 2):  # no server anywhere
        program.start()
        program.scan([f"U{number}" for number in range(begin, begin + READS // 2)])
        program.waits_until(begin + READS // 2, "half the reads are in the queue")
        program.end("kill")
    plant = tmp_path / "plant.yaml"
    plant.write_text(EDGE_PLANT, "utf-8")
    with Running(tmp_path, "up", "--port", str(port), "--plant", str(plant)) as up:
        queued = READS
        for _ in range(KILLS):
            if queued == 0:
                break
            program.start()
            queued = program.waits_until(queued - 1, "some was sent", or_less=True)
            program.end("kill")
        program.start()
        program.waits_until(0, "all was sent")
        assert program.end("terminate") == 0
        said = run(tmp_path, "edge", "status", "--config", str(program.file)).stdout
        assert said.startswith(f"gate scan: 0 wait; {READS} sent, 0 refused"), said
        assert up.floorstream("drain", "--timeout", "60s").returncode == 0
        verified = up.floorstream("verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert up.floorstream("export", "--out", str(tmp_path / "out")).returncode == 0
    with (tmp_path / "out" / "visits.csv").open(encoding="utf-8", newline="") as file:
        visits = list(csv.DictReader(file))
    assert sorted(visit["unit_id"] for visit in visits) == sorted(f"U{number}" for number in range(READS))
    assert {visit["repeats"] for visit in visits} == {"0"}
