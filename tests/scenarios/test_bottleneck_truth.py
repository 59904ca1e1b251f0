"""The active-period method on periods small enough to be checked by eye, and against a naive reading of it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.bottleneck import Activity, Period, Share, shares, turns

PERIODS = st.lists(
    st.builds(lambda begin, length, who: Period(begin, begin + length, who), st.integers(0, 60), st.integers(1, 30),
              st.sampled_from("ABCD")), max_size=12,
)  # fmt: skip


def test_the_longest_period_is_the_bottleneck_and_overlaps_are_shifting() -> None:
    found = shares([Period(0, 6, "A"), Period(4, 14, "B"), Period(5, 7, "C"), Period(16, 18, "C")], 0, 20)
    assert found["A"] == Share(limits=pytest.approx(4 / 20), sole=pytest.approx(4 / 20), shifting=pytest.approx(2 / 20))
    assert found["B"] == Share(
        limits=pytest.approx(10 / 20), sole=pytest.approx(8 / 20), shifting=pytest.approx(2 / 20)
    )
    assert found["C"] == Share(limits=pytest.approx(2 / 20), sole=pytest.approx(2 / 20), shifting=0)


@given(PERIODS)
def test_at_every_instant_it_is_the_turn_of_the_longest_active_period(periods: list[Period]) -> None:
    found = {at: turn.period for turn in turns(periods) for at in range(turn.begin, turn.end)}
    for at in range(100):
        active = [period for period in periods if period.begin <= at < period.end]
        assert (at in found) == bool(active)
        if active:
            assert found[at].length == max(period.length for period in active)
            assert found[at] in active


@given(PERIODS)
def test_turns_follow_each_other_and_shares_of_limiting_add_up(periods: list[Period]) -> None:
    in_turn = list(turns(periods))
    assert all(before.end <= after.begin for before, after in pairwise(in_turn))
    limited = len({at for period in periods for at in range(period.begin, period.end)})
    assert sum(share.limits for share in shares(periods, 0, 100).values()) == pytest.approx(limited / 100)


def test_periods_are_noted_without_gaps_between_repeated_notes() -> None:
    activity = Activity()
    for at, active in ((0, False), (2, True), (3, True), (7, False), (8, False), (9, True)):
        activity.note("A", active, at)
    assert activity.until(11) == [Period(2, 7, "A"), Period(9, 11, "A")]
