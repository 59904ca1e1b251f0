"""What truly happened in a simulated plant: every stay, how many units were where for how long, what limited it.

entered + made = in process + completed + consumed + scrapped            units
released       = in process + completed            + scrapped            pieces
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from loadtest.bottleneck import Activity, Share, shares


@dataclass(slots=True)
class TrueVisit:
    """One stay as it was; what no scanner sees is not in it. Times in µs, None: has not happened."""

    unit_id: str
    seq: int
    operation: str
    arrived: int
    started: int | None = None
    finished: int | None = None
    departed: int | None = None
    outcome: str = "open"
    held: int = 0
    rework: bool = False


@dataclass(slots=True)
class Census:
    """How many there have been: `units` and, what a lot is made of, `pieces`; see the top of this file.

    `made`: lots that a split or merge has made; `consumed`: those it has used up.
    """

    entered: int = 0
    made: int = 0
    completed: int = 0
    consumed: int = 0
    scrapped: int = 0
    pieces_released: int = 0
    pieces_completed: int = 0
    pieces_scrapped: int = 0


@dataclass(slots=True)
class _Wip:
    """`integral` in unit-µs up to `since`."""

    count: int = 0
    since: int = 0
    integral: int = 0


@dataclass
class Truth:
    """`visits`: every stay so far in order of arrival, if `keep`. `tell` gets the stays of a unit that has left.

    Stays that departed without being seen end when the unit is seen elsewhere, here as in the product.
    """

    keep: bool = True
    tell: Callable[[Sequence[TrueVisit]], None] | None = None
    visits: list[TrueVisit] = field(default_factory=list)
    census: Census = field(default_factory=Census)
    _activity: Activity = field(default_factory=Activity)
    _wip: dict[str, _Wip] = field(default_factory=dict)
    _inside: dict[str, list[TrueVisit]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[TrueVisit]:
        """Every stay, if they are kept."""
        return iter(self.visits)

    def arrived(self, visit: TrueVisit) -> None:
        """A stay begins."""
        self._change(visit.operation, 1, visit.arrived)
        if self.keep:
            self.visits.append(visit)
        if self.tell is not None:
            self._inside.setdefault(visit.unit_id, []).append(visit)

    def departed(self, visit: TrueVisit, now: int) -> None:
        """A stay ends."""
        self._change(visit.operation, -1, now)

    def active(self, operation: str, active: bool, now: int) -> None:
        """A station keeps others waiting, or not, from now on; not noted where nobody will ask."""
        if self.keep or self.tell is not None:
            self._activity.note(operation, active, now)

    def left(self, unit_id: str) -> None:
        """A unit is completed, consumed or scrapped."""
        if self.tell is not None:
            self.tell(self._inside.pop(unit_id))

    def tell_the_rest(self) -> None:
        """Tell of the units that have not left."""
        for unit_id in list(self._inside):
            self.left(unit_id)

    @property
    def wip(self) -> Mapping[str, int]:
        """Units at every operation where one has been."""
        return {operation: wip.count for operation, wip in self._wip.items()}

    def unit_seconds(self, now: int) -> dict[str, float]:
        """The integral of the WIP of every operation over time, from the beginning up to now (µs)."""
        return {
            operation: (wip.integral + wip.count * (now - wip.since)) / 1_000_000
            for operation, wip in self._wip.items()
        }  # fmt: skip

    def bottlenecks(self, begin: int, now: int) -> dict[str, Share]:
        """How much of the time from begin up to now (µs) every station limited the plant; see `bottleneck`.

        Periods that reach over the begin are as long as they were, and count from there.
        """
        return shares(self._activity.until(now), begin, now)

    def _change(self, operation: str, by: int, now: int) -> None:
        wip = self._wip.setdefault(operation, _Wip(since=now))
        wip.integral += wip.count * (now - wip.since)
        wip.since = now
        wip.count += by
