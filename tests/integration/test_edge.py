"""The edge program killed -9 while it sends, and without a server before: all that it took is counted exactly once."""

import contextlib
import csv
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from services.adapters.spool_file import NAME, Lane, SpoolLost, open_database, read_lanes
from services.embedded.process import accepts, free_port, wait_until
from tests.integration.up_process import Running, command, environment, run

pytestmark = pytest.mark.slow

READS = 4_000
KILLS = 4
PATIENCE_SECONDS = 120.0
READ_POINT = "EDGE-IN"
EDGE_PLANT = f"""
site: {{id: S}}
areas:
  - id: A
    work_centers:
      - id: L
        operations: [{{id: EDGE}}]
        read_points: [{{id: {READ_POINT}, operation: EDGE, action: arrive}}]
"""


class EdgeProgram:
    """One edge file, and the program that is started with it again and again."""

    def __init__(self, home: Path, server_port: int) -> None:
        self.home = home
        self.scanner_port = free_port()
        self.file = home / "edge.yaml"
        self.file.write_text(
            f"server: {{url: 'http://127.0.0.1:{server_port}'}}\n"
            f"scanners: {{gate: {{listen: '127.0.0.1:{self.scanner_port}', read_point: {READ_POINT}}}}}\n"
        )
        self._output = home / "edge.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Another process."""
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                command("edge", "--config", str(self.file)), env=environment(self.home), stdout=output, stderr=output
            )

    def end(self, how: str) -> int:
        """By SIGKILL (`kill`) or as it is asked to (`terminate`); its exit code."""
        assert self._process is not None
        getattr(self._process, how)()
        code = self._process.wait(60)
        self._process = None
        return code

    def lane(self) -> Lane | None:
        """What is in the queue now."""
        try:
            database = open_database(self.home / "spool" / NAME, read_only=True)
        except SpoolLost:
            return None
        with contextlib.closing(database):
            lanes = read_lanes(database)
        return lanes[0] if lanes else None

    def waits_until(self, queued: int, meaning: str, *, or_less: bool = False) -> int:
        """Look until so many wait; how many do."""
        seen: list[int] = []

        def so_many() -> bool:
            lane = self.lane()
            if lane is not None and (lane.queued == queued or (or_less and lane.queued < queued)):
                seen.append(lane.queued)
            ended = self._process is not None and self._process.poll()
            assert not ended, f"it ended with {ended}:\n{self._output.read_text()}"
            return bool(seen)

        so = wait_until(so_many, PATIENCE_SECONDS)
        assert so, f"not so in time: {meaning}: {self.lane()}\n{self._output.read_text()}"
        return seen[0]

    def scan(self, codes: Sequence[str]) -> None:
        """Send reads as a scanner does."""
        listens = wait_until(lambda: accepts("127.0.0.1", self.scanner_port), PATIENCE_SECONDS)
        assert listens, f"it never listened:\n{self._output.read_text()}"
        with socket.create_connection(("127.0.0.1", self.scanner_port), 10) as scanner:
            scanner.sendall("".join(f"{code}\r\n" for code in codes).encode())


@pytest.fixture
def program(tmp_path: Path) -> Iterator[EdgeProgram]:
    made = EdgeProgram(tmp_path, free_port())
    yield made
    if made._process is not None:
        made.end("kill")


def test_what_was_taken_is_counted_once_whatever_is_away_or_killed(program: EdgeProgram, tmp_path: Path) -> None:
    for begin in (0, READS // 2):  # no server anywhere
        program.start()
        program.scan([f"U{number}" for number in range(begin, begin + READS // 2)])
        program.waits_until(begin + READS // 2, "half the reads are in the queue")
        program.end("kill")
    plant = tmp_path / "plant.yaml"
    plant.write_text(EDGE_PLANT, "utf-8")
    port = program.file.read_text().split("127.0.0.1:")[1].split("'")[0]
    with Running(tmp_path, "up", "--port", port, "--plant", str(plant)) as up:
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
