"""`floorstream up` and `demo` as a user starts them: another process, found through its data directory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

READY_SECONDS = 240.0
POLL_SECONDS = 0.05


def environment(home: Path) -> dict[str, str]:
    """What a user's shell has, without settings of other systems; stacks are registered below `home`."""
    runtime = home / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOORSTREAM_")}
    return {**kept, "XDG_RUNTIME_DIR": str(runtime), "HTTP_PROXY": "http://127.0.0.1:9", "PYTHONUNBUFFERED": "1"}


def command(*words: str, program: str = "services.cli") -> list[str]:
    """A floorstream command line."""
    return [sys.executable, "-m", program, *words]


def run(home: Path, *words: str, settings: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    return subprocess.run(
        command(*words), env={**environment(home), **(settings or {})}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


class Running:
    """A stack in a process of its own; leaving the context ends it."""

    def __init__(self, home: Path, *words: str, program: str = "services.cli") -> None:
        """Nothing runs before the context is entered."""
        self._program = program
        self.home = home
        self.data_dir = home / "data"
        self.address = ""
        self._words = words
        self._output = home / "output.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start, and wait for the line that says ready."""
        started = command(*self._words, "--data-dir", str(self.data_dir), program=self._program)
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                started, env=environment(self.home), stdout=output, stderr=subprocess.STDOUT
            )
        try:
            self.address = self._wait_ready().removeprefix("ready ")
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it."""
        self.end()

    @property
    def lines(self) -> list[str]:
        """What it has said so far."""
        return self._output.read_text("utf-8").splitlines()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The supervisor."""
        assert self._process is not None
        return self._process

    def floorstream(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Another command, in another terminal."""
        return run(self.home, *words)

    def family(self) -> list[psutil.Process]:
        """The supervisor and all its children."""
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def kill(self) -> None:
        """kill -9 to all of them; a child whose parent dies first may be gone before its turn."""
        family = self.family()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, 10)
        self.process.wait(10)

    def interrupt(self) -> float:
        """Ctrl-C; the seconds until its end."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        return time.monotonic() - begun

    def end(self) -> None:
        """End it, whatever state it is in."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _wait_ready(self) -> str:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            ready = [line for line in self.lines if line.startswith("ready ")]
            if ready:
                return ready[0]
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"not ready (exit code {self.process.poll()}):\n" + "\n".join(self.lines))
