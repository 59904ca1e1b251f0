"""Hours of work and stops of the simulated plants."""

import random

from hypothesis import given
from hypothesis import strategies as st

from loadtest.shifts import DAY, HOUR, MINUTE, RandomStops, RegularStops, Shifts, Span

MIDNIGHT = 1_795_000_000_000_000
HOURS = [Span(6 * HOUR, 10 * HOUR), Span(10 * HOUR + 15 * MINUTE, 14 * HOUR), Span(22 * HOUR, 23 * HOUR)]
INSTANTS = st.integers(MIDNIGHT - 2 * DAY, MIDNIGHT + 2 * DAY)


def worked(begin: int, end: int) -> int:
    """µs of work between two instants, added up span by span."""
    days = range((begin - MIDNIGHT) // DAY, (end - MIDNIGHT) // DAY + 1)
    spans = [Span(MIDNIGHT + day * DAY + of.begin, MIDNIGHT + day * DAY + of.end) for day in days for of in HOURS]
    return sum(max(0, min(span.end, end) - max(span.begin, begin)) for span in spans)


@given(INSTANTS, st.integers(1, 3 * DAY))
def test_work_goes_on_in_shifts_only(at: int, work: int) -> None:
    end = Shifts(MIDNIGHT, HOURS).after(at, work)
    assert worked(at, end) == work
    assert worked(at, end - 1) == work - 1


@given(INSTANTS, st.lists(INSTANTS, max_size=3))
def test_a_span_is_the_one_now_or_the_next_whatever_was_asked_before(at: int, before: list[int]) -> None:
    shifts = Shifts(MIDNIGHT, HOURS)
    for other in before:
        shifts.span(other)
    begin, end = shifts.span(at)
    assert at < end
    assert worked(begin, end) == end - begin
    assert worked(at, end) == end - max(at, begin)


@given(INSTANTS)
def test_a_regular_stop_ends_every_period(at: int) -> None:
    stop = RegularStops(MIDNIGHT, 600, 90).span(at)
    assert (stop.end - MIDNIGHT) % 600 == 0
    assert stop.end - stop.begin == 90
    assert stop.end - 600 <= at < stop.end


def test_breakdowns_are_as_often_and_as_long_as_said_on_average() -> None:
    stops, found, at = RandomStops(random.Random(1), MIDNIGHT, 1800.0, 120.0), [], MIDNIGHT
    while len(found) < 4_000:
        found.append(stops.span(at))
        at = found[-1].end
    assert all(stop.begin < stop.end for stop in found)
    down = sum(stop.end - stop.begin for stop in found)
    assert 0.9 < down / len(found) / 120e6 < 1.1
    assert 0.9 < (at - MIDNIGHT - down) / len(found) / 1800e6 < 1.1
