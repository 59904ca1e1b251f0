"""What a real network and real scanners do to reads, source by source; no read comes before it was made.

    read ─► scanner: missed? read twice? ─► clock: ahead? ─► line: late, sent twice, offline for hours ─► arrival

Each source has a random generator of its own, so that the same seed disturbs the same reads of a source whatever the
others do. What happened to a read stands on its arrival; why a unit's stored visits cannot be the truth stands in
`spoiled`.
"""

import heapq
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import NamedTuple

from loadtest.reads import Read, event
from loadtest.shifts import SECOND, Span

TWIN_AFTER = 500_000
"""So much later a scanner reads again what passed it once, in µs."""
TWINS = ("-IN", "-RUN", "-END", "-OUT")
"""Reads that may come as twins: a second scrap would be another scrap."""
NOWHERE = "-?"
"""End of the id of a read point that no plant model knows."""
SKEW = 2 * SECOND
"""As in the plant model: a clock that is wrong by more is corrected by the clock at sending."""


class Happened(Flag):
    """To one read."""

    NOTHING = 0
    LATE = auto()
    OFFLINE = auto()
    SENT_TWICE = auto()
    READ_TWICE = auto()
    CLOCK_CORRECTED = auto()
    CLOCK_WRONG = auto()
    MISSED = auto()
    UNKNOWN_READER = auto()


SPOILS = Happened.CLOCK_WRONG | Happened.MISSED | Happened.UNKNOWN_READER
"""After these nobody can know what truly happened."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a source is. Shares of its reads, delays in seconds from, to.

    `offline`: when it cannot send; it sends what it has when that is over, in order. `clock`: from when on its clock
    is how much ahead, in µs; right before the first. `tells_clock`: it sends what its clock says with each upload.
    """

    late: float = 0.02
    late_s: tuple[float, float] = (1.0, 5.0)
    sent_twice: float = 0.02
    read_twice: float = 0.0
    missed: float = 0.0
    unknown: float = 0.0
    offline: Sequence[Span] = ()
    clock: Sequence[tuple[int, int]] = ()
    tells_clock: bool = False

    def ahead(self, at: int) -> int:
        """How far ahead its clock is then, in µs."""
        number = bisect_right(self.clock, (at, 1 << 62))
        return self.clock[number - 1][1] if number else 0

    def online(self, at: int) -> int:
        """The first instant from then on when it can send."""
        return next((span.end for span in self.offline if span.begin <= at < span.end), at)


class Arrival(NamedTuple):
    """A read arrives; µs. `ahead`: its source's clock when it read, `tells`: now, None where that is not sent."""

    at: int
    read: Read
    ahead: int
    tells: int | None
    happened: Happened
    twin: bool = False

    def message(self, now: int = 0) -> bytes:
        """Its bytes, if it is uploaded `now` by a clock that is right."""
        sent = None if self.tells is None else now + self.tells
        return event(self.read, self.ahead, sent, self.twin)


@dataclass
class Disorder:
    """Reads go in as they are made, and come out as they arrive; times in µs.

    `counts`: what happened how often. `spoiled`: units, and what happened to them that hides the truth.
    """

    seed: int
    habits: Mapping[str, Habits] = field(default_factory=dict)
    counts: Counter[Happened] = field(default_factory=Counter)
    spoiled: dict[str, Happened] = field(default_factory=dict)
    corrected: set[str] = field(default_factory=set)
    _waiting: list[tuple[int, int, Arrival]] = field(default_factory=list)
    _serial: int = 0

    def __post_init__(self) -> None:
        """Every source its own chance."""
        self._random: dict[str, random.Random] = {}

    def put(self, reads: Iterable[Read]) -> None:
        """These have been made."""
        for read in reads:
            self._put(read, self.habits.get(read.source, Habits()))

    def take(self, until: int) -> Iterator[Arrival]:
        """Those that have arrived by this instant, in order of arrival."""
        while self._waiting and self._waiting[0][0] <= until:
            yield heapq.heappop(self._waiting)[2]

    @property
    def waiting(self) -> int:
        """How many are on their way."""
        return len(self._waiting)

    def _put(self, read: Read, habits: Habits) -> None:
        rng = self._rng(read.source)
        scanned = read.transform is None
        if scanned and habits.missed and rng.random() < habits.missed:
            self._note(read, Happened.MISSED)
            return
        if scanned and habits.unknown and rng.random() < habits.unknown:
            self._note(read, Happened.UNKNOWN_READER)
            read = read._replace(read_point_id=f"{read.read_point_id}{NOWHERE}")
        late = rng.random() < habits.late
        self._send(read, habits, self._delay(rng, habits) if late else 0, Happened.LATE if late else Happened.NOTHING)
        if rng.random() < habits.sent_twice:
            self._send(read, habits, self._delay(rng, habits), Happened.SENT_TWICE)
        if habits.read_twice and read.read_point_id.endswith(TWINS) and rng.random() < habits.read_twice:
            later = read._replace(time=read.time + TWIN_AFTER, product_id=None)
            self._send(later, habits, 0, Happened.READ_TWICE, twin=True)

    def _send(self, read: Read, habits: Habits, delay: int, happened: Happened, twin: bool = False) -> None:
        ready = read.time + delay
        at = habits.online(ready)
        if at > ready:
            happened |= Happened.OFFLINE
        ahead = habits.ahead(read.time)
        tells = habits.ahead(at) if habits.tells_clock else None
        correction = tells if tells is not None and abs(tells) > SKEW else 0
        if ahead != correction:
            happened |= Happened.CLOCK_WRONG
        elif correction:
            happened |= Happened.CLOCK_CORRECTED
            self.corrected.update(read.units)
        self._note(read, happened)
        self._serial += 1
        heapq.heappush(self._waiting, (at, self._serial, Arrival(at, read, ahead, tells, happened, twin)))

    def _note(self, read: Read, happened: Happened) -> None:
        for each in happened:
            self.counts[each] += 1
        spoils = happened & SPOILS
        if spoils:
            for unit in read.units:
                self.spoiled[unit] = self.spoiled.get(unit, Happened.NOTHING) | spoils

    def _rng(self, source: str) -> random.Random:
        rng = self._random.get(source)
        if rng is None:
            rng = self._random[source] = random.Random(f"{self.seed}/{source}")
        return rng

    def _delay(self, rng: random.Random, habits: Habits) -> int:
        return round(SECOND * rng.uniform(*habits.late_s))
