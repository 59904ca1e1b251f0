"""How often somebody is called, and how soon a target is tried again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.pacing import BUDGET, BUDGET_US, FLOOD_PAUSE_US, LONGEST_ASKED_S, Waiting, choose, pause_s

NOW = 1_000_000_000_000
ONE = Waiting("zhang", 1, 2, NOW, 0, None, None, False)


def test_the_most_urgent_is_called_first() -> None:
    low, high = replace(ONE, recipient="a", priority=3), replace(ONE, recipient="b", priority=0)
    assert choose([low, high], NOW).next == high


@pytest.mark.parametrize(("sent", "waiting", "digest"), [(0, 10, False), (0, 11, True), (9, 1, False), (9, 2, True)])
def test_what_goes_beyond_ten_in_ten_minutes_is_one_digest(sent: int, waiting: int, digest: bool) -> None:
    each = replace(ONE, notifications=waiting, sent=sent, last_us=NOW if sent else None)
    assert choose([each], NOW).as_digest == digest


def test_after_ten_there_is_one_message_a_minute_whatever_waits() -> None:
    full = replace(ONE, notifications=500, sent=BUDGET, last_us=NOW - 1)
    assert choose([full], NOW).next is None
    assert choose([full], NOW).wait_us == FLOOD_PAUSE_US - 1
    assert choose([full], NOW + FLOOD_PAUSE_US - 1).next == full


def test_somebody_in_a_flood_does_not_hold_up_others() -> None:
    full, other = replace(ONE, sent=BUDGET, last_us=NOW), replace(ONE, recipient="li", priority=3)
    assert choose([full, other], NOW).next == other


def test_what_may_have_arrived_goes_out_again_as_it_was() -> None:
    single, digest = replace(ONE, notifications=50, unsure=True), replace(ONE, notifications=50, digest="d")
    assert not choose([single], NOW).as_digest
    assert not choose([digest], NOW).as_digest


@given(st.lists(st.tuples(st.integers(0, 90_000_000), st.integers(1, 40)), max_size=80))
def test_nobody_gets_more_than_ten_messages_and_one_a_minute(arrivals: list[tuple[int, int]]) -> None:
    now, waiting, sent = NOW, 0, list[int]()
    for gap, more in [*arrivals, (BUDGET_US, 0)]:
        now, waiting = now + gap, waiting + more
        while waiting:
            recent = [at for at in sent if at > now - BUDGET_US]
            each = Waiting("r", waiting, 0, NOW, len(recent), max(recent, default=None), None, False)
            choice = choose([each], now)
            if choice.next is None:
                break
            sent.append(now)
            waiting = 0 if choice.as_digest else waiting - 1
    for at in sent:
        window = [other for other in sent if at <= other < at + BUDGET_US]
        assert len(window) <= BUDGET + BUDGET_US // FLOOD_PAUSE_US


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e9), st.booleans())
def test_a_pause_is_never_long_enough_to_forget_a_target(
    failures: int, chance: float, asked: float | None, stuck: bool
) -> None:
    assert 0.5 <= pause_s(failures, chance, asked, stuck) <= LONGEST_ASKED_S


def test_pauses_grow_and_honour_what_the_target_asked_for() -> None:
    assert [pause_s(n, 0.999999, None, False) for n in (1, 2, 3, 10)] == pytest.approx([1, 2, 4, 60], rel=1e-5)
    assert pause_s(1, 0.5, 30.0, False) == 30.0
    assert pause_s(10, 0.5, 1.0, False) == 45.0
