"""How often is published."""

from services.core.pace import FASTEST_US, SLOWEST_US, Pace


def paced(took_us: int) -> Pace:
    pace = Pace()
    pace.took(took_us)
    return pace


def test_fast_while_it_takes_less_than_a_twentieth_of_the_time() -> None:
    assert paced(FASTEST_US // 20).interval_us == FASTEST_US


def test_slower_as_it_takes_longer() -> None:
    assert paced(30_000).interval_us == 600_000


def test_never_slower_than_once_a_second() -> None:
    assert paced(10_000_000).interval_us == SLOWEST_US


def test_fast_again_when_it_takes_less() -> None:
    pace = paced(10_000_000)
    pace.took(0)
    assert pace.interval_us == FASTEST_US


def test_at_most_five_thousand_keys_a_second() -> None:
    assert paced(0).most == 1_250
    assert paced(10_000_000).most == 5_000
