"""Partials: what each partition of the scans adds to the operations, the newest of each kept, whatever arrives when.

    key                                        content, as of (generation, offset) of the partition
    op|partition|operation                     OperationPartial: counts, oldest open stays
    sl|partition|width|place|operation         SlotPartial: visits closed in one slot; a place of the ring is used again
    pt|partition                               TotalsPartial: units of the partition

Every partial is absolute, so the newest per key is all there is to know: repeats, other orders and late writers change
nothing. Newest is the greatest (generation, offset); of two slots in one place with the same, the later slot, because
a place is given to a slot only when the one before it has left the ring.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from services.core.ledger import Counts, Totals
from services.core.windows import Slot, merge_slots

Coverage = dict[int, tuple[int, int]]
"""Partition → (generation, offset) that a number holds for."""


class Stay(NamedTuple):
    """An open stay: in order of arrival, then of unit."""

    arrived: int
    unit_id: str
    visit_id: str


@dataclass(frozen=True, slots=True)
class OperationPartial:
    """One operation in one partition. `newest` is the newest event time known there, µs."""

    generation: int
    partition: int
    offset: int
    operation: str
    counts: Counts
    oldest: tuple[Stay, ...] = ()
    newest: int | None = None


@dataclass(frozen=True, slots=True)
class SlotPartial:
    """One slot of one operation in one partition; `place` is where it lies in the ring of its width."""

    generation: int
    partition: int
    offset: int
    operation: str
    place: int
    slot: Slot


@dataclass(frozen=True, slots=True)
class TotalsPartial:
    """Units of one partition. `wip` is the sum over its operations and `single` whether no unit may be at two places
    at once, where the sender says so."""

    generation: int
    partition: int
    offset: int
    totals: Totals
    wip: int | None = None
    single: bool = False
    newest: int | None = None


Partial = OperationPartial | SlotPartial | TotalsPartial


@dataclass(slots=True)
class OperationParts:
    """What is known of one operation. `version` grows whenever its slots change."""

    counts: dict[int, OperationPartial] = field(default_factory=dict)
    slots: dict[tuple[int, int, int], SlotPartial] = field(default_factory=dict)
    version: int = 0
    _starts: dict[tuple[int, int], dict[int, Slot]] = field(default_factory=dict)
    _merged: dict[int, dict[int, Slot]] = field(default_factory=dict)

    def put_slot(self, key: tuple[int, int, int], partial: SlotPartial) -> None:
        """Let a slot take its place; key is (partition, width, place)."""
        self._take_out(self.slots.get(key))
        self.slots[key] = partial
        slot = partial.slot
        if slot.n:
            self._starts.setdefault((slot.width_us, slot.start_us), {})[partial.partition] = slot
        self._stale(slot)

    def forget(self, partition: int) -> bool:
        """Drop what one partition said; True where it had said something."""
        had = self.counts.pop(partition, None) is not None
        for key in [key for key in self.slots if key[0] == partition]:
            self._take_out(self.slots.pop(key))
            had = True
        return had

    def merged(self, width_us: int) -> dict[int, Slot]:
        """The slots of one width by start, each summed over the partitions, without empty ones."""
        merged = self._merged.setdefault(width_us, {})
        for (width, start), slots in self._starts.items():
            if width == width_us and start not in merged:
                merged[start] = merge_slots(slots.values())[start]
        return merged

    def _take_out(self, old: SlotPartial | None) -> None:
        if old is None:
            return
        where = (old.slot.width_us, old.slot.start_us)
        slots = self._starts.get(where, {})
        if slots.get(old.partition) is old.slot:
            del slots[old.partition]
            if not slots:
                del self._starts[where]
        self._stale(old.slot)

    def _stale(self, slot: Slot) -> None:
        self._merged.get(slot.width_us, {}).pop(slot.start_us, None)
        self.version += 1


class Partials:
    """The newest partial of every key that was put in."""

    def __init__(self, least_generation: int = 0) -> None:
        """Partials of a lower generation than this count as those of a life of the log that is over."""
        self._least = least_generation
        self._generations: dict[int, int] = {}
        self.operations: dict[str, OperationParts] = {}
        self.totals: dict[int, TotalsPartial] = {}

    def put(self, partial: Partial) -> set[str]:
        """Take a partial in; the operations whose state it may have changed, none where it is not news.

        An operation heard of for the first time is named even where what was said of it no longer holds, so that
        numbers of an earlier generation that somebody may still show are written over.
        """
        touched = self._enter_generation(partial)
        if partial.generation == self._generations.get(partial.partition):
            touched |= self._keep(partial)
        if not isinstance(partial, TotalsPartial) and partial.operation not in self.operations:
            self.operations[partial.operation] = OperationParts()
            touched.add(partial.operation)
        return touched

    def _enter_generation(self, partial: Partial) -> set[str]:
        """Forget what a partition said in lower generations when it begins a higher one."""
        partition, generation = partial.partition, partial.generation
        if generation <= self._generations.get(partition, self._least - 1):
            return set()
        self._generations[partition] = generation
        self.totals.pop(partition, None)
        return {name for name, parts in self.operations.items() if parts.forget(partition)}

    def _keep(self, partial: Partial) -> set[str]:
        if isinstance(partial, TotalsPartial):
            known = self.totals.get(partial.partition)
            if known is None or partial.offset > known.offset:
                self.totals[partial.partition] = partial
            return set()
        parts = self.operations.setdefault(partial.operation, OperationParts())
        if isinstance(partial, OperationPartial):
            held = parts.counts.get(partial.partition)
            if held is not None and partial.offset <= held.offset:
                return set()
            parts.counts[partial.partition] = partial
            return {partial.operation}
        key = (partial.partition, partial.slot.width_us, partial.place)
        old = parts.slots.get(key)
        if old is not None and _age(partial) <= _age(old):
            return set()
        parts.put_slot(key, partial)
        return {partial.operation}

    def coverage(self, operation: str) -> Coverage:
        """Up to where the counts of an operation are summed, by partition."""
        parts = self.operations.get(operation)
        return _coverage(parts.counts.values()) if parts else {}

    def plant_coverage(self) -> Coverage:
        """Up to where the plant's totals are summed, by partition."""
        return _coverage(self.totals.values())


def _age(partial: SlotPartial) -> tuple[int, int]:
    return partial.offset, partial.slot.start_us


def _coverage(partials: "Iterator[OperationPartial] | object") -> Coverage:
    raise NotImplementedError
