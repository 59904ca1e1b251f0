"""The edge program as a process of its own: started, killed, and looked at from beside."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from services.adapters.spool_file import NAME, Lane, SpoolLost, open_database, read_lanes
from services.embedded.process import free_port, wait_until
from tests.integration.up_process import command, environment

PATIENCE_SECONDS = 600.0
OPEN = "the queue is open"
"""Said once signals are listened to."""


def nobody() -> str:
    """The address of a server that is not there."""
    return f"http://127.0.0.1:{free_port()}"


class EdgeProgram:
    """One edge file, and the program that is started with it again and again; leaving the context ends it."""

    def __init__(self, home: Path, server: str, collectors: str, *, key: str = "", inside: Sequence[str] = ()) -> None:
        """`server`: address of the front door, and the `key` for it, if it wants one. `collectors`: the YAML of what
        is read. `inside`: the words that take a command to where it runs."""
        self.home = home
        self.inside = tuple(inside)
        self.file = home / "edge.yaml"
        if key:
            (home / "token").touch(0o600)
            (home / "token").write_text(key, "ascii")
        door = f"server: {{url: '{server}'{', key_file: token' if key else ''}}}"
        self.file.write_text(f"{door}\n{collectors}\n", "utf-8")
        self._output = home / "edge.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self._openings = 0

    def __enter__(self) -> Self:
        """Nothing runs before `start`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self.end("kill")

    @property
    def pid(self) -> int:
        """The process that runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def said(self) -> str:
        """All that it has said since the first start."""
        return self._output.read_text("utf-8") if self._output.exists() else ""

    def says(self, words: str, times: int = 1) -> None:
        """Wait until it has said so, so often since the first start."""
        so = wait_until(lambda: self.said.count(words) >= times, PATIENCE_SECONDS)
        assert so, f"never said {words!r}:\n{self.said}"

    def start(self) -> None:
        """Another process."""
        self._openings = self.said.count(OPEN)
        words = [*self.inside, *command("edge", "--config", str(self.file))]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(words, env=environment(self.home), stdout=output, stderr=output)

    def end(self, how: str) -> int:
        """By SIGKILL (`kill`), or as it is asked to (`terminate`) once it listens; its exit code."""
        assert self._process is not None
        if how == "terminate":
            self.says(OPEN, self._openings + 1)
        getattr(self._process, how)()
        code = self._process.wait(PATIENCE_SECONDS)
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

    @property
    def ended(self) -> bool:
        """Was it ended, and not started since?"""
        return self._process is None

    def waits_until(self, queued: int, meaning: str, *, or_less: bool = False, or_more: bool = False) -> int:
        """Look until so many wait; how many do."""
        seen: list[int] = []

        def so_many() -> bool:
            lane = self.lane()
            if lane is not None and (
                lane.queued == queued or (or_less and lane.queued < queued) or (or_more and lane.queued > queued)
            ):
                seen.append(lane.queued)
            self._runs()
            return bool(seen)

        so = wait_until(so_many, PATIENCE_SECONDS)
        assert so, f"not so in time: {meaning}: {self.lane()}\n{self.said}"
        return seen[0]

    def sent(self, number: int) -> None:
        """Look until the server has judged so many, and nothing waits; none of them was refused."""

        def so_many() -> bool:
            self._runs()
            lane = self.lane()
            return lane is not None and lane.queued == 0 and lane.sent + lane.refused >= number

        so = wait_until(so_many, PATIENCE_SECONDS)
        lane = self.lane()
        assert so, f"not sent in time: {lane}\n{self.said}"
        assert lane is not None
        assert (lane.sent, lane.refused) == (number, 0)

    def _runs(self) -> None:
        ended = self._process is not None and self._process.poll()
        assert not ended, f"it ended with {ended}:\n{self.said}"
