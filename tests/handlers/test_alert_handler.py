"""What a lane of alert decides: one version per alert and round, history waits, silence holds, actions once."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from services.adapters import alert_wire
from services.adapters.alert_log import AlertReading, epoch_of
from services.adapters.claims import Watch
from services.alert.handler import Lane, Restored, Round
from services.core.alarm_readings import WorkUnitNow
from services.core.alarm_rules import Rule
from services.topology import EPOCH_KEY
from tests.alarms import HOUR, MINUTE, NOW, SECOND, rules_from
from tests.integration.alert_process import operation_record
from tests.lane_log import LaneLog

PLANT = """
areas:
  - id: X
    work_centers:
      - id: L
        work_units: [A]
        operations: [{id: A, wip_limit: 10, dwell_limit: 10m}, {id: B, wip_limit: 10}]
alerting:
  on_delay: 30s
  off_delay: 0s
  rules: [{id: down, measure: machine_down_for, work_unit: A, time: 5m}]
"""
RULES = rules_from(PLANT)


def lane_with(rules: dict[str, Rule] | None = None) -> tuple[Lane, LaneLog]:
    """A lane that knows its rules and nothing else, and the log it writes to."""
    log = LaneLog()
    return log.lane(RULES if rules is None else rules), log


def see(
    lane: Lane, log: LaneLog, now: int, operation: str = "A", wip: int = 0, arrived: Iterable[int] = (), **more: Any
) -> None:
    """A state of an operation."""
    log.see(lane, LaneLog.record(operation, now, wip, arrived, **more), now)


def action(alert_id: str, kind: str, offset: int, incident: int = 1, **more: Any) -> Any:
    """A record of floor.alert_actions."""
    value = {"alert_id": alert_id, "incident": incident, "action": kind, "by": "li", "at_us": NOW, **more}
    return LaneLog.at(offset, alert_id.encode(), json.dumps(value).encode())


def test_one_version_per_alert_and_round() -> None:
    lane, log = lane_with()
    see(lane, log, NOW, wip=11)
    log.settle(lane, NOW)
    lane.take_actions([action("wip_limit|A", "acknowledge", 0)])
    rounds = log.settle(lane, NOW + 30 * SECOND)
    assert [[alarm.change.value for _, alarm in each.versions] for each in rounds if each.versions] == [["raised"]]
    lane.take_actions([action("wip_limit|A", "acknowledge", 1), action("wip_limit|A", "shelve", 2)])
    rounds = log.settle(lane, NOW + 31 * SECOND)
    assert [[alarm.change.value for _, alarm in each.versions] for each in rounds if each.versions] == [
        ["acknowledged"], ["shelved"]
    ]  # fmt: skip


def test_an_operation_and_a_work_unit_of_one_name_are_two_subjects() -> None:
    lane, log = lane_with()
    lane.take_work_unit("A", WorkUnitNow("down", NOW, NOW))
    see(lane, log, NOW, wip=1)
    log.settle(lane, NOW + 5 * MINUTE)
    assert log.changes() == ["down|A raised"]


def test_while_history_flows_nothing_is_raised() -> None:
    lane, log = lane_with()
    for second in range(60):
        see(lane, log, NOW + second * SECOND, wip=50, backfilled=second + 1)
        log.settle(lane, NOW + second * SECOND)
    see(lane, log, NOW + 60 * SECOND, wip=3, backfilled=60)
    log.settle(lane, NOW + HOUR)
    assert log.changes() == []


def test_when_history_has_come_in_what_is_left_is_raised() -> None:
    lane, log = lane_with()
    for second in range(60):
        see(lane, log, NOW + second * SECOND, wip=50, backfilled=second + 1)
        log.settle(lane, NOW + second * SECOND)
    log.live(lane, NOW + 60 * SECOND, NOW + 2 * MINUTE)
    assert log.changes() == ["wip_limit|A raised"]
    assert log.versions[0].since == NOW + 59 * SECOND
    assert log.versions[0].notify


def test_while_scans_wait_to_be_counted_history_may_still_flow() -> None:
    lane, log = lane_with()
    see(lane, log, NOW, wip=50, backfilled=1)
    for second in range(60):
        lane.hear(NOW + second * SECOND, counted=False)
        log.settle(lane, NOW + second * SECOND)
    assert log.changes() == []
    log.live(lane, NOW + 60 * SECOND, NOW + 2 * MINUTE)
    assert log.changes() == ["wip_limit|A raised"]


def test_scans_that_wait_hold_nothing_where_no_history_was_flowing() -> None:
    lane, log = lane_with()
    see(lane, log, NOW, wip=50)
    for second in range(60):
        lane.hear(NOW + second * SECOND, counted=False)
        log.settle(lane, NOW + second * SECOND)
    assert log.changes() == ["wip_limit|A raised"]


def test_a_stream_of_history_that_pauses_leaves_no_trace() -> None:
    lane, log = lane_with()
    for second in range(0, 300, 30):
        now = NOW + second * SECOND
        see(lane, log, now, arrived=[now - 5 * HOUR], backfilled=second + 1)
        log.live(lane, now, now + 29 * SECOND)
    see(lane, log, NOW + 300 * SECOND, wip=1, backfilled=300)
    log.live(lane, NOW + 300 * SECOND, NOW + 10 * MINUTE)
    assert log.changes() == []


def test_a_source_that_is_always_late_does_not_silence_an_operation() -> None:
    lane, log = lane_with()
    for second in range(0, 660, 2):
        see(lane, log, NOW + second * SECOND, wip=50, backfilled=second)
        log.settle(lane, NOW + second * SECOND)
    assert log.changes() == ["wip_limit|A raised"]


def test_while_aggregate_is_silent_nothing_is_raised_and_afterwards_it_is() -> None:
    lane, log = lane_with()
    see(lane, log, NOW, arrived=[NOW])
    lane.hear(NOW, alive=False)
    log.live(lane, NOW, NOW + 11 * MINUTE)
    assert (log.changes(), lane.held) == ([], 1)
    lane.hear(NOW + 12 * MINUTE)
    log.settle(lane, NOW + 12 * MINUTE)
    assert log.changes() == ["dwell_limit|A raised"]


@pytest.mark.row(31)
def test_what_is_over_because_the_clock_was_set_calls_nobody() -> None:
    lane, log = lane_with()
    see(lane, log, NOW, arrived=[NOW])
    log.settle(lane, NOW)
    lane.skip(NOW, NOW + 10 * MINUTE)
    log.settle(lane, NOW + 10 * MINUTE)
    assert [(alarm.history, alarm.notify) for alarm in log.versions] == [(True, False)]


def test_a_new_model_with_the_same_rule_goes_on() -> None:
    lane, log = lane_with()
    see(lane, log, NOW, wip=11)
    log.live(lane, NOW, NOW + MINUTE)
    lane.adopt(2, RULES)
    log.live(lane, NOW + MINUTE, NOW + 2 * MINUTE)
    assert log.changes() == ["wip_limit|A raised"]


def test_a_rule_that_is_gone_ends_its_alert_and_one_that_comes_back_counts_on() -> None:
    lane, log = lane_with()
    see(lane, log, NOW, wip=11)
    log.live(lane, NOW, NOW + MINUTE)
    lane.adopt(2, {name: rule for name, rule in RULES.items() if name != "wip_limit|A"})
    log.live(lane, NOW + MINUTE, NOW + 2 * MINUTE)
    lane.adopt(3, RULES)
    log.live(lane, NOW + 2 * MINUTE, NOW + 4 * MINUTE)
    assert log.changes() == ["wip_limit|A raised", "wip_limit|A returned", "wip_limit|A raised"]
    assert [(alarm.incident, alarm.version) for alarm in log.versions] == [(1, 1), (1, 2), (2, 3)]


def test_restored_it_neither_raises_again_nor_forgets() -> None:
    lane, log = lane_with()
    see(lane, log, NOW, wip=11)
    log.live(lane, NOW, NOW + MINUTE)
    again = log.lane(RULES)
    log.replay(again, NOW + MINUTE)
    log.live(again, NOW + MINUTE, NOW + HOUR)
    see(again, log, NOW + HOUR, wip=1)
    log.settle(again, NOW + HOUR)
    assert log.changes() == ["wip_limit|A raised", "wip_limit|A returned"]


def test_restored_an_on_delay_goes_on() -> None:
    lane, log = lane_with()
    see(lane, log, NOW, wip=11)
    log.live(lane, NOW, NOW + 20 * SECOND)
    again = log.lane(RULES)
    log.replay(again, NOW + 25 * SECOND)
    log.live(again, NOW + 25 * SECOND, NOW + MINUTE)
    assert [alarm.at for alarm in log.versions] == [NOW + 30 * SECOND]


def test_restored_an_on_delay_goes_on_though_a_shelf_ended_meanwhile() -> None:
    lane, log = lane_with()
    see(lane, log, NOW, wip=11)
    log.live(lane, NOW, NOW + MINUTE)
    lane.take_actions([action("wip_limit|A", "shelve", 0, until_us=NOW + 5 * MINUTE)])
    see(lane, log, NOW + 2 * MINUTE, wip=1)
    log.live(lane, NOW + 2 * MINUTE, NOW + 4 * MINUTE)
    begun = NOW + 5 * MINUTE - 10 * SECOND
    see(lane, log, begun, wip=11)
    log.live(lane, begun, begun + 20 * SECOND)
    again = log.lane(RULES)
    see(again, log, begun + 21 * SECOND, wip=12)
    log.live(again, begun + 21 * SECOND, begun + MINUTE)
    assert log.changes()[-2:] == ["wip_limit|A unshelved", "wip_limit|A raised"]
    assert log.versions[-1].since == begun


def test_a_pending_that_became_an_alert_is_not_pending_any_more() -> None:
    lane, log = lane_with()
    see(lane, log, NOW, wip=11)
    log.live(lane, NOW, NOW + MINUTE)
    log.forget_last_tombstone()
    found = log.reading()
    assert Restored(found.alarms, found.pendings).pending("wip_limit|A") is None


def test_records_of_a_former_owner_are_passed_over_and_written_again() -> None:
    lane, log = lane_with()
    see(lane, log, NOW, wip=11)
    log.live(lane, NOW, NOW + MINUTE)
    late = log.records[-2]
    watch = Watch(log.claim(), epoch_of)
    log.records.append(late._replace(offset=len(log.records)))
    for record in log.records[watch.epoch :]:
        watch.take(record)
    assert (watch.late, watch.lost) == ({late.key}, False)
    assert [item[0] for item in lane.again(watch.late)] == [late.key]


def test_another_claim_is_seen() -> None:
    _, log = lane_with()
    watch = Watch(0, epoch_of)
    log.claim()
    for record in log.records:
        watch.take(record)
    assert watch.lost


def test_an_action_is_applied_once_however_often_it_is_read() -> None:
    lane, log = lane_with()
    see(lane, log, NOW, wip=11)
    log.live(lane, NOW, NOW + MINUTE)
    lane.take_actions([action("wip_limit|A", "shelve", 4, until_us=NOW + HOUR)])
    log.settle(lane, NOW + MINUTE)
    again = log.lane(RULES)
    log.replay(again, NOW + MINUTE)
    again.take_actions([action("wip_limit|A", "shelve", 4, until_us=NOW + HOUR)])
    log.settle(again, NOW + 2 * MINUTE)
    assert log.changes() == ["wip_limit|A raised", "wip_limit|A shelved"]


def test_an_action_about_nothing_known_changes_nothing() -> None:
    lane, log = lane_with()
    lane.take_actions([action("wip_limit|Z", "shelve", 4), action("wip_limit|A", "acknowledge", 5)])
    assert [each.actions for each in log.settle(lane, NOW) if each.actions] == [2]
    assert log.changes() == []


def test_what_nobody_can_read_is_passed_over_and_said() -> None:
    lane, _ = lane_with()
    lane.take_operations([LaneLog.at(7, b"A", b"{")], NOW)
    lane.take_actions([LaneLog.at(8, b"A", b"[]")])
    assert [text.split(",")[0] for text in lane.refused] == ["offset 7", "offset 8"]


def test_an_epoch_record_is_written_by_nobody_but_an_owner() -> None:
    _, log = lane_with()
    assert [record.key for record in log.records] == [EPOCH_KEY]


def test_the_heap_holds_about_one_entry_per_alert() -> None:
    lane, log = lane_with()
    for second in range(300):
        see(lane, log, NOW + second * SECOND, arrived=[NOW + second * SECOND - 1])
        log.settle(lane, NOW + second * SECOND)
    assert len(lane._deadlines) <= 2 * len(RULES)


def test_a_round_takes_no_more_steps_than_it_may() -> None:
    lane, _ = lane_with()
    found: Round = lane.round(NOW, 1)
    assert (found.steps, lane.due_now) == (1, True)


def test_what_is_read_back_is_what_was_written() -> None:
    lane, log = lane_with()
    see(lane, log, NOW, arrived=[NOW - 11 * MINUTE, NOW])
    log.settle(lane, NOW)
    reading = AlertReading()
    for record in log.records:
        reading.take(record)
    rule, alarm = reading.alarms["dwell_limit|A"]
    assert alarm == log.versions[-1]
    assert (rule.id, rule.subject, rule.limit) == ("dwell_limit", ("operation", "A"), 10 * MINUTE)
    assert alert_wire.decode_operation(*operation_record("A", NOW, wip=2)[2:]) is not None
