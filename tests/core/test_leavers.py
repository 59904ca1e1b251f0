"""Units that left are found by the hour, the earliest first, so many at a time."""

from hypothesis import given
from hypothesis import strategies as st

from services.core.leavers import HOUR_US, Leavers


@given(st.lists(st.integers(0, 10 * HOUR_US)), st.lists(st.tuples(st.integers(0, 11 * HOUR_US), st.integers(1, 5))))
def test_every_unit_is_found_once_and_none_before_its_hour_has_passed(
    left: list[int], asked: list[tuple[int, int]]
) -> None:
    leavers, found = Leavers(), []
    for number, instant in enumerate(left):
        leavers.add(str(number).encode(), instant)
    for horizon, most in [*asked, *[(12 * HOUR_US, 5)] * len(left)]:
        some = leavers.before(horizon, most)
        assert len(some) <= most
        assert all(left[int(key)] < horizon for key in some)
        found += some
    assert sorted(found) == sorted(str(number).encode() for number in range(len(left)))


def test_the_earliest_hour_comes_first() -> None:
    leavers = Leavers()
    for key, left in ((b"c", 5 * HOUR_US), (b"a", 1), (b"b", 3 * HOUR_US)):
        leavers.add(key, left)
    assert [leavers.before(6 * HOUR_US, 1) for _ in range(4)] == [[b"a"], [b"b"], [b"c"], []]
