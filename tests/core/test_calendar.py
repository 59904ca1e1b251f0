"""The working calendar at instants that matter: midnight, breaks, exceptions, clock changes, leap day, year end."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

import pytest

from services.core.calendar import ShiftKey, WorkingCalendar, week_start
from services.core.shift_plan import CalendarException, ShiftPattern

HOUR = 3_600_000_000
DAY_SHIFT = ShiftPattern("A", "08:00", "20:00", (("12:00", "13:00"),))
NIGHT_SHIFT = ShiftPattern("B", "20:00", "08:00", (("00:00", "00:30"),))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def two_shifts(
    zone: str = "Asia/Shanghai", exceptions: Iterable[CalendarException] = (), week: str = "mon-sat"
) -> WorkingCalendar:
    return WorkingCalendar(zone, week, [DAY_SHIFT, NIGHT_SHIFT], exceptions)


def at(text: str, zone: str = "Asia/Shanghai") -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return (moment - EPOCH) // timedelta(microseconds=1)


def test_break_is_no_working_time() -> None:
    assert two_shifts().working_us(at("2026-11-23T11:30"), at("2026-11-23T13:30")) == HOUR


def test_night_shift_runs_across_midnight_less_its_break() -> None:
    assert two_shifts().working_us(at("2026-11-23T22:00"), at("2026-11-24T02:00")) == 3.5 * HOUR


def test_single_microseconds_count() -> None:
    calendar = two_shifts()
    noon = at("2026-11-23T12:00")
    assert (calendar.working_us(noon - 1, noon), calendar.working_us(noon, noon + 1)) == (1, 0)


def test_backwards_is_negative() -> None:
    assert two_shifts().working_us(at("2026-11-23T10:00"), at("2026-11-23T09:00")) == -HOUR


def test_sunday_is_off_but_for_the_end_of_saturdays_night() -> None:
    calendar = two_shifts()
    assert calendar.working_us(at("2026-11-29T06:00"), at("2026-11-30T08:00")) == 2 * HOUR
    assert calendar.shift_at(at("2026-11-29T07:59:59")) == ShiftKey(date(2026, 11, 28), "B")
    assert calendar.shift_at(at("2026-11-29T08:00")) is None


@pytest.mark.row(32)
@pytest.mark.parametrize(
    ("moment", "shift"),
    [
        ("2026-11-23T08:00", ShiftKey(date(2026, 11, 23), "A")),
        ("2026-11-23T12:30", ShiftKey(date(2026, 11, 23), "A")),
        ("2026-11-23T20:00", ShiftKey(date(2026, 11, 23), "B")),
        ("2026-11-24T00:15", ShiftKey(date(2026, 11, 23), "B")),
        ("2026-11-23T07:59:59.999999", None),
        ("2027-01-01T03:00", ShiftKey(date(2026, 12, 31), "B")),
        ("2028-02-29T23:00", ShiftKey(date(2028, 2, 29), "B")),
        ("2028-03-01T01:00", ShiftKey(date(2028, 2, 29), "B")),
    ],
)
def test_shift_belongs_to_the_date_it_began(moment: str, shift: ShiftKey | None) -> None:
    assert two_shifts().shift_at(at(moment)) == shift


@pytest.mark.parametrize(
    ("moment", "plant_date"),
    [
        ("2026-11-24T03:00", date(2026, 11, 23)),
        ("2026-11-24T08:00", date(2026, 11, 24)),
        ("2026-11-29T03:00", date(2026, 11, 28)),
        ("2026-11-29T12:00", date(2026, 11, 29)),
        ("2026-11-30T03:00", date(2026, 11, 30)),
    ],
)
def test_plant_date_is_the_shifts_else_the_clocks(moment: str, plant_date: date) -> None:
    assert two_shifts().plant_date(at(moment)) == plant_date


def test_date_off_has_no_shift_of_its_own() -> None:
    calendar = two_shifts(exceptions=[CalendarException(date(2026, 10, 1), off=True)])
    assert calendar.shift_at(at("2026-10-01T07:00")) == ShiftKey(date(2026, 9, 30), "B")
    assert calendar.working_us(at("2026-10-01T08:00"), at("2026-10-02T08:00")) == 0


def test_date_works_as_another_weekday() -> None:
    saturday_half_day = [
        ShiftPattern("A", "08:00", "16:00", week="mon-fri"),
        ShiftPattern("S", "08:00", "12:00", week="sat"),
    ]
    make_up = CalendarException(date(2026, 10, 11), works_as="sat")
    calendar = WorkingCalendar("Asia/Shanghai", "mon-sat", saturday_half_day, [make_up])
    assert [s.shift_id for s in calendar.shifts_between(at("2026-10-09T00:00"), at("2026-10-12T00:00"))] == [
        "A",
        "S",
        "S",
    ]


def test_added_intervals_are_shifts_called_extra() -> None:
    overtime = CalendarException(date(2026, 10, 11), add=(("20:00", "23:00"), ("10:00", "12:00")))
    spans = two_shifts(exceptions=[overtime]).shifts_between(at("2026-10-11T08:00"), at("2026-10-12T08:00"))
    assert [(s.shift_id, s.working_us) for s in spans] == [("extra", 2 * HOUR), ("extra-2", 3 * HOUR)]


def test_date_off_may_still_have_intervals_added() -> None:
    stocktaking = CalendarException(date(2026, 10, 1), off=True, add=(("09:00", "11:00"),))
    calendar = two_shifts(exceptions=[stocktaking])
    assert calendar.working_us(at("2026-10-01T08:00"), at("2026-10-02T08:00")) == 2 * HOUR


@pytest.mark.row(32)
@pytest.mark.parametrize(
    ("zone", "night", "hours"),
    [
        ("Europe/Berlin", "2026-03-28", 10.5),
        ("Europe/Berlin", "2026-10-24", 12.5),
        ("America/New_York", "2026-03-07", 10.5),
        ("America/New_York", "2026-10-31", 12.5),
        ("Asia/Shanghai", "2026-10-24", 11.5),
    ],
)
def test_night_of_a_clock_change_is_an_hour_shorter_or_longer(zone: str, night: str, hours: float) -> None:
    calendar = two_shifts(zone, week="mon-sun")
    spans = calendar.shifts_between(at(f"{night}T20:00", zone), at(f"{night}T20:00", zone) + 1)
    assert [s.working_us for s in spans] == [hours * HOUR]


def test_time_the_clock_jumps_over_is_the_instant_of_the_jump() -> None:
    early = WorkingCalendar("Europe/Berlin", "mon-sun", [ShiftPattern("A", "02:20", "10:00")])
    [span] = early.shifts_between(at("2026-03-29T00:00+01:00"), at("2026-03-29T12:00+02:00"))
    assert span.start_us == at("2026-03-29T01:00+00:00")


def test_time_that_comes_twice_is_its_first_coming() -> None:
    early = WorkingCalendar("Europe/Berlin", "mon-sun", [ShiftPattern("A", "02:30", "10:00")])
    [span] = early.shifts_between(at("2026-10-25T00:00+02:00"), at("2026-10-25T12:00+01:00"))
    assert span.start_us == at("2026-10-25T02:30+02:00")


def test_shift_wholly_inside_the_jump_does_not_take_place() -> None:
    service = WorkingCalendar("Europe/Berlin", "mon-sun", [ShiftPattern("A", "02:00", "03:00")])
    assert service.shifts_between(at("2026-03-29T00:00+01:00"), at("2026-03-29T23:00+02:00")) == []


def test_date_that_the_zone_left_out_has_no_shift() -> None:
    samoa = WorkingCalendar("Pacific/Apia", "mon-sun", [ShiftPattern("A", "00:00", "24:00")])
    spans = samoa.shifts_between(at("2011-12-29T22:00+00:00"), at("2011-12-31T22:00+00:00"))
    assert [(s.plant_date.day, s.working_us / HOUR) for s in spans] == [(29, 24), (31, 24), (1, 24)]


def test_round_the_clock_is_the_wall_clock() -> None:
    calendar = WorkingCalendar("Europe/Berlin", "mon-sun", [ShiftPattern("A", "06:00", "06:00")])
    start, end = at("2026-03-01T00:00+00:00"), at("2027-11-01T00:00+00:00")
    assert calendar.working_us(start, end) == end - start


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "Pacific/Kiritimati"])
def test_round_the_clock_has_a_shift_at_every_hour_however_far_from_utc(zone: str) -> None:
    calendar = WorkingCalendar(zone, "mon-sun", [ShiftPattern("R", "18:00", "18:00")])
    hours = range(at("2026-05-01T00:00+00:00"), at("2026-06-10T00:00+00:00"), HOUR)
    assert [hour for hour in hours if calendar.shift_at(hour) is None] == []


def test_working_limit_passes_after_breaks_and_days_off() -> None:
    calendar = two_shifts()
    assert calendar.after_working(at("2026-11-23T11:00"), 2 * HOUR) == at("2026-11-23T14:00")
    assert calendar.after_working(at("2026-11-29T07:00"), 2 * HOUR) == at("2026-11-30T09:00")
    assert calendar.after_working(at("2026-11-29T07:00"), HOUR) == at("2026-11-29T08:00")
    assert calendar.after_working(at("2026-11-29T10:00"), 0) == at("2026-11-29T10:00")


def test_negative_working_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="never negative"):
        two_shifts().after_working(at("2026-11-23T11:00"), -1)


def test_working_limit_beyond_the_last_year_is_refused() -> None:
    with pytest.raises(ValueError, match="not reached by the end of 2199"):
        two_shifts().after_working(at("2199-12-30T11:00"), 100 * HOUR)


@pytest.mark.parametrize("year", ["1950", "2500"])
def test_years_without_shifts_have_no_working_time(year: str) -> None:
    calendar = two_shifts()
    instant = at(f"{year}-06-01T10:00")
    assert calendar.working_us(instant, instant + 24 * HOUR) == 0
    assert calendar.shift_at(instant) is None
    assert calendar.plant_date(instant) == date(int(year), 6, 1)


def test_first_day_of_the_range_works() -> None:
    assert two_shifts().working_us(at("1960-01-01T00:00"), at("1970-01-01T20:00")) == 11 * HOUR


def test_empty_span_has_no_shifts() -> None:
    now = at("2026-11-23T11:00")
    assert two_shifts().shifts_between(now, now) == []


def test_shifts_between_are_whole_and_touch_the_span() -> None:
    calendar = two_shifts()
    spans = calendar.shifts_between(at("2026-11-23T19:59:59"), at("2026-11-24T08:00"))
    assert [(s.plant_date.day, s.shift_id) for s in spans] == [(23, "A"), (23, "B")]
    assert (spans[0].start_us, spans[0].end_us) == (at("2026-11-23T08:00"), at("2026-11-23T20:00"))


@pytest.mark.parametrize("day", [date(2026, 11, 23), date(2026, 11, 26), date(2026, 11, 29)])
def test_week_begins_on_monday(day: date) -> None:
    assert week_start(day) == date(2026, 11, 23)


def test_visit_of_a_year_is_measured_in_less_than_a_tenth_of_a_second() -> None:
    calendar = two_shifts("Europe/Berlin")
    began = perf_counter()
    calendar.working_us(at("2026-01-01T00:00"), at("2027-01-01T00:00"))
    assert perf_counter() - began < 0.1


@pytest.mark.parametrize("zone", ["Asia/Beijing", "America", "", "../etc/passwd"])
def test_unknown_time_zone_is_refused_by_name(zone: str) -> None:
    with pytest.raises(ValueError, match="expected an IANA name such as Asia/Shanghai"):
        two_shifts(zone)
