"""The working calendar against a slow one that walks the site's clock minute by minute.

The slow one knows nothing of instants of shifts: it reads the wall clock of every minute through zoneinfo, holds it
where it falls back (the plant's clock never goes back), and asks the written pattern what that time of day is.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.calendar import ShiftKey, WorkingCalendar
from services.core.shift_plan import CalendarException, ShiftPattern

MINUTE = 60_000_000
DAY_MINUTES = 1440
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# (shift id, begin, length, [(break begin, length)]), all in minutes, begins counted from 00:00 of the plant date
Written = tuple[str, int, int, list[tuple[int, int]]]

TWO_SHIFTS: list[Written] = [("A", 480, 720, [(720, 60)]), ("B", 1200, 720, [(1440, 30), (1590, 15)])]
THREE_SHIFTS: list[Written] = [
    ("early", 360, 480, [(600, 30)]),
    ("late", 840, 480, [(1080, 30)]),
    ("night", 1320, 480, [(1560, 45)]),
]
CHANGES_AT_CLOCK_CHANGE: list[Written] = [("N", 75, 60, []), ("O", 150, 25, []), ("P", 180, 300, [(185, 10)])]

WINDOWS = [
    ("Europe/Berlin", date(2026, 3, 26)),
    ("Europe/Berlin", date(2026, 10, 22)),
    ("America/New_York", date(2026, 3, 5)),
    ("America/New_York", date(2026, 10, 29)),
    ("Asia/Shanghai", date(2026, 9, 29)),
    ("Asia/Shanghai", date(2028, 2, 26)),
    ("Europe/Berlin", date(2026, 12, 29)),
    ("Australia/Lord_Howe", date(2026, 10, 1)),
    # the calendar computes 32 plant dates at a time: here two such pieces meet, far west and far east of UTC
    ("Pacific/Honolulu", date.fromordinal(739744 - 3)),
    ("Pacific/Kiritimati", date.fromordinal(739744 - 3)),
]
SPAN_DAYS = 6


def hhmm(minute: int) -> str:
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"


def exceptions_of(first: date) -> list[CalendarException]:
    return [
        CalendarException(first + timedelta(days=1), off=True),
        CalendarException(first + timedelta(days=4), works_as="sun", add=(("09:10", "11:40"),)),
    ]


def calendar_of(zone: str, first: date, written: list[Written]) -> WorkingCalendar:
    patterns = [
        ShiftPattern(name, hhmm(begin), hhmm(begin + length), tuple((hhmm(b), hhmm(b + n)) for b, n in breaks))
        for name, begin, length, breaks in written
    ]
    return WorkingCalendar(zone, "mon-sat", patterns, exceptions_of(first))


def written_on(day: date, first: date, written: list[Written]) -> list[Written]:
    """The pattern of one date: Sundays and the second date of the span off, the fifth a Sunday with an interval."""
    nth = (day - first).days
    if nth == 4:
        return [("extra", 550, 150, [])]
    return [] if nth == 1 or day.weekday() == 6 else written


def slow_state(wall: datetime, first: date, written: list[Written]) -> tuple[ShiftKey | None, bool]:
    """Shift and whether it is working time, at a wall-clock time."""
    for back in (0, 1):
        day = wall.date() - timedelta(days=back)
        minute = wall.hour * 60 + wall.minute + back * DAY_MINUTES
        for name, begin, length, breaks in written_on(day, first, written):
            if begin <= minute < begin + length:
                return ShiftKey(day, name), not any(b <= minute < b + n for b, n in breaks)
    return None, False


@cache
def slow_minutes(zone: str, first: date, which: int) -> tuple[int, list[tuple[ShiftKey | None, bool]]]:
    """Instant of the first minute, and the state of every minute of the span."""
    written = PATTERNS[which]
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    shown = datetime.min  # noqa: DTZ901
    states = []
    for minute in range(SPAN_DAYS * DAY_MINUTES):
        wall = (begin + timedelta(minutes=minute)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        shown = max(shown, wall)
        states.append(slow_state(shown, first, written))
    return (begin - EPOCH) // timedelta(microseconds=1), states


PATTERNS = [TWO_SHIFTS, THREE_SHIFTS, CHANGES_AT_CLOCK_CHANGE]
places = [(zone, first, which) for zone, first in WINDOWS for which in range(len(PATTERNS))]
CALENDARS = {(zone, first, which): calendar_of(zone, first, PATTERNS[which]) for zone, first, which in places}


@pytest.mark.row(32)
@pytest.mark.parametrize(("zone", "first", "which"), places)
def test_every_minute_agrees_with_the_slow_calendar(zone: str, first: date, which: int) -> None:
    calendar = CALENDARS[zone, first, which]
    zero, states = slow_minutes(zone, first, which)
    for minute, (shift, working) in enumerate(states):
        start = zero + minute * MINUTE
        found = (calendar.shift_at(start), calendar.working_us(start, start + MINUTE))
        assert found == (shift, MINUTE if working else 0), f"{zone}, minute {minute} after {first} 00:00 UTC"


minutes = st.integers(0, SPAN_DAYS * DAY_MINUTES - 1)


@given(st.sampled_from(places), minutes, minutes)
def test_any_span_agrees_with_the_slow_calendar(place: tuple[str, date, int], a: int, b: int) -> None:
    zero, states = slow_minutes(*place)
    a, b = sorted((a, b))
    slow = sum(working for _, working in states[a:b]) * MINUTE
    assert CALENDARS[place].working_us(zero + a * MINUTE, zero + b * MINUTE) == slow


near = st.integers(0, 400 * 86_400_000_000).map(lambda us: 1_767_225_600_000_000 + us)


@pytest.mark.row(32)
@given(st.sampled_from(places), st.tuples(near, near, near))
def test_working_time_adds_up(place: tuple[str, date, int], at: tuple[int, int, int]) -> None:
    calendar, (a, b, c) = CALENDARS[place], at
    assert calendar.working_us(a, b) + calendar.working_us(b, c) == calendar.working_us(a, c)


edges = st.sampled_from([0, 7_258_118_400_000_000])  # 1970 and 2200
around = st.integers(-(10**13), 10**13)


@given(edges, st.tuples(around, around, around))
def test_working_time_adds_up_where_the_calendar_begins_and_ends(edge: int, at: tuple[int, int, int]) -> None:
    calendar, (a, b, c) = CALENDARS[places[0]], (edge + offset for offset in at)
    assert calendar.working_us(a, b) + calendar.working_us(b, c) == calendar.working_us(a, c)


@given(st.sampled_from(places), near, st.integers(1, 60 * 86_400_000_000))
def test_working_limit_passes_at_the_first_instant_it_is_reached(
    place: tuple[str, date, int], start: int, limit: int
) -> None:
    calendar = CALENDARS[place]
    passed = calendar.after_working(start, limit)
    assert calendar.working_us(start, passed) == limit
    assert calendar.working_us(start, passed - 1) == limit - 1


@pytest.mark.row(32)
@given(st.sampled_from(places), near, st.integers(0, 40 * 86_400_000_000))
def test_shifts_of_a_span_hold_all_its_working_time(place: tuple[str, date, int], start: int, length: int) -> None:
    calendar, end = CALENDARS[place], start + length
    spans = calendar.shifts_between(start, end)
    clipped = sum(max(0, min(e, end) - max(s, start)) for span in spans for s, e in span.work)
    assert clipped == calendar.working_us(start, end)
    assert all(x.end_us <= y.start_us for x, y in pairwise(spans))
    assert all(calendar.shift_at(s.start_us) == (s.plant_date, s.shift_id) for s in spans)


@given(st.sampled_from(places), near, st.integers(0, 3 * 86_400_000_000))
def test_plant_dates_never_go_back(place: tuple[str, date, int], start: int, later: int) -> None:
    calendar = CALENDARS[place]
    assert calendar.plant_date(start) <= calendar.plant_date(start + later)
