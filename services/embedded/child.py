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
STILL_SECONDS = 120.0  # far above what a broker or a database that is away and comes back makes a stage wait
WORDS_SECONDS = 5.0  # for a child that is broken off to write down where it stood


@dataclass(frozen=True)
class Child:
    """A program that the supervisor keeps running."""

    name: str  # of its log file and in messages
    argv: Sequence[str]  # argv[0] is a path
    env: Mapping[str, str] = field(default_factory=dict)  # added to our own environment
    is_ready: Callable[[], bool] | None = None  # polled until true; an OSError is a no; must return within a second
    once: bool = False  # exit 0 is its end, not a failure
    may_start: Callable[[], bool] | None = None  # polled until true, before its first start
    pulse: Path | None = None  # touched as long as it gets on, see services/adapters/pulse.py
    still_seconds: float = STILL_SECONDS  # a pulse that has not moved for so long stands still
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
        self._beat: float | None = None
        self._moved: float | None = None
        self._broken_off: float | None = None

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
        self._beat, self._moved, self._broken_off = self._last_beat(), None, None
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

    def stands_still(self) -> float | None:
        """For how many seconds its pulse has not moved, where that is too long; None while it gets on.

        Counted by when we saw it move, so that a step of the clock or a night asleep is no standstill. A life whose
        pulse has not moved yet is starting: what it waits for may be away, and another start would not help.
        """
        if not self.is_running():
            return None
        now, beat = time.monotonic(), self._last_beat()
        if beat != self._beat:
            self._beat, self._moved = beat, now
        still = 0.0 if self._moved is None else now - self._moved
        return still if still > self.child.still_seconds else None

    def break_off(self) -> bool:
        """End a life that stands still: it is told to write down where (SIGABRT), then killed; true the first time."""
        now = time.monotonic()
        first = self._broken_off is None
        if self._broken_off is None:
            self._broken_off = now
            self.send(signal.SIGABRT)
        elif now - self._broken_off > WORDS_SECONDS:
            self.send(signal.SIGKILL)
        return first

    def _last_beat(self) -> float | None:
        try:
            return None if self.child.pulse is None else self.child.pulse.stat().st_mtime
        except OSError:
            return None

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
