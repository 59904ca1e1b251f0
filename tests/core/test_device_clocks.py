"""The clock of a device is known from what came at once; what a broker kept for us says nothing of it."""

from hypothesis import given
from hypothesis import strategies as st

from services.core.device_clocks import NEAR, DeviceClocks

SECOND = 1_000_000
HOUR = 3600 * SECOND


def test_what_comes_at_once_tells_the_clock() -> None:
    clocks = DeviceClocks({})
    assert clocks.shows("agv", 100 * SECOND, 40 * SECOND) == 100 * SECOND
    assert clocks.news() == {"agv": -60 * SECOND}
    assert clocks.news() == {}, "noted once"


def test_a_backlog_is_put_right_by_the_offset_that_was_seen_live() -> None:
    clocks = DeviceClocks({"agv": -60 * SECOND})
    clocks.catching_up()
    assert clocks.shows("agv", HOUR, 3 * HOUR) == 3 * HOUR + 60 * SECOND
    assert clocks.news() == {}
    assert clocks.shows("other", HOUR, 3 * HOUR) is None, "nobody knows how long it lay at the broker"


def test_live_again_when_all_has_come() -> None:
    clocks = DeviceClocks({"agv": 0})
    clocks.catching_up()
    near = NEAR - SECOND // 2
    assert clocks.shows("agv", HOUR, HOUR + near) == HOUR
    assert clocks.news() == {}, "what may have been kept for a moment teaches nothing"
    clocks.live()
    assert clocks.shows("agv", HOUR, 3 * HOUR) == HOUR, "its clock was set"
    assert clocks.news() == {"agv": 2 * HOUR}


def test_live_again_when_nothing_was_late_for_a_minute() -> None:
    clocks = DeviceClocks({"agv": 0})
    clocks.catching_up()
    for second in range(120):
        clocks.shows("agv", second * SECOND, second * SECOND)
    assert clocks.shows("agv", HOUR, 3 * HOUR) == HOUR


def test_a_device_that_nobody_knows_and_one_that_was_set_do_not_make_all_others_late_for_ever() -> None:
    clocks = DeviceClocks({"agv": 0, "set": 0})
    clocks.catching_up()
    for second in range(120):
        now = second * SECOND
        clocks.shows("agv", now, now)
        assert (clocks.shows("new", now - HOUR, now) is None) == (second < 60)
        assert (clocks.shows("set", now - HOUR, now) == now) == (second < 60), "as if it had been kept for an hour"
    assert clocks.news() == {"new": HOUR, "set": HOUR}


def test_old_state_tells_no_clock() -> None:
    clocks = DeviceClocks({})
    assert clocks.shows("agv", HOUR, 90 * HOUR, old=True) is None
    assert clocks.news() == {}


@given(st.integers(-HOUR, HOUR), st.lists(st.integers(0, 100 * HOUR), min_size=1), st.integers(0, HOUR))
def test_a_kept_message_is_never_further_off_than_the_clock_has_drifted(
    off: int, kept_for: list[int], begin: int
) -> None:
    clocks = DeviceClocks({})
    assert clocks.shows("d", begin - off, begin) == begin - off
    clocks.catching_up()
    for delay in kept_for:
        arrived = begin + HOUR + delay
        shown = clocks.shows("d", begin + HOUR - off, arrived)
        assert shown is not None
        assert abs(shown - (arrived - off)) <= NEAR
