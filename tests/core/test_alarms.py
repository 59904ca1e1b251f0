"""The life of an alert: delays, deadband, history, disproof, mutes, shelves, acknowledgements."""

from dataclasses import replace
from itertools import count

import pytest

from services.core.alarm import Alarm, Change, End, Gate, State, Watch
from services.core.alarm_actions import Action, ActionKind, act
from services.core.alarm_readings import OperationNow, Stay, WorkUnitNow
from services.core.alarm_rules import Measure, Mute, Rule
from services.core.alarms import remove
from services.core.calendar import WorkingCalendar
from services.core.shift_plan import ShiftPattern
from tests.alarms import DWELL_RULE, HOUR, MINUTE, NOW, SECOND, WIP_RULE, Life, operation

OFFSETS = count()
RAISED, RETURNED, UPDATED = Change.RAISED, Change.RETURNED, Change.UPDATED


def pile_up(rule: Rule = WIP_RULE) -> Life:
    """Raised half a minute after NOW."""
    life = Life(rule)
    life.see(operation(NOW, wip=11))
    life.until(NOW + MINUTE)
    assert life.told[-1][0] == "raised"
    return life


def do(life: Life, kind: ActionKind, incident: int | None = None, until: int | None = None) -> bool:
    """Somebody does something; did it change anything?"""
    seen = life.watch.alarm.incident if incident is None else incident
    done = act(life.watch, Action(next(OFFSETS), seen, kind, "zhang", life.now, until, "because"), life.now)
    life.watch = done.watch
    if done.changed:
        life.versions.append(done.watch.alarm)
    life.look()
    return done.changed


def muted(rule: Rule, begin: str, end: str) -> Rule:
    """The rule with a mute every day, in UTC. NOW is 16:00 of a day."""
    daily = WorkingCalendar("UTC", "mon-sun", [ShiftPattern("mute", begin, end)])
    return replace(rule, mutes=(Mute(daily, "mute"),))


def test_it_is_raised_when_the_limit_was_passed_for_on_delay() -> None:
    life = Life(WIP_RULE)
    life.see(operation(NOW, wip=11))
    life.until(NOW + 30 * SECOND - 1)
    assert life.versions == []
    life.until(NOW + 30 * SECOND)
    assert [(a.change, a.notify, a.since, a.raised, a.value) for a in life.versions] == [
        (RAISED, True, NOW, NOW + 30 * SECOND, 11)
    ]


def test_a_short_peak_is_not_raised() -> None:
    life = Life(WIP_RULE)
    life.see(operation(NOW, wip=11))
    life.until(NOW + 20 * SECOND)
    life.see(operation(life.now, wip=10))
    life.see(operation(life.now, wip=11))
    life.until(NOW + 49 * SECOND)
    assert life.versions == []


@pytest.mark.row(42)
def test_a_value_that_hovers_at_the_limit_raises_once() -> None:
    life = pile_up()
    for wip in (10, 9, 11, 9, 12):
        life.until(life.now + 15 * SECOND)
        life.see(operation(life.now, wip=wip))
    assert [change for change, _ in life.told if change != "updated"] == ["raised"]


def test_it_returns_when_the_value_is_back_by_the_deadband_for_off_delay() -> None:
    life = pile_up()
    life.see(operation(life.now, wip=8))
    life.until(NOW + 80 * SECOND - 1)
    assert life.told[-1][0] != "returned"
    life.until(NOW + 80 * SECOND)
    assert life.told[-1] == ("returned", True)
    assert life.watch.alarm.state is State.RETURNED_UNACKNOWLEDGED


def test_a_limit_of_none_is_back_at_none() -> None:
    life = pile_up(replace(WIP_RULE, limit=0, deadband=1))
    life.see(operation(life.now, wip=0))
    life.until(life.now + MINUTE)
    assert life.watch.alarm.end is End.RETURNED


def test_starvation() -> None:
    life = pile_up(replace(WIP_RULE, measure=Measure.WIP_BELOW, limit=20))
    life.see(operation(life.now, wip=21))
    life.until(life.now + MINUTE)
    assert life.watch.alarm.active
    life.see(operation(life.now, wip=22))
    life.until(life.now + MINUTE)
    assert life.watch.alarm.end is End.RETURNED


def test_a_unit_that_sits_still_raises_at_its_limit_with_no_event_anywhere() -> None:
    life = Life(DWELL_RULE)
    life.see(operation(NOW, arrived=[NOW, NOW + SECOND]))
    life.until(NOW + 2 * HOUR)
    first, second = life.versions
    assert (first.raised, first.notify, first.history, first.value) == (NOW + 10 * MINUTE, True, False, 10 * MINUTE)
    assert [(stay.unit_id, stay.over) for stay in first.stays] == [(f"u{NOW}", True), (f"u{NOW + SECOND}", False)]
    assert (second.change, second.notify, second.over) == (UPDATED, False, 2)


def test_more_units_than_are_listed_are_said_to_be_at_least_so_many() -> None:
    life = Life(DWELL_RULE)
    life.see(operation(NOW, arrived=range(NOW - 10 * MINUTE - 20, NOW - 10 * MINUTE - 8)))
    assert (life.watch.alarm.over, life.watch.alarm.over_is_least) == (10, True)


def test_a_dwell_limit_on_the_working_clock_sleeps_at_night() -> None:
    day = WorkingCalendar("UTC", "mon-sun", [ShiftPattern("day", "06:00", "16:05")])
    life = Life(replace(DWELL_RULE, calendar=day))
    life.see(operation(NOW, arrived=[NOW]))
    life.until(NOW + 24 * HOUR)
    assert [alarm.raised for alarm in life.versions] == [NOW + 14 * HOUR + 5 * MINUTE]


def test_no_departure_counts_only_while_something_is_there() -> None:
    life = Life(replace(DWELL_RULE, measure=Measure.NO_DEPARTURE_FOR))
    life.see(operation(NOW, arrived=[NOW - MINUTE], last_departure=NOW - 3 * HOUR))
    life.until(NOW + HOUR)
    assert life.versions[0].raised == NOW + 9 * MINUTE


def test_no_departure_is_counted_from_the_end_of_the_minute_of_the_last_one() -> None:
    life = Life(replace(DWELL_RULE, measure=Measure.NO_DEPARTURE_FOR))
    life.see(operation(NOW, arrived=[NOW - HOUR], last_departure=NOW - 2 * MINUTE))
    life.until(NOW + HOUR)
    assert life.versions[0].raised == NOW + 9 * MINUTE


def test_a_machine_that_is_down() -> None:
    life = Life(Rule("down", Measure.MACHINE_DOWN_FOR, "M", 5 * MINUTE))
    life.see(WorkUnitNow("down", NOW, NOW))
    life.until(NOW + HOUR)
    life.see(WorkUnitNow("running", life.now, life.now))
    assert [(a.change, a.at) for a in life.versions] == [(RAISED, NOW + 5 * MINUTE), (RETURNED, NOW + HOUR)]


def test_what_began_long_before_it_was_first_seen_is_history_and_calls_nobody() -> None:
    life = Life(DWELL_RULE)
    life.see(operation(NOW, arrived=[NOW - 26 * MINUTE]))
    assert life.told == [("raised", False)]
    assert life.watch.alarm.history


def test_what_began_a_little_before_it_was_first_seen_is_not() -> None:
    life = Life(DWELL_RULE)
    life.see(operation(NOW, arrived=[NOW - 24 * MINUTE]))
    assert life.told == [("raised", True)]


def test_a_long_on_delay_makes_no_history() -> None:
    life = Life(replace(DWELL_RULE, on_delay=30 * MINUTE))
    life.see(operation(NOW, arrived=[NOW]))
    life.until(NOW + HOUR)
    assert life.told == [("raised", True)]


def test_wip_of_the_past_is_history() -> None:
    life = Life(WIP_RULE)
    life.see(operation(NOW, wip=11, newest_event=NOW - 16 * MINUTE))
    life.until(NOW + MINUTE)
    assert life.told == [("raised", False)]


@pytest.mark.row(31)
def test_what_is_over_because_the_clock_was_set_is_history() -> None:
    life = Life(DWELL_RULE, gate=Gate(skipped=(NOW - 20 * MINUTE, NOW)))
    life.see(operation(NOW, arrived=[NOW - 11 * MINUTE]))
    assert life.told == [("raised", False)]


@pytest.mark.parametrize("opens", [None, NOW + HOUR])
def test_nothing_is_raised_while_the_gate_is_shut(opens: int | None) -> None:
    life = Life(DWELL_RULE, gate=Gate(opens))
    life.see(operation(NOW, arrived=[NOW - 10 * MINUTE]))
    life.until(NOW + 20 * MINUTE)
    assert life.versions == []


def test_a_shut_gate_still_lets_things_return() -> None:
    life = pile_up()
    life.gate = Gate(None)
    life.see(operation(life.now, wip=0))
    life.until(life.now + MINUTE)
    assert life.watch.alarm.end is End.RETURNED


def test_late_scans_that_show_it_was_not_so_end_it_at_once() -> None:
    life = pile_up()
    raised = life.watch.alarm.raised or 0
    life.see(operation(life.now, wip=10, newest_event=raised - 1))
    assert (life.told[-1], life.watch.alarm.end, life.watch.alarm.state) == (
        ("returned", True), End.DISPROVED, State.NORMAL
    )  # fmt: skip


def test_what_happens_after_the_raising_disproves_nothing() -> None:
    life = pile_up()
    life.see(operation(life.now, wip=0, newest_event=life.watch.alarm.raised))
    life.until(life.now + HOUR)
    assert life.watch.alarm.end is End.RETURNED


def test_a_late_departure_disproves_that_nothing_left() -> None:
    life = Life(replace(DWELL_RULE, measure=Measure.NO_DEPARTURE_FOR))
    life.see(operation(NOW, arrived=[NOW - HOUR], last_departure=NOW - 11 * MINUTE))
    life.until(NOW + MINUTE)
    life.see(operation(life.now, arrived=[NOW - HOUR], last_departure=NOW - 2 * MINUTE))
    assert life.watch.alarm.end is End.DISPROVED


def test_a_changed_value_is_told_every_ten_seconds_at_most_and_calls_nobody() -> None:
    life = pile_up()
    for second in range(25):
        life.until(NOW + MINUTE + second * SECOND)
        life.see(operation(life.now, wip=12 + second))
    updates = [(a.at, a.value, a.notify) for a in life.versions if a.change is UPDATED]
    assert updates == [
        (NOW + MINUTE, 12, False), (NOW + MINUTE + 10 * SECOND, 21, False), (NOW + MINUTE + 20 * SECOND, 31, False)
    ]  # fmt: skip


def test_the_age_of_a_unit_alone_is_no_news() -> None:
    life = Life(DWELL_RULE)
    life.see(operation(NOW, arrived=[NOW]))
    life.until(NOW + 24 * HOUR)
    assert len(life.versions) == 1


def test_acknowledged_then_returned_is_normal() -> None:
    life = pile_up()
    assert do(life, ActionKind.ACKNOWLEDGE)
    assert life.watch.alarm.state is State.ACTIVE_ACKNOWLEDGED
    life.see(operation(life.now, wip=0))
    life.until(life.now + MINUTE)
    assert life.watch.alarm.state is State.NORMAL


def test_returned_then_acknowledged_is_normal() -> None:
    life = pile_up()
    life.see(operation(life.now, wip=0))
    life.until(life.now + MINUTE)
    assert do(life, ActionKind.ACKNOWLEDGE)
    assert (life.watch.alarm.state, life.watch.alarm.acknowledged_by) == (State.NORMAL, "zhang")


def test_an_action_for_another_incident_changes_nothing() -> None:
    life = pile_up()
    assert not do(life, ActionKind.ACKNOWLEDGE, incident=2)


def test_an_action_that_was_applied_changes_nothing_more() -> None:
    life = pile_up()
    shelve = Action(5, 1, ActionKind.SHELVE, "li", life.now, life.now + HOUR)
    once = act(life.watch, shelve, life.now)
    assert not act(once.watch, shelve, life.now).changed


def test_raised_again_it_is_another_incident_that_nobody_has_taken() -> None:
    life = pile_up()
    do(life, ActionKind.ACKNOWLEDGE)
    life.see(operation(life.now, wip=0))
    life.until(life.now + MINUTE)
    life.see(operation(life.now, wip=11))
    life.until(life.now + MINUTE)
    alarm = life.watch.alarm
    assert (alarm.incident, alarm.version, alarm.state, alarm.acknowledged_by) == (
        2, 4, State.ACTIVE_UNACKNOWLEDGED, None
    )  # fmt: skip


def test_shelved_for_a_time_it_calls_again_when_the_time_is_over() -> None:
    life = pile_up()
    assert do(life, ActionKind.SHELVE, until=life.now + HOUR)
    life.until(life.now + 2 * HOUR)
    assert life.told[-2:] == [("shelved", False), ("unshelved", True)]


def test_acknowledged_and_shelved_it_does_not_call_again() -> None:
    life = pile_up()
    do(life, ActionKind.ACKNOWLEDGE)
    do(life, ActionKind.SHELVE, until=life.now + HOUR)
    life.until(life.now + 2 * HOUR)
    assert life.told[-1] == ("unshelved", False)


def test_raised_while_shelved_calls_nobody_before_the_shelf_ends() -> None:
    life = pile_up()
    do(life, ActionKind.SHELVE, until=life.now + HOUR)
    life.see(operation(life.now, wip=0))
    life.until(life.now + MINUTE)
    life.see(operation(life.now, wip=11))
    life.until(life.now + 2 * HOUR)
    assert life.told[-3:] == [("returned", False), ("raised", False), ("unshelved", True)]


def test_shelved_once_ends_when_it_has_returned() -> None:
    life = pile_up()
    do(life, ActionKind.SHELVE)
    life.see(operation(life.now, wip=0))
    life.until(life.now + MINUTE)
    assert not life.watch.alarm.shelved
    life.see(operation(life.now, wip=11))
    life.until(life.now + MINUTE)
    assert life.told[-1] == ("raised", True)


def test_unshelving_what_nobody_was_called_for_calls() -> None:
    life = pile_up()
    do(life, ActionKind.SHELVE, until=life.now + HOUR)
    life.see(operation(life.now, wip=0))
    life.until(life.now + MINUTE)
    life.see(operation(life.now, wip=11))
    life.until(life.now + MINUTE)
    do(life, ActionKind.UNSHELVE)
    assert life.told[-1] == ("unshelved", True)


def test_raised_in_a_mute_it_calls_when_the_mute_ends() -> None:
    life = pile_up(muted(WIP_RULE, "15:00", "17:00"))
    life.until(NOW + 2 * HOUR)
    assert life.told == [("raised", False), ("mute_ended", True)]
    assert life.versions[-1].at == NOW + HOUR


def test_active_through_a_mute_it_calls_again_when_the_mute_ends() -> None:
    life = pile_up(muted(WIP_RULE, "16:30", "17:00"))
    life.until(NOW + 2 * HOUR)
    assert life.told == [("raised", True), ("updated", False), ("mute_ended", True)]


def test_taken_by_somebody_it_does_not_call_when_the_mute_ends() -> None:
    life = pile_up(muted(WIP_RULE, "15:00", "17:00"))
    do(life, ActionKind.ACKNOWLEDGE)
    life.until(NOW + 2 * HOUR)
    assert life.told[-1] == ("mute_ended", False)


def test_over_within_the_mute_calls_nobody() -> None:
    life = pile_up(muted(WIP_RULE, "15:00", "17:00"))
    life.see(operation(life.now, wip=0))
    life.until(NOW + 2 * HOUR)
    assert life.told == [("raised", False), ("returned", False)]
    assert life.watch.alarm.state is State.NORMAL


def test_history_stays_silent_when_a_mute_ends() -> None:
    life = Life(muted(DWELL_RULE, "15:00", "17:00"))
    life.see(operation(NOW, arrived=[NOW - HOUR]))
    life.until(NOW + 2 * HOUR)
    assert life.told == [("raised", False), ("mute_ended", False)]


def test_a_rule_that_is_gone_ends_what_it_raised() -> None:
    life = pile_up()
    gone = remove(life.watch, life.now)
    assert (gone.watch.alarm.end, gone.watch.alarm.state, gone.watch.alarm.notify) == (End.REMOVED, State.NORMAL, True)
    assert not remove(gone.watch, life.now).changed


def test_a_pending_is_forgotten_with_its_rule() -> None:
    life = Life(WIP_RULE)
    life.see(operation(NOW, wip=11))
    assert remove(life.watch, NOW).watch == Watch(Alarm())


def test_nothing_known_raises_nothing_and_ends_nothing() -> None:
    life = pile_up()
    life.subject = None
    life.until(life.now + 24 * HOUR)
    assert life.watch.alarm.active
    assert Life(WIP_RULE).versions == []


def test_units_are_listed_oldest_first() -> None:
    life = Life(WIP_RULE)
    stays = [Stay("a", "1", NOW - 3), Stay("b", "2", NOW - 2)]
    life.see(OperationNow(NOW, 11, stays, newest_event=NOW))
    life.until(NOW + MINUTE)
    assert life.watch.alarm.stays == tuple(stays)
