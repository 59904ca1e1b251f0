"""The clock of deadlines: a server's clock that is set makes nothing be over at once."""

from dataclasses import dataclass

import pytest

from services.adapters.clock import BELIEVED_US, STEP_US, Followed, SteadyClock

HOUR = 3_600_000_000
NOW = 1_764_000_000_000_000


@dataclass
class Machine:
    """A machine whose two clocks run as the test says."""

    wall: int = NOW
    steady: int = 5

    def now_us(self) -> int:
        """The wall clock, which may be set."""
        return self.wall

    def steady_ns(self) -> int:
        """The one that only runs."""
        return self.steady * 1000

    def passes(self, us: int) -> None:
        """Time."""
        self.wall += us
        self.steady += us


def clock() -> tuple[SteadyClock, Machine]:
    machine = Machine()
    return SteadyClock(machine, machine.steady_ns), machine


def test_it_is_the_wall_clock_while_nobody_sets_that() -> None:
    steady, machine = clock()
    machine.passes(HOUR)
    assert (steady.look(), steady.now_us()) == (None, NOW + HOUR)


@pytest.mark.row(31)
def test_a_clock_that_is_set_is_not_followed_at_once() -> None:
    steady, machine = clock()
    machine.wall += HOUR
    assert steady.look() is None
    machine.passes(BELIEVED_US - 1)
    assert (steady.look(), steady.now_us()) == (None, NOW + BELIEVED_US - 1)


@pytest.mark.row(31)
def test_set_back_within_a_minute_it_never_happened() -> None:
    steady, machine = clock()
    for step in (HOUR, -HOUR):
        machine.wall += step
        steady.look()
        machine.passes(BELIEVED_US // 2 + 1)
    steady.look()
    machine.passes(BELIEVED_US)
    assert (steady.look(), steady.now_us()) == (None, machine.wall)


@pytest.mark.row(31)
def test_a_clock_that_stands_by_it_is_followed_and_the_span_is_told() -> None:
    for step in (HOUR, -HOUR):
        steady, machine = clock()
        machine.wall += step
        steady.look()
        machine.passes(BELIEVED_US)
        before = steady.now_us()
        assert steady.look() == Followed(before, before + step)
        assert steady.now_us() == machine.wall


def test_small_corrections_are_followed_at_once() -> None:
    steady, machine = clock()
    machine.wall += STEP_US // 2
    assert (steady.look(), steady.now_us()) == (None, machine.wall)


def test_it_says_how_far_the_wall_clock_is_off() -> None:
    steady, machine = clock()
    machine.wall -= HOUR
    assert steady.off_us == -HOUR
