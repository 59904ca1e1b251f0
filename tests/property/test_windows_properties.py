"""The ring against a plain list of visits, and the merging of partitions in any order and grouping."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from services.core.windows import RingShape, Slot, SlotRing, merge_slots, window

WIDTH = 10
SHAPE = RingShape(WIDTH, 4)


class Closed(NamedTuple):
    """A closed visit, as a ring wants it."""

    departed: int
    dwell: int
    queue: int
    process: int


short = st.integers(0, 1_000)
visits = st.builds(Closed, st.integers(0, 120), short, short, short)
calls = st.lists(st.tuples(visits, st.booleans()), max_size=40)


def slots_of(seen: list[Closed]) -> dict[int, Slot]:
    made: dict[int, Slot] = {}
    for visit in seen:
        start = visit.departed // WIDTH * WIDTH
        made.setdefault(start, Slot(start, WIDTH)).add(visit.dwell, visit.queue, visit.process)
    return made


class Played:
    """A ring, a plain list of the visits it should hold, and a copy kept only from what calls reported."""

    def __init__(self, script: list[tuple[Closed, bool]]) -> None:
        self.ring = SlotRing(SHAPE)
        self.counted: list[Closed] = []
        self.newest = -1
        self.written: dict[int, tuple[int, list[tuple[int, int]]]] = {}
        for visit, taken_back in script:
            self._add(visit)
            if taken_back:
                self._take_back(visit)

    def _live(self, visit: Closed) -> bool:
        return visit.departed // WIDTH > self.newest - SHAPE.kept

    def _add(self, visit: Closed) -> None:
        self.newest = max(self.newest, visit.departed // WIDTH)
        if self._live(visit):
            self.counted.append(visit)
        self.counted = [v for v in self.counted if self._live(v)]
        touched = self.ring.add(*visit)
        self._write(touched.slot, touched.dropped)

    def _take_back(self, visit: Closed) -> None:
        if visit in self.counted:
            self.counted.remove(visit)
        touched = self.ring.remove(*visit)
        self._write(touched.slot, touched.dropped)

    def _write(self, slot: Slot | None, dropped: tuple[int, ...]) -> None:
        for start in dropped:
            del self.written[start]
        if slot is not None:
            self.written[slot.start_us] = (slot.n, slot.dwell.pairs())


@given(calls)
def test_ring_holds_exactly_the_live_visits(script: list[tuple[Closed, bool]]) -> None:
    played = Played(script)
    assert {s.start_us: s for s in played.ring.slots() if s.n} == slots_of(played.counted)
    assert len(played.ring.slots()) <= SHAPE.kept


@given(calls)
def test_writing_only_what_was_touched_keeps_a_copy_of_the_ring(script: list[tuple[Closed, bool]]) -> None:
    played = Played(script)
    assert played.written == {s.start_us: (s.n, s.dwell.pairs()) for s in played.ring.slots()}


@given(calls, calls)
def test_ring_made_again_from_its_slots_goes_on_alike(
    before: list[tuple[Closed, bool]], after: list[tuple[Closed, bool]]
) -> None:
    whole, halted = Played(before + after).ring, Played(before).ring
    again = SlotRing(SHAPE, halted.slots())
    for visit, taken_back in after:
        again.add(*visit)
        if taken_back:
            again.remove(*visit)
    assert again.slots() == whole.slots()


@given(st.lists(visits, max_size=30), st.lists(visits, max_size=10))
def test_retracted_visits_leave_no_trace(kept: list[Closed], removed: list[Closed]) -> None:
    ring = SlotRing(RingShape(WIDTH, 20))
    for visit in kept + removed:
        ring.add(*visit)
    for visit in reversed(removed):
        ring.remove(*visit)
    assert {s.start_us: s for s in ring.slots() if s.n} == slots_of(kept)


@given(st.lists(st.tuples(visits, st.integers(0, 3)), max_size=40), st.permutations(range(4)), st.integers(0, 3))
def test_partitions_merge_to_the_slots_of_all_visits(
    placed: list[tuple[Closed, int]], order: list[int], cut: int
) -> None:
    parts = [list(slots_of([v for v, at in placed if at == part]).values()) for part in order]
    left = merge_slots(slot for part in parts[:cut] for slot in part)
    right = merge_slots(slot for part in parts[cut:] for slot in part)
    assert merge_slots([*right.values(), *left.values()]) == slots_of([v for v, _ in placed])


@given(st.lists(st.tuples(visits, st.integers(0, 3)), max_size=40), st.integers(0, 130), st.integers(1, 8))
def test_window_counts_the_visits_between_its_ends(placed: list[tuple[Closed, int]], end: int, length: int) -> None:
    slots = [slot for part in range(4) for slot in slots_of([v for v, at in placed if at == part]).values()]
    seen = window(slots, WIDTH, end, length * WIDTH)
    assert seen.start_us == seen.end_us - length * WIDTH
    assert seen.start_us <= end - end % WIDTH < seen.end_us
    assert seen.n == sum(seen.start_us <= v.departed < seen.end_us for v, _ in placed)
