"""Alerts over random lives: no gap, no second raising, nobody called for history, the same after every crash."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.alert.handler import Lane
from services.core.alarm import Alarm, Change, End, State
from services.core.alarm_actions import Action, ActionKind, act
from services.core.alarm_readings import OperationNow
from services.core.alarm_rules import Measure, Mute, Rule
from services.core.calendar import WorkingCalendar
from services.core.shift_plan import ShiftPattern
from tests.alarms import MINUTE, NOW, SECOND, Life, operation
from tests.lane_log import LaneLog

QUIET = settings(max_examples=150, suppress_health_check=list(HealthCheck), database=None)
LUNCH = WorkingCalendar("UTC", "mon-sun", [ShiftPattern("lunch", "16:20", "16:50")])


@dataclass(frozen=True)
class Moment:
    """After `wait` seconds: a state with these ages of open stays, an action, or both."""

    wait: int
    ages: tuple[int, ...] | None
    action: ActionKind | None
    departed: int | None = None


ages = st.lists(st.integers(0, 900), max_size=14).map(tuple)
moments = st.lists(
    st.builds(
        Moment, st.integers(0, 400), st.none() | ages, st.none() | st.sampled_from(list(ActionKind)),
        st.none() | st.integers(0, 900),
    ),
    max_size=25,
)  # fmt: skip
delays = st.sampled_from([0, 5 * SECOND, 40 * SECOND])
rules = st.one_of(
    st.builds(
        lambda measure, limit, band, on, off: Rule("r", measure, "A", limit, band, on, off),
        st.sampled_from([Measure.WIP_ABOVE, Measure.WIP_BELOW]), st.integers(0, 8), st.integers(0, 3), delays, delays,
    ),
    st.builds(
        lambda measure, limit, on, off: Rule("r", measure, "A", limit * SECOND, 0, on, off),
        st.sampled_from([Measure.UNIT_DWELL_ABOVE, Measure.NO_DEPARTURE_FOR]), st.integers(1, 600), delays, delays,
    ),
).flatmap(lambda rule: st.sampled_from([rule, replace(rule, mutes=(Mute(LUNCH, "lunch"),))]))  # fmt: skip


def state(now: int, ages: Iterable[int], departed: int | None) -> OperationNow:
    """What is there now."""
    last = None if departed is None else now - departed * SECOND
    return operation(now, arrived=[now - age * SECOND for age in ages], last_departure=last)


def live(rule: Rule, story: list[Moment], looks: Random | None = None) -> Life:
    """The whole life; `looks`: beside what is due, it is looked at again and again at any time."""
    life = Life(rule)
    for number, moment in enumerate(story):
        until = life.now + moment.wait * SECOND
        for _ in range(looks.randrange(4) if looks else 0):
            life.until(looks.randint(life.now, until) if looks else until)
            life.look()
        life.until(until)
        if moment.ages is not None:
            life.see(state(life.now, moment.ages, moment.departed))
        if moment.action is not None:
            do(life, moment.action, number)
    life.until(life.now + 20 * MINUTE)
    return life


def do(life: Life, kind: ActionKind, offset: int) -> None:
    """Somebody does something about the present incident."""
    until = life.now + 2 * MINUTE if offset % 2 else None
    done = act(life.watch, Action(offset, life.watch.alarm.incident, kind, "li", life.now, until), life.now)
    life.watch = done.watch
    life.versions += [done.watch.alarm] if done.changed else []
    life.look()


@QUIET
@given(rules, moments, st.randoms(use_true_random=False))
def test_looking_more_often_changes_nothing(rule: Rule, story: list[Moment], rnd: Random) -> None:
    assert live(rule, story, rnd).versions == live(rule, story).versions


@QUIET
@given(rules, moments)
def test_versions_have_no_gap_and_an_incident_is_raised_once_and_ended_once(rule: Rule, story: list[Moment]) -> None:
    versions = live(rule, story).versions
    assert [alarm.version for alarm in versions] == list(range(1, len(versions) + 1))
    raised = [alarm.incident for alarm in versions if alarm.change is Change.RAISED]
    ended = [alarm.incident for alarm in versions if alarm.change is Change.RETURNED]
    assert raised == list(range(1, len(raised) + 1))
    assert ended in (raised, raised[:-1])


@QUIET
@given(rules, moments)
def test_nobody_is_called_in_a_mute_or_while_shelved_or_for_history(rule: Rule, story: list[Moment]) -> None:
    versions = live(rule, story).versions
    for before, alarm in zip([Alarm(), *versions], versions, strict=False):
        if alarm.notify:
            assert not rule.muted(alarm.at)[0]
            assert not alarm.history
            assert not alarm.shelved
            assert not (before.shelved and alarm.change is Change.RETURNED)


@QUIET
@given(rules, moments)
def test_whoever_was_called_hears_that_it_is_over_unless_nobody_may_be(rule: Rule, story: list[Moment]) -> None:
    versions = live(rule, story).versions
    called = False
    for before, alarm in zip([Alarm(), *versions], versions, strict=False):
        if alarm.change is Change.RAISED:
            called = False
        if alarm.change is Change.RETURNED:
            assert alarm.notify == (called and not before.shelved and not rule.muted(alarm.at)[0])
        called = called or alarm.notify
        assert alarm.told == called


@QUIET
@given(rules, moments)
def test_what_was_muted_calls_when_the_mute_ends_if_it_is_active_and_nobody_has_it(
    rule: Rule, story: list[Moment]
) -> None:
    for alarm in live(rule, story).versions:
        if alarm.change is Change.MUTE_ENDED and not alarm.history and not alarm.shelved:
            assert alarm.notify == (alarm.state is State.ACTIVE_UNACKNOWLEDGED)


@QUIET
@given(rules, moments)
def test_a_disproved_incident_was_not_so_when_it_was_raised(rule: Rule, story: list[Moment]) -> None:
    # Every state here knows an event of its own present: nothing that came later disproves.
    ends = {alarm.end for alarm in live(rule, story).versions if alarm.end is not None}
    assert End.DISPROVED not in ends or rule.measure is Measure.NO_DEPARTURE_FOR


def lane_life(rule: Rule, story: list[Moment], crashes: Random | None) -> LaneLog:
    """The life of a lane; with `crashes` its owner dies between any two rounds and the next begins from the log."""
    log = LaneLog()
    lane, now = log.lane({"r|A": rule}), NOW
    for number, moment in enumerate(story):
        for _ in range(moment.wait + 1):
            log.settle(lane, now)
            lane = reborn(log, rule, now) if crashes and crashes.random() < 0.02 else lane
            now += SECOND
        if moment.ages is not None:
            stays = [now - age * SECOND for age in moment.ages]
            log.see(lane, LaneLog.record("A", now, arrived=stays, over=number), now)
        log.settle(lane, now)
    return log


def reborn(log: LaneLog, rule: Rule, now: int) -> Lane:
    """The next owner's lane, after it has read what is there."""
    lane = log.lane({"r|A": rule})
    log.replay(lane, now)
    return lane


@pytest.mark.row(2)
@settings(QUIET, max_examples=40)
@given(rules, moments, st.randoms(use_true_random=False))
def test_the_same_log_gives_the_same_alerts_whenever_its_owners_die(
    rule: Rule, story: list[Moment], rnd: Random
) -> None:
    # An off_delay begins anew with a new owner: an alert may return later then, never earlier.
    rule = replace(rule, off_delay=0)
    assert lane_life(rule, story, rnd).versions == lane_life(rule, story, None).versions


@pytest.mark.row(28)
@QUIET
@given(st.integers(16 * 60, 10_000), st.integers(0, 600), st.integers(1, 60))
def test_history_calls_nobody_however_long_it_flows(age: int, limit: int, seconds: int) -> None:
    """Stays that were over long ago come in late and stay open: raised for the board, nobody is called."""
    rule = Rule("r", Measure.UNIT_DWELL_ABOVE, "A", limit * SECOND)
    log = LaneLog()
    lane = log.lane({"r|A": rule})
    for second in range(seconds):
        now = NOW + second * SECOND
        arrived = now - (age + limit) * SECOND
        log.see(lane, LaneLog.record("A", now, arrived=[arrived], backfilled=second + 1, newest_event_us=arrived), now)
        log.settle(lane, now)
    assert log.versions == []
    log.live(lane, NOW + seconds * SECOND, NOW + (seconds + 70) * SECOND)
    assert [(alarm.history, alarm.notify) for alarm in log.versions] == [(True, False)]


@QUIET
@given(st.integers(1, 3_000), st.integers(0, 3_000), st.booleans())
def test_a_unit_that_sits_still_in_a_quiet_plant_calls(limit: int, late: int, had_history: bool) -> None:
    """No event anywhere after its arrival: it is raised at its limit, to the microsecond, and somebody is called."""
    rule = Rule("r", Measure.UNIT_DWELL_ABOVE, "A", limit * SECOND + late)
    life = Life(rule)
    life.see(operation(NOW, arrived=[NOW], backfilled=7 if had_history else 0))
    life.until(NOW + 2 * 3_600 * SECOND)
    assert [(alarm.at, alarm.notify) for alarm in life.versions] == [(NOW + limit * SECOND + late, True)]
