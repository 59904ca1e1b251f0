"""Rules that are defences too: with one of them taken away, a test that compares with the truth must notice.

Each test here runs one that holds in the product, under a product that lacks a rule.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from services.adapters import clock
from services.core import calendar, entry, kept
from services.core.errors import BrokenGuarantee
from services.core.history import NEVER, History
from services.core.scan import Action
from services.track.handler import Lane
from tests import ingest_scenarios
from tests.core.test_steady_clock import HOUR
from tests.core.test_steady_clock import clock as machine_clock
from tests.handlers import test_alert_handler as alerting
from tests.ingest_floor import memory_floor
from tests.property import test_calendar_properties as shifts
from tests.property.test_fold_properties import assert_same
from tests.property.test_lane_simulation import test_replaying_any_suffix_changes_nothing as replayed
from tests.reference.generate import Scenario, beyond_bounds, within_bounds

FIRST_FAILURE = settings(
    phases=[Phase.generate], max_examples=200, database=None, derandomize=True, report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck), deadline=None,
)  # fmt: skip


def noticed(logs: SearchStrategy[Scenario], check: Callable[[Scenario], None]) -> None:
    """Some generated log must be folded otherwise than by the reference program."""
    with pytest.raises((AssertionError, BrokenGuarantee)):
        FIRST_FAILURE(given(logs)(check))()


def of_the_whole_set(scenario: Scenario) -> None:
    assert_same(scenario, bounded=False)


def as_kept(scenario: Scenario) -> None:
    assert_same(scenario)


@pytest.mark.row(26)
@pytest.mark.red("identity of events")
def test_red_where_a_repeat_is_a_new_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "content_of", lambda packed, event_id: None)
    noticed(within_bounds(), of_the_whole_set)


@pytest.mark.row(28)
@pytest.mark.red("sorting in of late events")
def test_red_where_events_count_in_the_order_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    insert = History._insert

    def append(self: History, scan: Any, models: Any) -> bool:
        if self.has_voids or scan.action is Action.VOID or scan.product is not None:
            return insert(self, scan, models)
        self._append(scan, models)
        return True

    monkeypatch.setattr(History, "_insert", append)
    noticed(within_bounds(), of_the_whole_set)


@pytest.mark.row(29)
@pytest.mark.red("the edge of what is final")
def test_red_where_nothing_is_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    absorb = History._to_head

    def forget(self: History, *rest: Any) -> Any:
        fold = absorb(self, *rest)
        self.edge = NEVER
        return fold

    monkeypatch.setattr(History, "_to_head", forget)
    noticed(beyond_bounds(), as_kept)


@pytest.mark.row(27)
@pytest.mark.red("the offset in the state")
def test_red_where_a_lane_forgets_how_far_it_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    fold = Lane.fold

    def from_the_start(self: Lane, *frame: Any) -> Any:
        self.offset = -1
        return fold(self, *frame)

    monkeypatch.setattr(Lane, "fold", from_the_start)
    inner = replayed.hypothesis.inner_test  # type: ignore[attr-defined]
    noticed(beyond_bounds(), lambda scenario: inner(scenario, Random(27)))


@pytest.mark.row(30)
@pytest.mark.red("correction by the clock of the sender")
def test_red_where_a_wrong_clock_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "corrected_time", lambda time, sent, recorded, model: time)

    async def corrected() -> None:
        async with memory_floor() as floor:
            await ingest_scenarios.a_sources_wrong_clock_is_corrected_once(floor)

    with pytest.raises(AssertionError):
        asyncio.run(corrected())


@pytest.mark.row(31)
@pytest.mark.red("a clock that is not followed at once")
def test_red_where_the_servers_clock_is_followed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert raised_by_a_step() == []
    monkeypatch.setattr(clock, "BELIEVED_US", 0)
    assert raised_by_a_step() == ["dwell_limit|A raised"]


def raised_by_a_step() -> list[str]:
    """What is raised when the server's clock is set an hour ahead while a unit is within its limit."""
    steady, machine = machine_clock()
    began = steady.now_us()
    lane, log = alerting.lane_with()
    alerting.see(lane, log, began, arrived=[began])
    machine.wall += HOUR
    steady.look()
    log.settle(lane, steady.now_us())
    return log.changes()


@pytest.mark.row(32)
@pytest.mark.red("the zone of the site")
def test_red_where_a_zone_has_one_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    instant = calendar._instant

    def in_winter(zone: ZoneInfo, day: Any, wall_s: int) -> int:
        day_in_winter = day.replace(month=1, day=15)
        return instant(zone, day_in_winter, wall_s) + (day - day_in_winter).days * calendar._DAY_US

    monkeypatch.setattr(calendar, "_instant", in_winter)
    place = ("Europe/Berlin", shifts.WINDOWS[0][1], 0)
    monkeypatch.setitem(shifts.CALENDARS, place, shifts.calendar_of(*place[:2], shifts.PATTERNS[0]))
    with pytest.raises(AssertionError):
        shifts.test_every_minute_agrees_with_the_slow_calendar(*place)
