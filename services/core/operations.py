"""Operation state and plant state: the sums over partitions of what partials say, as of an instant.

Counts, quantities and values are exact integers. Windows end at the instant asked for, in whole slots: 15 min and 1 h
of slots of a minute, 8 h of slots of ten minutes; their percentiles are within 1 % (see sketch.py).
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from heapq import merge
from itertools import islice
from typing import NamedTuple

from services.core.ledger import OLDEST, Counts, Totals
from services.core.partials import Coverage, OperationParts, Partials, Stay, coverage
from services.core.windows import EIGHT_HOURS_US, HOUR_US, MINUTES, QUARTER_HOUR_US, TENS, Window, window


class WindowShape(NamedTuple):
    """A window by name: how wide its slots are and how long it is, µs."""

    name: str
    width_us: int
    length_us: int


WINDOWS = (
    WindowShape("15m", MINUTES.width_us, QUARTER_HOUR_US),
    WindowShape("1h", MINUTES.width_us, HOUR_US),
    WindowShape("8h", TENS.width_us, EIGHT_HOURS_US),
)


class Aging(NamedTuple):
    """An open stay, and in how many µs its age passes the p85 of dwell (negative: it has; None: there is no p85)."""

    stay: Stay
    over_p85_in: int | None


@dataclass(frozen=True, slots=True)
class OperationState:
    """One operation as of `as_of`. `moves` is the instant when its windows change although nothing happens."""

    operation: str
    as_of: int
    counts: Counts
    oldest: list[Aging]
    windows: dict[str, Window]
    coverage: Coverage
    newest: int | None
    moves: int | None


@dataclass(frozen=True, slots=True)
class PlantState:
    """The plant's units as of `as_of`; `wip` is the number of open visits."""

    as_of: int
    totals: Totals
    wip: int
    coverage: Coverage
    newest: int | None


@dataclass(slots=True)
class _Windows:
    version: int
    until: int
    found: dict[str, Window] = field(default_factory=dict)


class Operations:
    """Operation states out of partials. Windows are summed anew only where a slot or the time has moved them."""

    def __init__(self, partials: Partials) -> None:
        self._partials = partials
        self._windows: dict[str, _Windows] = {}

    def state(self, operation: str, as_of: int) -> OperationState:
        """The state of one operation; all zero where nothing is known of it."""
        parts = self._partials.operations.get(operation) or OperationParts()
        known = list(parts.counts.values())
        windows = self._windows_of(operation, parts, as_of)
        p85 = windows["8h"].dwell.p85
        return OperationState(
            operation=operation,
            as_of=as_of,
            counts=add_counts(partial.counts for partial in known),
            oldest=[
                Aging(stay, None if p85 is None else stay.arrived + round(p85) - as_of)
                for stay in islice(merge(*(sorted(partial.oldest) for partial in known)), OLDEST)
            ],
            windows=windows,
            coverage=coverage(known),
            newest=max((p.newest for p in known if p.newest is not None), default=None),
            moves=next_move(parts, as_of),
        )

    def plant(self, as_of: int) -> PlantState:
        """The plant's totals over all partitions that have said theirs.

        A partition that does not say its open visits counts its units in process, as many where none is at two
        operations at once.
        """
        known = list(self._partials.totals.values())
        return PlantState(
            as_of=as_of,
            totals=Totals(*(sum(column) for column in zip(*(astuple(p.totals) for p in known), strict=True))),
            wip=sum(p.totals.in_process if p.wip is None else p.wip for p in known),
            coverage=coverage(known),
            newest=max((p.newest for p in known if p.newest is not None), default=None),
        )

    def _windows_of(self, operation: str, parts: OperationParts, as_of: int) -> dict[str, Window]:
        slot_start = as_of - as_of % MINUTES.width_us
        kept = self._windows.get(operation)
        if kept is None or (kept.version, kept.until) != (parts.version, slot_start):
            kept = self._windows[operation] = _Windows(parts.version, slot_start)
            slots = {width: list(parts.slots(width).values()) for width in {shape.width_us for shape in WINDOWS}}
            for name, width, length in WINDOWS:
                kept.found[name] = window(slots[width], width, as_of, length)
        return kept.found


def add_counts(counts: Iterable[Counts]) -> Counts:
    """The sum of all."""
    total = Counts()
    for one in counts:
        total.queued += one.queued
        total.running += one.running
        total.finished += one.finished
        total.held += one.held
        total.quantity += one.quantity
        total.value += one.value
        total.arrivals += one.arrivals
        total.departures += one.departures
        total.completed += one.completed
        total.scrapped += one.scrapped
        total.rework += one.rework
    return total


def next_move(parts: OperationParts, as_of: int) -> int | None:
    """The first instant after `as_of` when a slot enters a window or leaves one; None when nothing will."""
    moves = (
        instant
        for _, width, length in WINDOWS
        for start in parts.slots(width)
        for instant in (start, start + length)
        if instant > as_of
    )
    return min(moves, default=None)


def throughput_per_h(found: Window) -> float:
    """Departures per hour of the window's length."""
    return found.n * HOUR_US / (found.end_us - found.start_us)
