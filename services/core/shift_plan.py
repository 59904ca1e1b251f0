"""Shifts as a plant writes them down, checked: a week, shifts with breaks, exceptions, in wall-clock time.

Nothing here knows a time zone; `services.core.calendar` turns the wall clock into instants. Times of day
are "HH:MM" or "HH:MM:SS". A shift, or an added interval, that ends at or before its begin ends on the
next day (equal: after 24 h). It belongs to the plant date on which it begins, wherever its later part
lies.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_S = 86_400

EXTRA = "extra"
"""Shift id of an interval added to a date; a second one of that date is `extra-2`, and so on."""

FIRST_YEAR, LAST_YEAR = 1970, 2199
"""Plant dates outside these years have no shifts."""

_TIME = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?")
_WEEK_PART = re.compile(r"([a-z]+)(?:\s*[-–]\s*([a-z]+))?")
_EXTRA_ID = re.compile(rf"{EXTRA}(-\d+)?")


@dataclass(frozen=True, slots=True)
class ShiftPattern:
    """One shift of the week: from when to when, its breaks, and the weekdays it begins on (None: the calendar's)."""

    shift_id: str
    begin: str
    end: str
    breaks: tuple[tuple[str, str], ...] = ()
    week: str | None = None


@dataclass(frozen=True, slots=True)
class CalendarException:
    """One plant date that differs: off, worked as another weekday, and/or with intervals of work added.

    With `off` or `works_as` the shifts that begin on that date change; one that began the day before runs on.
    """

    day: date
    off: bool = False
    works_as: str | None = None
    add: tuple[tuple[str, str], ...] = ()


class LocalShift(NamedTuple):
    """A shift in seconds of wall clock since 00:00 of its plant date; breaks in order, inside it."""

    shift_id: str
    begin_s: int
    end_s: int
    breaks: tuple[tuple[int, int], ...] = ()

    def work(self) -> list[tuple[int, int]]:
        """What the breaks leave of the shift, in order, without empty pieces."""
        edges = [self.begin_s, *(edge for pause in self.breaks for edge in pause), self.end_s]
        return [(begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True) if begin < end]


class ShiftPlan:
    """The shifts of every plant date. Never changes once built."""

    __slots__ = ("_by_date", "_by_weekday")

    def __init__(self, week: str, shifts: Iterable[ShiftPattern], exceptions: Iterable[CalendarException] = ()) -> None:
        """Plan from a week such as "mon-sat" or "mon, wed, fri". Raises ValueError that says what is expected."""
        by_weekday: list[list[LocalShift]] = [[] for _ in WEEKDAYS]
        for pattern in shifts:
            local = _local_shift(pattern)
            for weekday in weekdays(week if pattern.week is None else pattern.week):
                if any(other.shift_id == local.shift_id for other in by_weekday[weekday]):
                    raise ValueError(
                        f"shift {local.shift_id!r} is there twice on {WEEKDAYS[weekday]}: give each its id"
                    )
                by_weekday[weekday].append(local)
        if not any(by_weekday):
            raise ValueError("a calendar needs at least one shift")
        self._by_weekday = tuple(tuple(sorted(day, key=_begin)) for day in by_weekday)
        _check_overlap([(WEEKDAYS[i % 7], self._by_weekday[i % 7]) for i in range(8)])
        self._by_date: dict[date, tuple[LocalShift, ...]] = {}
        for exception in exceptions:
            if exception.day in self._by_date:
                raise ValueError(f"{exception.day} has two exceptions: write them as one")
            self._by_date[exception.day] = self._excepted(exception)
        for day in self._by_date:
            near = [day + timedelta(days=n) for n in (-1, 0, 1)]
            _check_overlap([(str(d), self.on(d)) for d in near])

    def on(self, day: date) -> tuple[LocalShift, ...]:
        """Shifts that begin on this date, in order."""
        found = self._by_date.get(day)
        return self._by_weekday[day.weekday()] if found is None else found

    def _excepted(self, exception: CalendarException) -> tuple[LocalShift, ...]:
        day = exception.day
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValueError(f"exception on {day}: the year must be {FIRST_YEAR} to {LAST_YEAR}")
        if exception.off and exception.works_as is not None:
            raise ValueError(f"exception on {day}: say either off or as, not both")
        if not (exception.off or exception.works_as is not None or exception.add):
            raise ValueError(f"exception on {day} changes nothing: say off, as or add")
        if exception.off:
            base: tuple[LocalShift, ...] = ()
        elif exception.works_as is not None:
            base = self._by_weekday[_weekday(exception.works_as)]
        else:
            base = self._by_weekday[day.weekday()]
        added = sorted(_interval(begin, end, f"added interval on {day}") for begin, end in exception.add)
        extra = [LocalShift(EXTRA if n == 1 else f"{EXTRA}-{n}", *span) for n, span in enumerate(added, 1)]
        return tuple(sorted((*base, *extra), key=_begin))


def weekdays(text: str) -> list[int]:
    """Weekdays in a list of names and ranges, 0 = Monday, in order; a range may run over Sunday ("sat-mon").

    Raises ValueError for anything else.
    """
    found: set[int] = set()
    for part in text.lower().split(","):
        match = _WEEK_PART.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"cannot read the week {text!r}: write e.g. mon-sat, or mon, wed, fri")
        first = _weekday(match[1])
        last = first if match[2] is None else _weekday(match[2])
        found.update((first + n) % 7 for n in range((last - first) % 7 + 1))
    return sorted(found)


def _weekday(name: str) -> int:
    if name.lower() not in WEEKDAYS:
        raise ValueError(f"unknown weekday {name!r}: expected one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(name.lower())


def _begin(shift: LocalShift) -> int:
    return shift.begin_s


def _second_of_day(text: str) -> int:
    match = _TIME.fullmatch(str(text).strip())
    seconds = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3] or 0) if match else DAY_S + 1
    if seconds > DAY_S:
        raise ValueError(f'cannot read the time of day {text!r}: expected "HH:MM" from "00:00" to "24:00", in quotes')
    return seconds


def _interval(begin: str, end: str, what: str) -> tuple[int, int]:
    begin_s, end_s = _second_of_day(begin), _second_of_day(end)
    if begin_s == DAY_S:
        raise ValueError(f'{what} begins at "24:00": write "00:00" of the next day')
    return begin_s, end_s if end_s > begin_s else end_s + DAY_S


def _local_shift(pattern: ShiftPattern) -> LocalShift:
    if not pattern.shift_id or _EXTRA_ID.fullmatch(pattern.shift_id):
        raise ValueError(f"shift id {pattern.shift_id!r} is not free: any text but {EXTRA!r} will do")
    what = f"shift {pattern.shift_id!r}"
    begin_s, end_s = _interval(pattern.begin, pattern.end, what)
    breaks = sorted(_break(pause, begin_s, end_s, what) for pause in pattern.breaks)
    for earlier, later in pairwise(breaks):
        if later[0] < earlier[1]:
            raise ValueError(f"{what}: breaks {_span(*earlier)} and {_span(*later)} overlap")
    local = LocalShift(pattern.shift_id, begin_s, end_s, tuple(breaks))
    if not local.work():
        raise ValueError(f"{what} has no working time: its breaks fill it")
    return local


def _break(pause: tuple[str, str], shift_begin_s: int, shift_end_s: int, what: str) -> tuple[int, int]:
    begin_s, end_s = (_second_of_day(text) % DAY_S for text in pause)
    if begin_s == end_s:
        raise ValueError(f"{what}: a break must end after it begins, got {pause[0]}–{pause[1]}")
    begin_s += DAY_S if begin_s < shift_begin_s else 0
    while end_s <= begin_s:
        end_s += DAY_S
    if end_s > shift_end_s:
        raise ValueError(
            f"{what}: break {pause[0]}–{pause[1]} is outside {_span(shift_begin_s, shift_end_s)}; put it inside"
        )
    return begin_s, end_s


def _check_overlap(days: list[tuple[str, tuple[LocalShift, ...]]]) -> None:
    laid = [(n * DAY_S, name, shift) for n, (name, shifts) in enumerate(days) for shift in shifts]
    for (zero, day, earlier), (next_zero, next_day, later) in pairwise(laid):
        if next_zero + later.begin_s < zero + earlier.end_s:
            raise ValueError(
                f"shift {earlier.shift_id!r} of {day} ({_span(earlier.begin_s, earlier.end_s)}) overlaps "
                f"shift {later.shift_id!r} of {next_day} ({_span(later.begin_s, later.end_s)}): "
                "a shift must end before the next begins"
            )


def _span(begin_s: int, end_s: int) -> str:
    clocks = (f"{s // 3600 % 24:02d}:{s // 60 % 60:02d}" for s in (begin_s, end_s))
    return "–".join(clocks)
