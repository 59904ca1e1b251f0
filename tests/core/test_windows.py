"""The ring of slots and the windows read from it: edges, retractions, what is dropped and what is refused."""

import pytest

from services.core.windows import (
    EIGHT_HOURS_US,
    HOUR_US,
    MINUTE_US,
    MINUTES,
    QUARTER_HOUR_US,
    TENS,
    RingShape,
    Slot,
    SlotRing,
    Touched,
    merge_slots,
    window,
)

NOON = 1_795_780_800_000_000  # on the grid of both widths
THREE = RingShape(MINUTE_US, 3)


def slot(start: int, *dwells: int) -> Slot:
    made = Slot(start, MINUTE_US)
    for dwell in dwells:
        made.add(dwell, 0, dwell)
    return made


def ring_with(*departed: int) -> SlotRing:
    ring = SlotRing(THREE)
    for instant in departed:
        ring.add(instant, 5, 2, 3)
    return ring


def starts(ring: SlotRing) -> list[int]:
    return [s.start_us for s in ring.slots()]


def test_shapes_cover_their_windows_with_a_clock_five_minutes_ahead() -> None:
    assert (MINUTES.kept, TENS.kept) == (65, 49)


def test_hour_is_whole_though_a_clock_runs_five_minutes_ahead() -> None:
    ring = SlotRing(MINUTES)
    now = NOON + MINUTE_US - 1
    for minute in range(60):
        ring.add(now - minute * MINUTE_US, 5, 2, 3)
    ring.add(now + 5 * MINUTE_US, 5, 2, 3)
    assert window(ring.slots(), MINUTE_US, now, HOUR_US).n == 60


def test_slot_begins_at_a_whole_minute_and_excludes_the_next() -> None:
    assert starts(ring_with(NOON - 1, NOON, NOON + MINUTE_US - 1)) == [NOON - MINUTE_US, NOON]


def test_touched_slot_is_the_one_written() -> None:
    touched = SlotRing(THREE).add(NOON + 7, 5, 2, 3)
    assert touched == Touched(Slot(NOON, MINUTE_US, 1, *(slot(NOON, us).dwell for us in (5, 2, 3))))


def test_new_slot_drops_what_it_pushes_out() -> None:
    ring = ring_with(NOON, NOON + MINUTE_US)
    assert ring.add(NOON + 4 * MINUTE_US, 5, 2, 3).dropped == (NOON, NOON + MINUTE_US)
    assert starts(ring) == [NOON + 4 * MINUTE_US]


def test_late_visit_opens_a_slot_that_is_still_live() -> None:
    ring = ring_with(NOON)
    assert ring.add(NOON - 2 * MINUTE_US, 5, 2, 3).slot is not None
    assert starts(ring) == [NOON - 2 * MINUTE_US, NOON]


def test_dropped_slot_ignores_add_and_remove() -> None:
    ring = ring_with(NOON)
    too_old = NOON - 3 * MINUTE_US
    assert ring.add(too_old, 5, 2, 3) == Touched(None)
    assert ring.remove(too_old, 5, 2, 3) == Touched(None)
    assert starts(ring) == [NOON]


def test_emptied_slot_is_gone() -> None:
    ring = ring_with(NOON, NOON + MINUTE_US)
    assert ring.remove(NOON, 5, 2, 3) == Touched(None, (NOON,))
    assert starts(ring) == [NOON + MINUTE_US]


def test_emptied_newest_slot_stays_so_that_the_ring_does_not_go_back() -> None:
    ring = ring_with(NOON)
    touched = ring.remove(NOON, 5, 2, 3)
    assert touched.slot == Slot(NOON, MINUTE_US)
    assert ring.add(NOON - 3 * MINUTE_US, 5, 2, 3) == Touched(None)


def test_emptied_newest_slot_is_gone_once_there_is_a_newer_one() -> None:
    ring = ring_with(NOON)
    ring.remove(NOON, 5, 2, 3)
    assert ring.add(NOON + MINUTE_US, 5, 2, 3).dropped == (NOON,)
    assert starts(ring) == [NOON + MINUTE_US]


@pytest.mark.parametrize("departed", [NOON, NOON + 9 * MINUTE_US, NOON - MINUTE_US])
def test_removing_what_was_never_added_is_refused(departed: int) -> None:
    ring = ring_with(NOON)
    before = [(s.start_us, s.n, s.dwell.pairs()) for s in ring.slots()]
    with pytest.raises(ValueError, match="no visit"):
        ring.remove(departed, 5, 2, 3_000_000)
    assert [(s.start_us, s.n, s.dwell.pairs()) for s in ring.slots()] == before


def test_negative_duration_changes_nothing() -> None:
    ring = ring_with(NOON)
    with pytest.raises(ValueError, match="never negative"):
        ring.add(NOON + MINUTE_US, 5, 6, -1)
    assert starts(ring) == [NOON]


@pytest.mark.parametrize("slots", [[Slot(NOON, 2 * MINUTE_US)], [Slot(NOON + 1, MINUTE_US)], [slot(NOON), slot(NOON)]])
def test_ring_refuses_slots_that_are_not_its_own(slots: list[Slot]) -> None:
    with pytest.raises(ValueError, match="has no place"):
        SlotRing(THREE, slots)


@pytest.mark.parametrize("shape", [RingShape(0, 1), RingShape(1, 0)])
def test_ring_refuses_a_shape_without_room(shape: RingShape) -> None:
    with pytest.raises(ValueError, match="needs a width"):
        SlotRing(shape)


def test_window_takes_the_slot_of_its_end_and_whole_slots_before_it() -> None:
    slots = [
        slot(NOON - 15 * MINUTE_US, 1),
        slot(NOON - 14 * MINUTE_US, 2),
        slot(NOON, 3),
        slot(NOON + MINUTE_US, 4),
    ]
    seen = window(slots, MINUTE_US, NOON + 1, QUARTER_HOUR_US)
    assert (seen.start_us, seen.end_us, seen.n) == (NOON - 14 * MINUTE_US, NOON + MINUTE_US, 2)


def test_window_gives_each_duration_its_own_percentiles() -> None:
    ring = SlotRing(TENS)
    for minute in range(101):
        ring.add(NOON - minute * MINUTE_US, (10 + minute) * MINUTE_US, 10 * MINUTE_US, minute * MINUTE_US)
    seen = window(ring.slots(), 10 * MINUTE_US, NOON, EIGHT_HOURS_US)
    assert seen.n == 101
    assert seen.dwell == pytest.approx([60 * MINUTE_US, 95 * MINUTE_US, 105 * MINUTE_US], rel=0.01)
    assert seen.queue == pytest.approx([10 * MINUTE_US] * 3, rel=0.01)
    assert seen.process == pytest.approx([50 * MINUTE_US, 85 * MINUTE_US, 95 * MINUTE_US], rel=0.01)


def test_empty_window_has_no_percentiles() -> None:
    seen = window([], MINUTE_US, NOON, QUARTER_HOUR_US)
    assert (seen.n, seen.dwell, seen.process) == (0, (None, None, None), (None, None, None))


@pytest.mark.parametrize("length", [0, -MINUTE_US, MINUTE_US + 1])
def test_window_of_broken_slots_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="multiple of its slots"):
        window([], MINUTE_US, NOON, length)


def test_slots_of_different_widths_never_mix() -> None:
    mixed = [slot(NOON), Slot(NOON, 10 * MINUTE_US)]
    with pytest.raises(ValueError, match="one width"):
        merge_slots(mixed)
    with pytest.raises(ValueError, match="cannot use a slot"):
        window(mixed, MINUTE_US, NOON, QUARTER_HOUR_US)


def test_slot_merges_only_with_itself() -> None:
    with pytest.raises(ValueError, match="is not slot"):
        slot(NOON).merge(slot(NOON + MINUTE_US))


def test_merging_leaves_the_partitions_as_they_are() -> None:
    parts = [slot(NOON, 5), slot(NOON, 7)]
    assert merge_slots(parts) == {NOON: slot(NOON, 5, 7)}
    assert parts == [slot(NOON, 5), slot(NOON, 7)]
