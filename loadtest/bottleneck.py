"""Which station limits a plant, and for how long: the active-period method.

A station is active while it keeps others waiting rather than waits itself: all its machines work, or it is down. At
any instant the station whose active period, taken as a whole, is longest is the bottleneck; where the period of one
overlaps that of the next, the bottleneck shifts from one to the other.

Roser, Nakano, Tanaka: A practical bottleneck detection method, Winter Simulation Conference 2001; Shifting bottleneck
detection, Winter Simulation Conference 2002 (momentary, sole and shifting bottlenecks). There a machine is active;
here a station is, whose machines share one queue.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class Period(NamedTuple):
    """A station was active without interruption, from begin to end, in µs."""

    begin: int
    end: int
    operation: str

    @property
    def length(self) -> int:
        """In µs."""
        return self.end - self.begin


@dataclass(slots=True)
class Share:
    """Parts of the time observed: `limits`, a station's period was the longest; `sole`, and its turn overlapped no
    other's; `shifting`, it was taking turns. `limits` adds up to at most 1 over all stations.
    """

    limits: float = 0.0
    sole: float = 0.0
    shifting: float = 0.0


@dataclass(slots=True)
class Activity:
    """The active periods of all stations of a plant, noted as it works."""

    periods: list[Period] = field(default_factory=list)
    _since: dict[str, int] = field(default_factory=dict)

    def note(self, operation: str, active: bool, now: int) -> None:
        """A station is, or is not, active from now on."""
        if active:
            self._since.setdefault(operation, now)
        else:
            begin = self._since.pop(operation, now)
            if begin < now:
                self.periods.append(Period(begin, now, operation))

    def until(self, now: int) -> list[Period]:
        """All periods up to now, those still going on cut there."""
        open_ones = [Period(begin, now, operation) for operation, begin in self._since.items() if begin < now]
        return [*self.periods, *open_ones]


class Turn(NamedTuple):
    """From begin to end (µs) this period was the longest of those that were active."""

    begin: int
    end: int
    period: Period


def turns(periods: Iterable[Period]) -> Iterator[Turn]:
    """Whose turn it was to limit the plant, in order of time; nobody's where no station was active."""
    coming = sorted(periods, reverse=True)
    active: list[tuple[int, str, Period]] = []
    at = 0
    while coming or active:
        if not active:
            at = coming[-1].begin
        while coming and coming[-1].begin <= at:
            period = coming.pop()
            heapq.heappush(active, (-period.length, period.operation, period))
        longest = active[0][2]
        if longest.end <= at:
            heapq.heappop(active)
            continue
        until = min(longest.end, coming[-1].begin) if coming else longest.end
        yield Turn(at, until, longest)
        at = until


def shares(periods: Iterable[Period], first: int, last: int) -> dict[str, Share]:
    """Each station's shares of the time from first to last (µs)."""
    found: dict[str, Share] = defaultdict(Share)
    observed = last - first
    in_turn: list[Period] = []
    for turn in turns(periods):
        limits = min(turn.end, last) - max(turn.begin, first)
        if limits > 0:
            found[turn.period.operation].limits += limits / observed
            if not in_turn or in_turn[-1] is not turn.period:
                in_turn.append(turn.period)
    for number, period in enumerate(in_turn):
        # Begins and ends of those in turn both rise, so that only the one before and the one after can overlap most.
        begin = max(period.begin, in_turn[number - 1].end) if number else period.begin
        end = min(period.end, in_turn[number + 1].begin) if number + 1 < len(in_turn) else period.end
        sole = max(0, min(end, last) - max(begin, first))
        seen = min(period.end, last) - max(period.begin, first)
        found[period.operation].sole += sole / observed
        found[period.operation].shifting += (seen - sole) / observed
    return dict(found)
