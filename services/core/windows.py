"""Ring of time slots of one operation, and throughput and percentiles of windows made of whole slots.

A slot gathers the visits that closed at the operation with `departed` in [start_us, start_us + width_us),
where start_us is `departed` rounded down to a multiple of width_us since the epoch (UTC). A ring keeps
`kept` slots: with the newest slot it has ever opened at N, the live slots are those from N − (kept −
1)·width_us to N. What is older is dropped for good: adding and removing there change nothing and are not
errors. N never goes back, also when everything in it is removed, so a ring is a pure function of the
sequence of calls and holds at most `kept` slots.

All instants and durations are int µs, instants since the epoch. Two rings serve an operation: `MINUTES`
for the last 15 min and 1 h, `TENS` for the last 8 h.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from services.core.sketch import Sketch, bucket_of

MINUTE_US = 60_000_000

QUARTER_HOUR_US = 15 * MINUTE_US
HOUR_US = 60 * MINUTE_US
EIGHT_HOURS_US = 8 * HOUR_US


def _check_length(length_us: int, width_us: int) -> None:
    if width_us < 1 or length_us < width_us or length_us % width_us:
        raise ValueError(f"a window is a multiple of its slots: {length_us} µs is none of {width_us} µs")


class RingShape(NamedTuple):
    """Width of a slot in µs, and how many slots a ring keeps."""

    width_us: int
    kept: int

    @classmethod
    def covering(cls, width_us: int, window_us: int, ahead_us: int) -> "RingShape":
        """Shape that still covers a window ending now when the newest visit departed `ahead_us` after now.

        A source's clock may run ahead within the accepted bound; its slot must not push out the far end of a
        window that others are looking at. Raises ValueError where the window is not a multiple of the width.
        """
        _check_length(window_us, width_us)
        return cls(width_us, window_us // width_us + -(-ahead_us // width_us))


@dataclass(slots=True)
class Slot:
    """Visits closed in one slot: how many, and the sketches of their dwell, queue and process time."""

    start_us: int
    width_us: int
    n: int = 0
    dwell: Sketch = field(default_factory=Sketch)
    queue: Sketch = field(default_factory=Sketch)
    process: Sketch = field(default_factory=Sketch)

    def add(self, dwell: int, queue: int, process: int) -> None:
        """Count one visit. Raises ValueError, and changes nothing, for a negative duration."""
        in_dwell, in_queue, in_process = bucket_of(dwell), bucket_of(queue), bucket_of(process)
        buckets = self.dwell.buckets
        buckets[in_dwell] = buckets.get(in_dwell, 0) + 1
        buckets = self.queue.buckets
        buckets[in_queue] = buckets.get(in_queue, 0) + 1
        buckets = self.process.buckets
        buckets[in_process] = buckets.get(in_process, 0) + 1
        self.n += 1

    def remove(self, dwell: int, queue: int, process: int) -> None:
        """Take back one visit. Raises ValueError, and changes nothing, where the slot cannot hold it."""
        if not (
            bucket_of(dwell) in self.dwell.buckets
            and bucket_of(queue) in self.queue.buckets
            and bucket_of(process) in self.process.buckets
        ):
            raise ValueError(
                f"the slot at {self.start_us} µs holds no visit with "
                f"dwell {dwell}, queue {queue} and process {process} µs"
            )
        self.dwell.remove(dwell)
        self.queue.remove(queue)
        self.process.remove(process)
        self.n -= 1

    def merge(self, other: "Slot") -> None:
        """Add what another partition counted in the same slot. Raises ValueError where it is another slot."""
        if (other.start_us, other.width_us) != (self.start_us, self.width_us):
            raise ValueError(f"{other.start_us}+{other.width_us} µs is not slot {self.start_us}+{self.width_us}")
        self.n += other.n
        self.dwell.merge(other.dwell)
        self.queue.merge(other.queue)
        self.process.merge(other.process)


class Touched(NamedTuple):
    """What a call changed: the slot to write again, and the starts of slots that are gone from the ring."""

    slot: Slot | None
    dropped: tuple[int, ...] = ()


NOTHING = Touched(None)


class SlotRing:
    """The live slots of one operation, by start.

    A slot that a removal empties is gone, except the newest, which stays with n = 0: it says where the ring
    stands. So the slots alone, written and read back, make the same ring again.
    """

    __slots__ = ("_kept", "_newest_us", "_slots", "_width_us")

    def __init__(self, shape: RingShape, slots: Iterable[Slot] = ()) -> None:
        """Ring with the given slots, which become its own; those too old or needlessly empty are left out.

        Raises ValueError for a shape without room, or a slot of another width, off the grid or given twice.
        """
        if shape.width_us < 1 or shape.kept < 1:
            raise ValueError(f"a ring needs a width of at least 1 µs and at least one slot, got {shape}")
        self._width_us, self._kept = shape
        self._slots: dict[int, Slot] = {}
        for slot in slots:
            if slot.width_us != self._width_us or slot.start_us % self._width_us or slot.start_us in self._slots:
                raise ValueError(f"slot {slot.start_us} of {slot.width_us} µs has no place in a ring of {shape}")
            self._slots[slot.start_us] = slot
        self._newest_us: int | None = max(self._slots, default=None)
        self._drop_old()
        for start in [s for s, slot in self._slots.items() if slot.n == 0 and s != self._newest_us]:
            del self._slots[start]

    def slots(self) -> list[Slot]:
        """The live slots, oldest first; they stay the ring's own."""
        return [self._slots[start] for start in sorted(self._slots)]

    def get(self, start_us: int) -> Slot | None:
        """The live slot that begins at this instant, if any."""
        return self._slots.get(start_us)

    def advance(self, newest_us: int) -> None:
        """Say how far the log has come, so that what is kept does not depend on which visits closed here.

        Where every call is preceded by an advance to at least its `departed`, the live slots are the multiset of
        the visits present, whatever was added and removed in between.
        """
        start = newest_us - newest_us % self._width_us
        if self._newest_us is None or start > self._newest_us:
            self._newest_us = start
            self._drop_old()

    def add(self, departed: int, dwell: int, queue: int, process: int) -> Touched:
        """Count a visit closed at `departed`. ValueError, and nothing changes, for a negative duration."""
        start = departed - departed % self._width_us
        slot = self._slots.get(start)
        if slot is not None:
            slot.add(dwell, queue, process)
            return Touched(slot)
        if self._is_dropped(start):
            return NOTHING
        slot = Slot(start, self._width_us)
        slot.add(dwell, queue, process)
        self._slots[start] = slot
        if self._newest_us is not None and start < self._newest_us:
            return Touched(slot)
        emptied = self._newest_us
        self._newest_us = start
        gone = self._drop_old()
        if emptied in self._slots and self._slots[emptied].n == 0:
            del self._slots[emptied]
            gone.append(emptied)
        return Touched(slot, tuple(sorted(gone)))

    def remove(self, departed: int, dwell: int, queue: int, process: int) -> Touched:
        """Take back a visit that was added.

        Nothing changes where its slot was dropped. Raises ValueError, and changes nothing, where its slot is
        live or was never reached and holds no such visit; visits in the same three buckets are alike.
        """
        start = departed - departed % self._width_us
        slot = self._slots.get(start)
        if slot is None:
            if self._is_dropped(start):
                return NOTHING
            raise ValueError(f"no visit closed in the slot at {start} µs, so none can be removed")
        slot.remove(dwell, queue, process)
        if slot.n or start == self._newest_us:
            return Touched(slot)
        del self._slots[start]
        return Touched(None, (start,))

    def _is_dropped(self, start: int) -> bool:
        return self._newest_us is not None and start <= self._newest_us - self._kept * self._width_us

    def _drop_old(self) -> list[int]:
        gone = [start for start in self._slots if self._is_dropped(start)]
        for start in gone:
            del self._slots[start]
        return gone


class Percentiles(NamedTuple):
    """Three quantiles of a duration in µs, each within 1 %; None where no visit closed in the window."""

    p50: float | None
    p85: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Window:
    """Visits closed in [start_us, end_us): how many, and how long they took."""

    start_us: int
    end_us: int
    n: int
    dwell: Percentiles
    queue: Percentiles
    process: Percentiles


MAX_CLOCK_AHEAD_US = 5 * MINUTE_US
"""How far ahead an accepted event may be by default; a plant that allows more makes its own shapes."""

MINUTES = RingShape.covering(MINUTE_US, HOUR_US, MAX_CLOCK_AHEAD_US)
TENS = RingShape.covering(10 * MINUTE_US, EIGHT_HOURS_US, MAX_CLOCK_AHEAD_US)


def merge_slots(slots: Iterable[Slot]) -> dict[int, Slot]:
    """New slots by start, each the sum of the given ones with that start, e.g. of all partitions.

    The result is the same for any order and grouping of the input, which is left as it is. Raises ValueError
    where the widths differ.
    """
    merged: dict[int, Slot] = {}
    width: int | None = None
    for slot in slots:
        width = width or slot.width_us
        if slot.width_us != width:
            raise ValueError(f"slots of {width} and {slot.width_us} µs do not merge: give slots of one width")
        if slot.start_us not in merged:
            merged[slot.start_us] = Slot(slot.start_us, width)
        merged[slot.start_us].merge(slot)
    return merged


def window(slots: Iterable[Slot], width_us: int, end_us: int, length_us: int) -> Window:
    """Throughput and percentiles over `length_us` of whole slots, the last being the one that holds `end_us`.

    The slots may come from one ring or many, merged or not, in any order; those outside are passed over.
    Raises ValueError where the length is not a multiple of the width, or a slot has another width.
    """
    _check_length(length_us, width_us)
    end = end_us - end_us % width_us + width_us
    total = Slot(end - length_us, width_us)
    for slot in slots:
        if slot.width_us != width_us:
            raise ValueError(f"a window of {width_us} µs slots cannot use a slot of {slot.width_us} µs")
        if end - length_us <= slot.start_us < end:
            total.n += slot.n
            total.dwell.merge(slot.dwell)
            total.queue.merge(slot.queue)
            total.process.merge(slot.process)
    dwell, queue, process = (_percentiles(sketch) for sketch in (total.dwell, total.queue, total.process))
    return Window(end - length_us, end, total.n, dwell, queue, process)


def _percentiles(sketch: Sketch) -> Percentiles:
    return Percentiles(*sketch.quantiles((0.5, 0.85, 0.95)))
