"""Time cut at the edges of shifts and breaks, and the calendar of those who have none. Instants are µs."""

from collections.abc import Iterator
from typing import NamedTuple

from services.core.calendar import ShiftSpan, WorkingCalendar
from services.core.shift_plan import ShiftPattern

DAY = "day"
"""The shift of work centers without a calendar: the plant day."""


def plant_days(time_zone: str) -> WorkingCalendar:
    """The calendar of those who work around the clock: every plant day is one shift."""
    return WorkingCalendar(time_zone, "mon-sun", [ShiftPattern(DAY, "00:00", "24:00")])


class Piece(NamedTuple):
    """A piece of time within one shift, or within none, that is working time or is not."""

    start: int
    end: int
    shift: ShiftSpan | None
    working: bool


def pieces(calendar: WorkingCalendar, start: int, end: int) -> Iterator[Piece]:
    """[start, end) cut where a shift, or a break, begins or ends."""
    at = start
    for span in calendar.shifts_between(start, end):
        for shift, edge, working in _edges(span):
            to = min(edge, end)
            if to > at:
                yield Piece(at, to, shift, working)
                at = to
    if at < end:
        yield Piece(at, end, None, False)


def _edges(span: ShiftSpan) -> Iterator[tuple[ShiftSpan | None, int, bool]]:
    """The time before a shift, its breaks and its work, each with its end."""
    yield None, span.start_us, False
    for start, end in span.work:
        yield span, start, False
        yield span, end, True
    yield span, span.end_us, False


def next_edge(calendar: WorkingCalendar, after: int, before: int) -> int | None:
    """The first instant in (after, before] at which a shift or a break begins or ends; None if there is none."""
    edges = (edge for span in calendar.shifts_between(after, before) for _, edge, _ in _edges(span) if edge > after)
    found = next(edges, None)
    return found if found is not None and found <= before else None


def last_edge(calendar: WorkingCalendar, after: int, until: int) -> int | None:
    """The last instant in (after, until] at which a shift or a break begins or ends; None if there is none."""
    spans = calendar.shifts_between(after, until + 1)
    return max((edge for span in spans for _, edge, _ in _edges(span) if after < edge <= until), default=None)
