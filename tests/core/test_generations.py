"""Nothing is forgotten before its successor is whole."""

from hypothesis import given
from hypothesis import strategies as st

from services.core.generations import Filling, Place, truth_of

PLACE: Place = ("floor.scans", 0)


def test_a_log_that_was_never_filled_is_its_own_truth() -> None:
    assert truth_of(PLACE, 1, {}, {}) == 1


def test_a_life_that_is_not_stored_whole_leaves_the_truth_with_the_one_before() -> None:
    fillings = {(2, PLACE): Filling(1, 100)}
    assert truth_of(PLACE, 2, fillings, {(2, PLACE): 99}) == 1


def test_a_life_that_is_stored_whole_is_the_truth() -> None:
    fillings = {(2, PLACE): Filling(1, 100)}
    assert truth_of(PLACE, 2, fillings, {(2, PLACE): 100}) == 2


def test_several_lives_that_were_cut_short_lead_back_to_the_last_whole_one() -> None:
    fillings = {(2, PLACE): Filling(1, 10), (3, PLACE): Filling(2, 20), (4, PLACE): Filling(2, 20)}
    assert truth_of(PLACE, 4, fillings, {(2, PLACE): 15, (3, PLACE): 3}) == 2


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.booleans()), max_size=8))
def test_no_record_that_was_ever_stored_is_left_behind(lives: list[tuple[int, int, bool]]) -> None:
    """Each life: live records that came, records of it that the store managed, and whether it ended at once."""
    fillings: dict[tuple[int, Place], Filling] = {}
    stored: dict[tuple[int, Place], int] = {}
    logs = {1: list(range(5))}
    stored[1, PLACE] = 5
    name, kept = 5, set(range(5))
    for generation, (came, managed, ended) in enumerate(lives, start=2):
        source = truth_of(PLACE, generation - 1, fillings, stored)
        logs[generation] = logs[source][: stored[source, PLACE]]
        fillings[generation, PLACE] = Filling(source, len(logs[generation]))
        if not ended:
            logs[generation] += range(name, name + came)
            name += came
        stored[generation, PLACE] = min(managed, len(logs[generation]))
        if stored[generation, PLACE] >= fillings[generation, PLACE].filled:
            kept |= set(logs[generation][: stored[generation, PLACE]])
    truth = truth_of(PLACE, len(lives) + 1, fillings, stored)
    assert kept <= set(logs[truth][: stored[truth, PLACE]])
