"""Operation state and plant state: the sums over partitions of what partials say, as of an instant.

Counts, quantities and values are exact integers. Limits are those of the plant model the caller says: the present is
judged by the present model. Windows end at the instant asked for, in whole slots: 15 min and 1 h
of slots of a minute, 8 h of slots of ten minutes; their percentiles are within 1 % (see sketch.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field
from typing import NamedTuple

from services.core.dwell_limit import DwellLimit
from services.core.equipment import PlantModel
from services.core.ledger import OLDEST, Counts, Totals
from services.core.partials import (
    CounterPartial,
    Coverage,
    OperationPartial,
    OperationParts,
    Partials,
    Stay,
    coverage,
)
from services.core.windows import EIGHT_HOURS_US, HOUR_US, MINUTES, QUARTER_HOUR_US, TENS, Window, window


class WindowShape(NamedTuple):
    """A window by name: how wide its slots are and how long it is, µs."""

    name: str
    width_us: int
    length_us: int


MILLIONTHS = 1_000_000

WINDOWS = (
    WindowShape("15m", MINUTES.width_us, QUARTER_HOUR_US),
    WindowShape("1h", MINUTES.width_us, HOUR_US),
    WindowShape("8h", TENS.width_us, EIGHT_HOURS_US),
)


class Aging(NamedTuple):
    """An open stay, and in how many µs its age passes the p85 of dwell (negative: it has; None: there is no p85)."""

    stay: Stay
    over_p85_in: int | None


class Counted(NamedTuple):
    """WIP by counters in pieces: baseline + in − out; `difference` from what the scans say."""

    wip: int
    came_in: int
    went_out: int
    difference: int


@dataclass(frozen=True, slots=True)
class OperationState:
    """One operation as of `as_of`.

    `over_limit` counts the open stays over the operation's dwell limit, None where it has none; where
    `over_limit_is_least`, some partition has more open stays than it names and all it names are over.
    `last_departure` is the begin of the newest slot of the windows in which a visit closed. `moves` is the first
    instant when windows or stays over the limit change although nothing happens.
    """

    operation: str
    as_of: int
    counts: Counts
    oldest: list[Aging]
    over_limit: int | None
    over_limit_is_least: bool
    last_departure: int | None
    backfilled: int
    windows: dict[str, Window]
    coverage: Coverage
    newest: int | None
    moves: int | None
    counted: Counted | None = None


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

    def __init__(self, partials: Partials, plant: PlantModel | None = None) -> None:
        """Without a plant model no operation has a limit."""
        self._partials = partials
        self._windows: dict[str, _Windows] = {}
        self.judge_by(plant)

    def judge_by(self, plant: PlantModel | None) -> None:
        """From now on the limits of this version of the plant model hold."""
        self._plant = plant
        self._limits: dict[str, DwellLimit | None] = {}

    def state(self, operation: str, as_of: int) -> OperationState:
        """The state of one operation; all zero where nothing is known of it."""
        parts = self._partials.operations.get(operation) or OperationParts()
        known = list(parts.counts.values())
        windows = self._windows_of(operation, parts, as_of)
        p85 = windows["8h"].dwell.p85
        counts = add_counts(partial.counts for partial in known)
        stays = sorted(stay for partial in known for stay in partial.oldest)
        limit = self._limit_of(operation)
        over = 0 if limit is None else limit.count_over([stay.arrived for stay in stays], as_of)
        return OperationState(
            operation=operation,
            as_of=as_of,
            counts=counts,
            oldest=[Aging(stay, None if p85 is None else stay.arrived + round(p85) - as_of) for stay in stays[:OLDEST]],
            over_limit=None if limit is None else over,
            over_limit_is_least=over > 0 and any(_may_hide_more(partial, stays[over - 1]) for partial in known),
            last_departure=last_departure(parts, as_of),
            backfilled=sum(partial.backfilled for partial in known),
            windows=windows,
            coverage=coverage(known),
            newest=max((p.newest for p in known if p.newest is not None), default=None),
            moves=_first(next_move(parts, as_of), _next_over(limit, stays[over:])),
            counted=counted(parts.counters.values(), counts.quantity),
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

    def _limit_of(self, operation: str) -> DwellLimit | None:
        if operation not in self._limits:
            self._limits[operation] = None if self._plant is None else DwellLimit.of(self._plant, operation)
        return self._limits[operation]

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


def counted(partials: Iterable[CounterPartial], quantity: int) -> Counted | None:
    """The sum of what machines count; None where none of them counts here. `quantity` by scans in millionths."""
    known = [partial for partial in partials if partial.counters]
    if not known:
        return None
    came_in, went_out = sum(p.came_in for p in known), sum(p.went_out for p in known)
    wip = max(known, key=lambda partial: partial.model).baseline + came_in - went_out
    return Counted(wip, came_in, went_out, wip - round(quantity / MILLIONTHS))


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


def last_departure(parts: OperationParts, as_of: int) -> int | None:
    """Begin of the newest slot of any window in which a visit closed; None when all are empty."""
    starts = (
        start for _, width, length in WINDOWS for start in parts.slots(width) if start <= as_of < start + length
    )  # fmt: skip
    return max(starts, default=None)


def _may_hide_more(partial: OperationPartial, last_over: Stay) -> bool:
    """Are all the stays that it names over, while it has more than it names?"""
    return partial.counts.wip > len(partial.oldest) > 0 and max(partial.oldest) <= last_over


def _next_over(limit: DwellLimit | None, within: Sequence[Stay]) -> int | None:
    return limit.passes_at(within[0].arrived) if limit is not None and within else None


def _first(*instants: int | None) -> int | None:
    return min((instant for instant in instants if instant is not None), default=None)


def throughput_per_h(found: Window) -> float:
    """Departures per hour of the window's length."""
    return found.n * HOUR_US / (found.end_us - found.start_us)
