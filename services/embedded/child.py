"""One child process of the stack: what to run, and its life with its restarts."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.embedded import process

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 10.0
CALM_SECONDS = 30.0  # a child that has lived this long starts again with the first delay


@dataclass(frozen=True)
class Child:
    """A program that the supervisor keeps running."""

    name: str  # of its log file and in messages
    argv: Sequence[str]  # argv[0] is a path
    env: Mapping[str, str] = field(default_factory=dict)  # added to our own environment
    is_ready: Callable[[], bool] | None = None  # polled until true; an OSError is a no; must return within a second
    once: bool = False  # exit 0 is its end, not a failure
    may_start: Callable[[], bool] | None = None  # polled until true, before its first start
    door: bool = False  # by it records come in: at the end it goes first, and what it has let in is stored


class Supervised:
    """A child with its current process, if any."""

    def __init__(self, child: Child, log_path: Path) -> None:
        """Nothing runs yet."""
        self.child = child
        self.log_path = log_path
        self.ready = child.is_ready is None
        self.done = False
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = 0.0
        self._delay = FIRST_DELAY_SECONDS
        self._next_start: float | None = time.monotonic()
        self._may_start = child.may_start is None

    @property
    def pid(self) -> int | None:
        """Process number, also of a process that has ended and is not reaped yet; None between two lives."""
        return self._process.pid if self._process else None

    def start_if_due(self) -> int | None:
        """Start it when its time has come; returns the process number if so."""
        if self._next_start is None or time.monotonic() < self._next_start:
            return None
        if not self._may_start and self.child.may_start is not None:
            self._may_start = self.child.may_start()
        if not self._may_start:
            return None
        self._next_start = None
        self._begun = time.monotonic()
        self._process = process.spawn(
            self.child.argv, env={**os.environ, **self.child.env}, log_path=self.log_path, death_signal=signal.SIGTERM
        )
        return self._process.pid

    def reap(self) -> int | None:
        """Exit code of a process that has just ended (negative: the signal that ended it), else None."""
        code = self._process.poll() if self._process else None
        if code is not None:
            self._process = None
        return code

    def schedule_restart(self) -> float:
        """Plan the next life; returns the seconds until then."""
        if time.monotonic() - self._begun > CALM_SECONDS:
            self._delay = FIRST_DELAY_SECONDS
        delay = self._delay
        self._delay = min(self._delay * 2, LONGEST_DELAY_SECONDS)
        self._next_start = time.monotonic() + delay
        return delay

    def poll_ready(self) -> bool:
        """True once it has said that it takes work (and from then on, restarts or not)."""
        if not self.ready and self._process is not None and self.child.is_ready is not None:
            try:
                self.ready = self.child.is_ready()
            except OSError:
                self.ready = False
        return self.ready

    def is_running(self) -> bool:
        """True while its process has not ended."""
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Signal its process, if it runs."""
        if self._process is not None:
            self._process.send_signal(number)


def describe_end(code: int) -> str:
    """The way a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
