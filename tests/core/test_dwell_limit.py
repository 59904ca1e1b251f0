"""How long a stay may last, on either clock."""

from hypothesis import given
from hypothesis import strategies as st

from services.core.calendar import WorkingCalendar
from services.core.dwell_limit import DwellLimit
from services.core.equipment import PlantModel
from services.core.instant import parse_instant
from services.core.shift_plan import ShiftPattern
from tests.show_floor import document, model

DAY_SHIFT = WorkingCalendar("Asia/Shanghai", "mon,tue,wed,thu,fri", [ShiftPattern("A", "08:00", "16:00")])
HOUR = 3_600_000_000
FRIDAY_15 = parse_instant("2026-11-20T15:00:00+08:00")
MONDAY_9 = parse_instant("2026-11-23T09:00:00+08:00")

LIMITS = st.builds(DwellLimit, st.integers(0, 50 * HOUR), st.sampled_from([None, DAY_SHIFT]))
INSTANTS = st.integers(FRIDAY_15, FRIDAY_15 + 14 * 24 * HOUR)


def working_plant(calendar: str | None) -> PlantModel:
    """Operation A with a limit of two hours of working time in a work center with this calendar."""
    found = document({"A": {"dwell_limit_us": 2 * HOUR, "dwell_limit_clock": "working"}})
    shift = {"id": "A", "from": "08:00", "to": "16:00", "breaks": []}
    found["calendars"] = {"days": {"week": ["mon", "tue", "wed", "thu", "fri"], "shifts": [shift], "exceptions": []}}
    found["work_centers"][0]["calendar"] = calendar
    return PlantModel.from_document(found, 1)


def test_a_weekend_does_not_count_on_the_working_clock() -> None:
    limit = DwellLimit.of(working_plant("days"), "A")
    assert limit is not None
    assert limit.passes_at(FRIDAY_15) == MONDAY_9 + 1
    assert (limit.is_over(FRIDAY_15, MONDAY_9), limit.is_over(FRIDAY_15, MONDAY_9 + 1)) == (False, True)


def test_a_work_center_that_never_stops_works_by_the_wall_clock() -> None:
    limit = DwellLimit.of(working_plant(None), "A")
    assert limit == DwellLimit(2 * HOUR)
    assert limit.passes_at(FRIDAY_15) == FRIDAY_15 + 2 * HOUR + 1


def test_there_is_no_limit_where_the_plant_model_says_none() -> None:
    assert DwellLimit.of(model({"A": {}}), "A") is None
    assert DwellLimit.of(model({"A": {}}), "B") is None


def test_a_limit_that_the_calendar_never_reaches_is_never_passed() -> None:
    assert DwellLimit(10**15, DAY_SHIFT).passes_at(parse_instant("2199-06-01T00:00:00Z")) is None


@given(LIMITS, INSTANTS, INSTANTS)
def test_a_stay_is_over_from_the_instant_foretold(limit: DwellLimit, arrived: int, as_of: int) -> None:
    passes = limit.passes_at(arrived)
    assert passes is not None
    assert limit.is_over(arrived, as_of) == (as_of >= passes)
    assert not limit.is_over(arrived, passes - 1)


@given(LIMITS, st.lists(INSTANTS), INSTANTS)
def test_those_over_are_counted(limit: DwellLimit, arrivals: list[int], as_of: int) -> None:
    assert limit.count_over(sorted(arrivals), as_of) == sum(limit.is_over(arrived, as_of) for arrived in arrivals)
