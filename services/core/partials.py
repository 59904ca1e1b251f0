"""Partials: what each partition of the scans adds to the operations, the newest of each kept, whatever arrives when.

    OperationPartial   counts and oldest open stays of one operation in one partition
    SlotPartial        the visits that closed in one slot of one operation in one partition
    TotalsPartial      units of one partition
    CounterPartial     parts that machines have counted at one operation, from one partition of the machine events

Each is absolute and holds as of (generation, offset) of its partition. So the newest of each is all there is to
know: repeats, other orders and late writers change nothing. Newest is the greatest (generation, offset), never the
latest to arrive.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from services.core.ledger import SHAPES, Counts, Totals
from services.core.windows import Slot, merge_slots

Coverage = dict[int, tuple[int, int]]
"""Partition → (generation, offset) that a number holds for."""

_REACH = {shape.width_us: shape.width_us * shape.kept for shape in SHAPES}


class Stay(NamedTuple):
    """An open stay; sorts by arrival, then unit."""

    arrived: int
    unit_id: str
    visit_id: str


@dataclass(frozen=True, slots=True)
class OperationPartial:
    """One operation in one partition.

    `newest` is the newest event time known there, µs; `backfilled` the number of events that came in as history.
    """

    generation: int
    partition: int
    offset: int
    operation: str
    counts: Counts
    oldest: tuple[Stay, ...] = ()
    newest: int | None = None
    backfilled: int = 0


@dataclass(frozen=True, slots=True)
class SlotPartial:
    """One slot of one operation in one partition."""

    generation: int
    partition: int
    offset: int
    operation: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class TotalsPartial:
    """Units of one partition.

    Where the sender says so, `wip` is the number of open visits and `single` whether no unit may be at two operations
    at once.
    """

    generation: int
    partition: int
    offset: int
    totals: Totals
    wip: int | None = None
    single: bool = False
    newest: int | None = None


@dataclass(frozen=True, slots=True)
class CounterPartial:
    """Counted parts of one operation in one partition of the machine events; `counters` 0: none of them is there."""

    generation: int
    partition: int
    offset: int
    operation: str
    model: int
    counters: int
    came_in: int
    went_out: int
    baseline: int


Partial = OperationPartial | SlotPartial | TotalsPartial | CounterPartial


class OperationParts:
    """What is known of one operation: the newest counts by partition, and its slots.

    Slots further behind the newest of their partition than a ring reaches are dropped, as they are where they come
    from. `version` grows whenever a slot changes.
    """

    def __init__(self) -> None:
        self.counts: dict[int, OperationPartial] = {}
        self.counters: dict[int, CounterPartial] = {}
        self.version = 0
        self._rings: dict[tuple[int, int], dict[int, SlotPartial]] = {}
        self._merged: dict[int, dict[int, Slot]] = {}

    def put_counts(self, partial: OperationPartial) -> bool:
        """True where it is news."""
        known = self.counts.get(partial.partition)
        if known is not None and partial.offset <= known.offset:
            return False
        self.counts[partial.partition] = partial
        return True

    def put_counters(self, partial: CounterPartial) -> bool:
        """True where it is news. Partitions here are those of the machine events."""
        known = self.counters.get(partial.partition)
        if known is not None and (partial.generation, partial.offset) <= (known.generation, known.offset):
            return False
        self.counters[partial.partition] = partial
        return True

    def put_slot(self, partial: SlotPartial) -> bool:
        """True where it is news."""
        start, width = partial.slot.start_us, partial.slot.width_us
        ring = self._rings.setdefault((partial.partition, width), {})
        known = ring.get(start)
        last = max(ring, default=start)
        if start <= last - _REACH[width] or (known is not None and partial.offset <= known.offset):
            return False
        ring[start] = partial
        self._stale(width, start)
        for old in [old for old in ring if old <= start - _REACH[width]]:
            del ring[old]
            self._stale(width, old)
        return True

    def forget(self, partition: int) -> bool:
        """Drop what one partition said; True where it had said something."""
        had = self.counts.pop(partition, None) is not None
        for where in [where for where in self._rings if where[0] == partition]:
            for start in self._rings.pop(where):
                self._stale(where[1], start)
            had = True
        return had

    def slots(self, width_us: int) -> dict[int, Slot]:
        """The slots of one width by start, each summed over the partitions, without empty ones. Not to be changed."""
        merged = self._merged.setdefault(width_us, {})
        rings = [ring for (_, width), ring in self._rings.items() if width == width_us]
        missing = {start for ring in rings for start in ring} - merged.keys()
        merged.update(merge_slots(ring[start].slot for start in missing for ring in rings if start in ring))
        return {start: slot for start, slot in merged.items() if slot.n}

    def _stale(self, width_us: int, start: int) -> None:
        self.version += 1
        self._merged.get(width_us, {}).pop(start, None)


class Partials:
    """The newest of all partials that were put in."""

    def __init__(self, least_generation: int = 0) -> None:
        """What is of a lower generation than this belongs to a life of the log that is over."""
        self._least = least_generation
        self._generations: dict[int, int] = {}
        self.operations: dict[str, OperationParts] = {}
        self.totals: dict[int, TotalsPartial] = {}

    def put(self, partial: Partial) -> set[str]:
        """Take a partial in; returns the operations whose state it may have changed, none where it is no news.

        An operation never heard of before is among them even where what was said of it holds no longer: whoever still
        shows numbers of an earlier generation must be told. Raises ValueError for a slot that no ring has.
        """
        if isinstance(partial, SlotPartial):
            _require_place(partial.slot)
        if isinstance(partial, CounterPartial):
            return self._put_counters(partial)
        touched = self._begin(partial.partition, partial.generation)
        if isinstance(partial, TotalsPartial):
            known = self.totals.get(partial.partition)
            if self._holds(partial) and (known is None or partial.offset > known.offset):
                self.totals[partial.partition] = partial
            return touched
        parts = self.operations.get(partial.operation)
        if parts is None:
            parts = self.operations[partial.operation] = OperationParts()
            touched.add(partial.operation)
        if self._holds(partial):
            is_news = parts.put_counts(partial) if isinstance(partial, OperationPartial) else parts.put_slot(partial)
            if is_news:
                touched.add(partial.operation)
        return touched

    def _put_counters(self, partial: CounterPartial) -> set[str]:
        parts = self.operations.setdefault(partial.operation, OperationParts())
        return {partial.operation} if partial.generation >= self._least and parts.put_counters(partial) else set()

    def _begin(self, partition: int, generation: int) -> set[str]:
        """Forget what a partition said in lower generations when it begins a higher one."""
        if generation <= self._generations.get(partition, self._least - 1):
            return set()
        self._generations[partition] = generation
        self.totals.pop(partition, None)
        return {name for name, parts in self.operations.items() if parts.forget(partition)}

    def _holds(self, partial: Partial) -> bool:
        return partial.generation == self._generations.get(partial.partition)


def _require_place(slot: Slot) -> None:
    if slot.width_us not in _REACH or slot.start_us % slot.width_us:
        widths = " or ".join(map(str, _REACH))
        raise ValueError(
            f"a slot is {widths} µs wide and begins at a multiple of it; {slot.width_us} µs at {slot.start_us} is none"
        )


def coverage(partials: Iterable[OperationPartial | TotalsPartial]) -> Coverage:
    """Up to where a sum of these holds, by partition."""
    found = {partial.partition: (partial.generation, partial.offset) for partial in partials}
    return dict(sorted(found.items()))


def imbalance(partial: Partial) -> str | None:
    """What is wrong with the books of a partial, None where they balance or it has none.

    Each equation is exact within one partial, for it is of one instant of one partition, and so for sums of partials
    of one kind. Totals against operations would compare instants: there the sender's own sum is used.
    """
    where = f"partition {partial.partition} at offset {partial.offset} of generation {partial.generation}"
    if isinstance(partial, OperationPartial):
        counts = partial.counts
        if counts.arrivals - counts.departures != counts.wip:
            return (
                f"operation {partial.operation}, {where}: {counts.arrivals} arrivals - {counts.departures} "
                f"departures are not {counts.wip} open visits"
            )
    elif isinstance(partial, TotalsPartial):
        totals, wip = partial.totals, partial.wip
        if totals.entered - totals.completed - totals.scrapped != totals.in_process + totals.in_transit:
            return (
                f"plant, {where}: {totals.entered} entered - {totals.completed} completed - {totals.scrapped} scrapped "
                f"are not {totals.in_process} in process + {totals.in_transit} in transit"
            )
        if wip is not None and (wip < totals.in_process or (partial.single and wip != totals.in_process)):
            return f"plant, {where}: {totals.in_process} units in process have {wip} open visits"
    return None
