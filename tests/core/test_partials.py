"""The newest partial of each kind, and the sums that small random logs do not reach."""

import pytest

from services.core.equipment import PlantModel
from services.core.ledger import Counts
from services.core.operations import Operations, OperationState
from services.core.partials import OperationPartial, OperationParts, Partials, SlotPartial, Stay
from services.core.windows import EIGHT_HOURS_US, HOUR_US, MINUTE_US, QUARTER_HOUR_US, TENS, Slot
from tests.show_floor import model

NOW = 1_795_400_400_000_000
LATER_US = 70 * MINUTE_US


def slot(start: int, offset: int = 1, partition: int = 0, visits: int = 1, width: int = MINUTE_US) -> SlotPartial:
    found = Slot(start, width)
    for _ in range(visits):
        found.add(1_000_000, 0, 0)
    return SlotPartial(1, partition, offset, "A", found)


def held(*partials: SlotPartial, width: int = MINUTE_US) -> dict[int, int]:
    """How many visits each slot has after these came in this order."""
    parts = OperationParts()
    for partial in partials:
        parts.put_slot(partial)
    return {start: found.n for start, found in parts.slots(width).items()}


def stays(partition: int, count: int) -> OperationPartial:
    oldest = tuple(Stay(NOW - 100 + 2 * number + partition, f"U{number}", "e") for number in range(count))
    return OperationPartial(1, partition, 1, "A", Counts(), oldest)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_slot_that_left_the_ring_of_its_partition_is_gone_in_any_order(order: tuple[int, int]) -> None:
    partials = [slot(NOW, offset=2), slot(NOW + LATER_US, offset=2)]
    assert held(*(partials[i] for i in order)) == {NOW + LATER_US: 1}


def test_a_slot_is_dropped_by_its_own_partition_only() -> None:
    assert held(slot(NOW, partition=0), slot(NOW + LATER_US, partition=1)) == {NOW: 1, NOW + LATER_US: 1}


def test_a_slot_summed_before_is_summed_again_when_it_changes() -> None:
    parts = OperationParts()
    for partial, count in ((slot(NOW), 1), (slot(NOW, 1, 1), 2), (slot(NOW, 2, 0, 5), 6), (slot(NOW, 3, 1, 0), 5)):
        parts.put_slot(partial)
        assert {start: found.n for start, found in parts.slots(MINUTE_US).items()} == {NOW: count}


def test_a_slot_that_was_emptied_is_not_held() -> None:
    assert held(slot(NOW, 1), slot(NOW, 2, visits=0)) == {}


def test_slots_of_one_width_are_not_those_of_the_other() -> None:
    assert held(slot(NOW), slot(NOW, width=TENS.width_us), width=TENS.width_us) == {NOW: 1}


@pytest.mark.parametrize(("start", "width"), [(NOW + 1, MINUTE_US), (NOW, 7 * MINUTE_US), (NOW, 0)])
def test_a_slot_that_no_ring_has_is_refused(start: int, width: int) -> None:
    with pytest.raises(ValueError, match="a slot is"):
        Partials().put(SlotPartial(1, 0, 1, "A", Slot(start, width)))


def test_the_ten_oldest_of_all_partitions_in_order() -> None:
    partials = Partials()
    partials.put(stays(1, 10))
    partials.put(stays(0, 10))
    found = Operations(partials).state("A", NOW).oldest
    assert [aging.stay.arrived for aging in found] == [NOW - 100 + number for number in range(10)]


def test_a_visit_of_a_clock_that_runs_ahead_enters_its_windows_when_its_slot_begins() -> None:
    partials = Partials()
    partials.put(slot(NOW + 2 * MINUTE_US))
    operations = Operations(partials)
    state = operations.state("A", NOW)
    assert (state.windows["15m"].n, state.moves) == (0, NOW + 2 * MINUTE_US)
    assert operations.state("A", NOW + 2 * MINUTE_US).windows["15m"].n == 1


def test_a_slot_leaves_each_window_when_that_has_passed() -> None:
    partials = Partials()
    partials.put(slot(NOW))
    partials.put(slot(NOW, width=TENS.width_us))
    operations = Operations(partials)
    moves, at = [], operations.state("A", NOW).moves
    while at is not None:
        moves.append(at - NOW)
        at = operations.state("A", at).moves
    assert moves == [QUARTER_HOUR_US, HOUR_US, EIGHT_HOURS_US]


def limited(limit_us: int) -> PlantModel:
    return model({"A": {"dwell_limit_us": limit_us}})


def with_stays(*ages: int, wip: int | None = None, partition: int = 0) -> OperationPartial:
    """Open stays of these ages as of NOW, named oldest first, at most ten of them; `wip` of them in all."""
    named = tuple(sorted(Stay(NOW - age, f"U{partition}-{at}", "e") for at, age in enumerate(ages)))
    count = len(ages) if wip is None else wip
    return OperationPartial(1, partition, 1, "A", Counts(queued=count, arrivals=count), named)


def state_of(*partials: OperationPartial | SlotPartial, plant: PlantModel | None = None) -> OperationState:
    known = Partials()
    for partial in partials:
        known.put(partial)
    return Operations(known, plant).state("A", NOW)


def test_stays_over_the_limit_are_counted_over_all_partitions() -> None:
    state = state_of(with_stays(100, 60, 59, 1), with_stays(61, 30, partition=1), plant=limited(59))
    assert (state.over_limit, state.over_limit_is_least) == (3, False)


def test_an_operation_without_a_limit_has_no_stays_over_it() -> None:
    state = state_of(with_stays(100), plant=model({"A": {}}))
    assert (state.over_limit, state.over_limit_is_least, state.moves) == (None, False, None)


@pytest.mark.parametrize(
    ("ages", "wip", "is_least"),
    [([90] * 10, 11, True), ([90] * 10, 10, False), ([90] * 9 + [10], 11, False), ([10] * 10, 11, False)],
)
def test_a_partition_that_names_only_stays_over_the_limit_may_have_more(
    ages: list[int], wip: int, is_least: bool
) -> None:
    state = state_of(with_stays(*ages, wip=wip), with_stays(70, partition=1), plant=limited(50))
    assert (state.over_limit, state.over_limit_is_least) == (1 + sum(age > 50 for age in ages), is_least)


def test_a_state_moves_when_the_next_stay_passes_the_limit() -> None:
    state = state_of(with_stays(100, 40, 30), plant=limited(50))
    assert (state.over_limit, state.moves) == (1, NOW + 11)


def test_the_last_departure_is_the_newest_slot_that_has_begun() -> None:
    ahead, now, before = slot(NOW + MINUTE_US), slot(NOW - 3 * MINUTE_US), slot(NOW - 20 * MINUTE_US)
    assert state_of(ahead, before, now).last_departure == NOW - 3 * MINUTE_US


def test_a_departure_of_hours_ago_is_known_by_ten_minutes_and_then_not_at_all() -> None:
    start = (NOW - 7 * HOUR_US) // TENS.width_us * TENS.width_us
    assert state_of(slot(start, width=TENS.width_us)).last_departure == start
    assert state_of(slot(start - HOUR_US, width=TENS.width_us)).last_departure is None
