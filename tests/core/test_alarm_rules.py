"""Alert rules out of the plant file, and mutes over midnight and over both nights on which clocks are set."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from schemas.plant import load_plant
from services.core.alarm_rules import Measure, Rule, rules_of
from services.core.equipment import PlantModel
from tests.alarms import MINUTE, SECOND, rules_from

PLANT = """
site: {{id: S, time_zone: {zone}}}
calendars:
  two_shift:
    week: mon-sat
    shifts: [{{id: A, from: "08:00", to: "20:00", breaks: [["12:00", "13:00"]]}}, {{id: B, from: "20:00", to: "08:00"}}]
areas:
  - id: X
    work_centers:
      - id: L
        calendar: two_shift
        work_units: [M]
        operations:
          - {{id: A, wip_limit: 40, wip_min: 2, dwell_limit: 15m}}
          - {{id: B, dwell_limit: 30m, dwell_limit_clock: working}}
alerting:
{alerting}
"""
NIGHT = """
  on_delay: 10s
  off_delay: 20s
  mutes: [{id: night, from: "22:00", to: "06:00"}, {id: b, calendar: two_shift, shift: B}]
  mute: [night]
  rules:
    - {id: stops, measure: no_departure_for, operation: B, time: 20m, priority: high, mute: [b]}
    - {id: down, measure: machine_down_for, work_unit: M, time: 5m, on_delay: 3s}
    - {id: few, measure: wip_below, operation: B, wip: 50}
"""


def rules(alerting: str = NIGHT, zone: str = "Asia/Shanghai") -> dict[str, Rule]:
    """The rules of the plant above."""
    return rules_from(PLANT.format(zone=zone, alerting=alerting))


def at(text: str, zone: str = "Asia/Shanghai") -> int:
    """A local time, or one with its offset, as µs."""
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).timestamp()) * SECOND


def test_limits_of_operations_are_rules_by_themselves() -> None:
    found = rules("  on_delay: 10s")
    assert {name: (rule.measure, rule.limit, rule.deadband, rule.on_delay) for name, rule in found.items()} == {
        "wip_limit|A": (Measure.WIP_ABOVE, 40, 4, 10 * SECOND),
        "wip_min|A": (Measure.WIP_BELOW, 2, 1, 10 * SECOND),
        "dwell_limit|A": (Measure.UNIT_DWELL_ABOVE, 15 * MINUTE, 0, 0),
        "dwell_limit|B": (Measure.UNIT_DWELL_ABOVE, 30 * MINUTE, 0, 0),
    }


def test_limits_make_no_rules_where_the_plant_says_so() -> None:
    assert rules("  default_rules: false") == {}


def test_rules_of_the_plant_file() -> None:
    found = rules()
    assert found["stops|B"] == Rule(
        "stops", Measure.NO_DEPARTURE_FOR, "B", 20 * MINUTE, off_delay=20 * SECOND, priority="high"
    )
    assert found["down|M"].on_delay == 3 * SECOND
    assert found["few|B"].deadband == 5


def test_a_rule_takes_the_place_of_the_default_one_of_the_same_name_and_subject() -> None:
    tuned = "  rules: [{id: wip_limit, measure: wip_above, operation: A, wip: 45, on_delay: 2m, priority: low}]"
    rule = rules(tuned)["wip_limit|A"]
    assert (rule.limit, rule.on_delay, rule.priority) == (45, 2 * MINUTE, "low")


def test_a_dwell_limit_runs_on_the_working_clock_where_the_operation_says_so() -> None:
    found = rules()
    assert (found["dwell_limit|A"].calendar is None, found["dwell_limit|B"].calendar is None) == (True, False)


@pytest.mark.parametrize(
    ("local", "muted", "until"),
    [
        ("2026-11-25T21:59:59", False, "2026-11-25T22:00"),
        ("2026-11-25T22:00:00", True, "2026-11-26T06:00"),
        ("2026-11-26T00:00:00", True, "2026-11-26T06:00"),  # 16:00 UTC of the day before
        ("2026-11-26T05:59:59", True, "2026-11-26T06:00"),
        ("2026-11-26T06:00:00", False, "2026-11-26T22:00"),
    ],
)
def test_a_mute_over_midnight(local: str, muted: bool, until: str) -> None:
    assert rules()["wip_limit|A"].muted(at(local)) == (muted, at(until))


@pytest.mark.parametrize(
    ("instant", "muted", "until"),
    [
        ("2026-03-28T22:00+01:00", True, "2026-03-29T06:00+02:00"),  # seven hours
        ("2026-03-29T05:59+02:00", True, "2026-03-29T06:00+02:00"),
        ("2026-03-29T06:00+02:00", False, "2026-03-29T22:00+02:00"),
        ("2026-10-24T21:59+02:00", False, "2026-10-24T22:00+02:00"),
        ("2026-10-24T22:00+02:00", True, "2026-10-25T06:00+01:00"),  # nine hours
        ("2026-10-25T02:30+02:00", True, "2026-10-25T06:00+01:00"),
        ("2026-10-25T02:30+01:00", True, "2026-10-25T06:00+01:00"),
        ("2026-10-25T06:00+01:00", False, "2026-10-25T22:00+01:00"),
    ],
)
def test_a_mute_over_the_nights_on_which_clocks_are_set(instant: str, muted: bool, until: str) -> None:
    assert rules(zone="Europe/Berlin")["wip_limit|A"].muted(at(instant)) == (muted, at(until))


@pytest.mark.parametrize(
    ("local", "muted", "until"),
    [
        ("2026-11-27T19:59", False, "2026-11-27T20:00"),
        ("2026-11-27T20:00", True, "2026-11-28T08:00"),
        ("2026-11-28T23:00", True, "2026-11-29T08:00"),  # Saturday's night shift
        ("2026-11-29T21:00", False, "2026-11-30T20:00"),  # none on Sunday
    ],
)
def test_a_mute_by_shift(local: str, muted: bool, until: str) -> None:
    assert rules()["stops|B"].muted(at(local)) == (muted, at(until))


def test_a_document_from_before_there_were_rules_has_those_of_its_limits() -> None:
    document = load_plant(PLANT.format(zone="UTC", alerting="  rules: []"))
    del document["alerting"]
    assert "wip_limit|A" in rules_of(PlantModel.from_document(document))
