"""Dwell on the working clock."""

from services.core.equipment import PlantModel
from services.core.instant import parse_instant
from services.core.working_dwell import working_dwell
from tests.show_floor import document

HOUR = 3_600_000_000
FRIDAY_15 = parse_instant("2026-11-20T15:00:00+08:00")
MONDAY_9 = parse_instant("2026-11-23T09:00:00+08:00")


def plant(calendar: str | None) -> PlantModel:
    """Operation A in a work center with this calendar: Monday to Friday, 8 to 16 with a break of half an hour."""
    found = document({"A": {}})
    shift = {"id": "S", "from": "08:00", "to": "16:00", "breaks": [["15:15", "15:45"]]}
    found["calendars"] = {"days": {"week": ["mon", "tue", "wed", "thu", "fri"], "shifts": [shift], "exceptions": []}}
    found["work_centers"][0]["calendar"] = calendar
    return PlantModel.from_document(found, 1)


def test_breaks_nights_and_weekends_do_not_count() -> None:
    assert working_dwell(plant("days"), "A", FRIDAY_15, MONDAY_9) == HOUR + HOUR // 2


def test_without_a_calendar_it_is_the_dwell() -> None:
    assert working_dwell(plant(None), "A", FRIDAY_15, MONDAY_9) == MONDAY_9 - FRIDAY_15


def test_an_open_visit_has_none() -> None:
    assert working_dwell(plant("days"), "A", FRIDAY_15, None) is None
