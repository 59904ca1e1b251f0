"""The only wall clocks: whatever needs to know what time it is gets one handed in."""

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from services.core.reading import Moment
from services.ports import Clock

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

STEP_US = 1_000_000
"""A wall clock that is further from the steady one than this was set, not adjusted."""
BELIEVED_US = 60_000_000
"""So long a clock that was set has to stand by it before it is followed: it may be set back at once."""


class SystemClock:
    """The clock of this machine."""

    def now_us(self) -> int:
        """µs since the epoch, UTC."""
        return time.time_ns() // 1000


@cache
def _boot() -> int:
    """Another number after every start of the machine; a container has that of its machine, as its steady clock has."""
    return int(BOOT_ID.read_text("ascii")[:8], 16)


def moment() -> Moment:
    """Now, by the wall clock and by the one that nobody sets and that runs on while the machine sleeps."""
    return Moment(time.time_ns() // 1000, _boot(), time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000)


class Followed(NamedTuple):
    """The wall clock was set and is followed now: from which instant to which."""

    since: int
    until: int


class SteadyClock:
    """The wall clock for deadlines: it runs by the monotonic clock, and follows one that was set after a minute."""

    def __init__(self, wall: Clock, steady_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._wall = wall
        self._steady_ns = steady_ns
        self._offset = wall.now_us() - steady_ns() // 1000
        self._set_at: int | None = None

    def now_us(self) -> int:
        """µs since the epoch, UTC."""
        return self._steady_ns() // 1000 + self._offset

    @property
    def off_us(self) -> int:
        """How far the wall clock is ahead of this one."""
        return self._wall.now_us() - self.now_us()

    def look(self) -> Followed | None:
        """Compare with the wall clock; to be called every second or so. Tells when a clock that was set is followed."""
        off, now = self.off_us, self.now_us()
        if abs(off) <= STEP_US:
            self._set_at = None
            self._offset += off
            return None
        if self._set_at is None:
            self._set_at = now
        if now - self._set_at < BELIEVED_US:
            return None
        self._set_at = None
        self._offset += off
        return Followed(now, now + off)
