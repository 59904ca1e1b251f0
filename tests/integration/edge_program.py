"""`floorstream edge` as it runs beside the machines: one edge file, and the program started with it again and again."""

import contextlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from services.adapters.spool_file import NAME, Lane, SpoolLost, open_database, read_lanes
from services.embedded.process import free_port, wait_until
from tests.integration.up_process import command, environment

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
SCANNER = """
import socket, sys, time
deadline = time.monotonic() + float(sys.argv[2])
while True:
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as scanner:
            scanner.sendall(sys.stdin.buffer.read())
        break
    except ConnectionRefusedError:
        if time.monotonic() > deadline:
            raise
        time.sleep(0.05)
"""
"""Connects as soon as somebody listens, sends its input and leaves."""


class EdgeProgram:
    """The program and its scanner; both run where the words `inside` take a command."""

    def __init__(self, home: Path, server: str, *, key: str = "", inside: Sequence[str] = ()) -> None:
        """Nothing runs yet. `server`: address of the front door, and the `key` for it, if it wants one."""
        self.home = home
        self._inside = tuple(inside)
        self._scanner_port = free_port()
        self.file = home / "edge.yaml"
        if key:
            (home / "token").touch(0o600)
            (home / "token").write_text(key, "ascii")
        self.file.write_text(
            f"server: {{url: '{server}'{', key_file: token' if key else ''}}}\n"
            f"scanners: {{gate: {{listen: '127.0.0.1:{self._scanner_port}', read_point: {READ_POINT}}}}}\n"
        )
        self._output = home / "edge.txt"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def said(self) -> str:
        """What it has said so far."""
        return self._output.read_text("utf-8") if self._output.exists() else ""

    def start(self) -> None:
        """Another process."""
        words = [*self._inside, *command("edge", "--config", str(self.file))]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(words, env=environment(self.home), stdout=output, stderr=output)

    def end(self, how: str) -> int:
        """By SIGKILL (`kill`) or as it is asked to (`terminate`); its exit code."""
        assert self._process is not None
        getattr(self._process, how)()
        code = self._process.wait(60)
        self._process = None
        return code

    def leave(self) -> None:
        """Nothing of it runs any more."""
        if self._process is not None:
            self.end("kill")

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
            assert not ended, f"it ended with {ended}:\n{self.said}"
            return bool(seen)

        so = wait_until(so_many, PATIENCE_SECONDS)
        assert so, f"not so in time: {meaning}: {self.lane()}\n{self.said}"
        return seen[0]

    def scan(self, codes: Sequence[str]) -> None:
        """Send reads as a scanner does."""
        words = [*self._inside, sys.executable, "-c", SCANNER, str(self._scanner_port), str(PATIENCE_SECONDS)]
        sent = "".join(f"{code}\r\n" for code in codes).encode()
        done = subprocess.run(words, input=sent, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 0, f"{done.stderr.decode()}\n{self.said}"
