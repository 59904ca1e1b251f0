"""Shifts as written: what is read, and what is refused with a word on how to write it."""

from datetime import date

import pytest

from services.core.shift_plan import CalendarException, LocalShift, ShiftPattern, ShiftPlan, weekdays

DAY = ShiftPattern("A", "08:00", "20:00")
NIGHT = ShiftPattern("B", "20:00", "08:00")
SUNDAY = date(2026, 10, 11)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mon-sat", [0, 1, 2, 3, 4, 5]),
        ("mon–fri", [0, 1, 2, 3, 4]),
        ("Mon, wed,FRI", [0, 2, 4]),
        ("sat-mon", [0, 5, 6]),
        ("sun", [6]),
        ("mon-tue, tue-wed", [0, 1, 2]),
    ],
)
def test_week_is_a_list_of_names_and_ranges(text: str, expected: list[int]) -> None:
    assert weekdays(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mon-xyz", "unknown weekday 'xyz'.*mon, tue"),
        ("", "write e.g. mon-sat"),
        ("mon-tue-wed", "write e.g."),
        ("1", "write"),
    ],
)
def test_week_that_cannot_be_read_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ShiftPlan(text, [DAY])


def test_break_after_midnight_lies_in_the_later_part() -> None:
    plan = ShiftPlan("mon", [ShiftPattern("B", "20:00", "08:00", (("02:00", "02:30"), ("23:45", "00:15")))])
    [shift] = plan.on(date(2026, 11, 23))
    hour = 3600
    assert shift == LocalShift(
        "B", 20 * hour, 32 * hour, ((23 * hour + 2700, 24 * hour + 900), (26 * hour, 26 * hour + 1800))
    )


def test_break_at_an_end_of_the_shift_leaves_no_empty_piece() -> None:
    shift = LocalShift("A", 0, 100, ((0, 10), (10, 20), (90, 100)))
    assert shift.work() == [(20, 90)]


def test_shift_to_midnight_and_seconds_are_read() -> None:
    [shift] = ShiftPlan("mon", [ShiftPattern("A", "6:00:30", "24:00")]).on(date(2026, 11, 23))
    assert (shift.begin_s, shift.end_s) == (21_630, 86_400)


def test_shift_of_own_weekdays_leaves_the_others_alone() -> None:
    plan = ShiftPlan("mon-fri", [DAY, ShiftPattern("A", "08:00", "12:00", week="sat")])
    ends = [[s.end_s // 3600 for s in plan.on(date(2026, 11, 23 + n))] for n in range(7)]
    assert ends == [[20], [20], [20], [20], [20], [12], []]


@pytest.mark.parametrize(
    ("shifts", "says"),
    [
        ([], "at least one shift"),
        ([DAY, ShiftPattern("B", "19:00", "23:00")], r"'A' of mon \(08:00–20:00\) overlaps shift 'B' of mon"),
        ([ShiftPattern("B", "20:00", "08:01"), DAY], "'B' of mon .* overlaps shift 'A' of tue"),
        ([DAY, DAY], "'A' is there twice on mon"),
        ([ShiftPattern("A", "08:00", "16:00", (("16:00", "16:15"),))], "break 16:00–16:15 is outside 08:00–16:00"),
        ([ShiftPattern("A", "08:00", "16:00", (("07:00", "08:15"),))], "is outside"),
        ([ShiftPattern("A", "08:00", "16:00", (("12:00", "12:00"),))], "must end after it begins"),
        ([ShiftPattern("A", "08:00", "16:00", (("12:00", "13:00"), ("12:30", "14:00")))], "overlap"),
        ([ShiftPattern("A", "08:00", "16:00", (("08:00", "16:00"),))], "no working time"),
        ([ShiftPattern("A", "8", "16:00")], 'cannot read the time of day .8.: expected "HH:MM"'),
        ([ShiftPattern("A", "08:00", "24:01")], "from .00:00. to .24:00."),
        ([ShiftPattern("A", "08:60", "16:00")], "cannot read the time of day"),
        ([ShiftPattern("A", "24:00", "08:00")], "of the next day"),
        ([ShiftPattern("extra", "08:00", "16:00")], "is not free"),
        ([ShiftPattern("", "08:00", "16:00")], "is not free"),
    ],
)
def test_shifts_that_cannot_be_are_refused(shifts: list[ShiftPattern], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ShiftPlan("mon-sat", shifts)


def test_sundays_night_may_not_run_into_mondays_shift() -> None:
    with pytest.raises(ValueError, match=r"of sun .* of mon"):
        ShiftPlan("mon", [DAY, ShiftPattern("N", "20:00", "09:00", week="sun")])


@pytest.mark.parametrize(
    ("exceptions", "says"),
    [
        ([CalendarException(SUNDAY)], "changes nothing"),
        ([CalendarException(SUNDAY, off=True, works_as="sat")], "either off or as"),
        ([CalendarException(SUNDAY, works_as="someday")], "unknown weekday 'someday'"),
        ([CalendarException(SUNDAY, off=True), CalendarException(SUNDAY, works_as="sat")], "two exceptions"),
        ([CalendarException(SUNDAY, add=(("07:00", "09:00"),))], "'B' of 2026-10-10 .* 'extra' of 2026-10-11"),
        ([CalendarException(SUNDAY, add=(("20:00", "08:30"),))], "'extra' of 2026-10-11 .* 'A' of 2026-10-12"),
        ([CalendarException(SUNDAY, add=(("10:00", "12:00"), ("11:00", "13:00")))], "'extra' .* 'extra-2'"),
        ([CalendarException(date(2200, 1, 1), off=True)], "year must be 1970 to 2199"),
    ],
)
def test_exceptions_that_cannot_be_are_refused(exceptions: list[CalendarException], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ShiftPlan("mon-sat", [DAY, NIGHT], exceptions)
