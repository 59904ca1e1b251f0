"""The wire of the alert stage: states, actions and what is restored from floor.alerts in, versions out.

Of an operation's state only what rules read is decoded.
"""

from typing import Any

import msgspec

from services.adapters.wire import encode
from services.core.alarm import Alarm, Change, End, Pending, State
from services.core.alarm_actions import Action, ActionKind
from services.core.alarm_readings import OperationNow, Stay, WorkUnitNow
from services.core.alarm_rules import Measure, Rule
from services.topology import PENDING_PREFIX, PLANT_KEY

Item = tuple[bytes, bytes | None, tuple[()]]

__all__ = [
    "alert",
    "decode_action",
    "decode_alert",
    "decode_operation",
    "decode_pending",
    "decode_work_unit",
    "pending",
]


class _Oldest(msgspec.Struct, gc=False):
    unit_id: str
    visit_id: str
    arrived_us: int


class _Operation(msgspec.Struct, gc=False):
    operation_id: str
    as_of_us: int
    wip: int
    oldest: list[_Oldest] = []
    over_dwell_limit: int | None = None
    over_dwell_limit_is_least: bool = False
    last_departure_us: int | None = None
    backfilled: int = 0
    newest_event_us: int | None = None


class _Plant(msgspec.Struct, gc=False):
    as_of_us: int
    coverage: dict[str, tuple[int, int]] = {}


class _WorkUnit(msgspec.Struct, gc=False):
    work_unit_id: str
    generation: int
    offset: int
    newest_event_us: int
    as_of_us: int = 0
    condition: str | None = None
    since_us: int | None = None


class _Action(msgspec.Struct, gc=False):
    alert_id: str
    incident: int
    action: ActionKind
    by: str
    at_us: int
    until_us: int | None = None
    reason: str | None = None


class _Unit(msgspec.Struct, gc=False):
    unit_id: str
    visit_id: str
    arrived_us: int
    over: bool = False


class _Alert(msgspec.Struct, gc=False):
    alert_id: str
    epoch: int
    incident: int
    version: int
    change: Change
    state: State
    notify: bool
    rule_id: str
    measure: Measure
    subject_id: str
    priority: str
    limit: int
    at_us: int
    value: int | None = None
    since_us: int | None = None
    raised_us: int | None = None
    acknowledged_us: int | None = None
    acknowledged_by: str | None = None
    returned_us: int | None = None
    end: End | None = None
    shelved_until_us: int | None = None
    shelved_by: str | None = None
    shelve_reason: str | None = None
    muted: bool = False
    history: bool = False
    told: bool = False
    units: list[_Unit] = []
    units_over: int | None = None
    units_over_is_least: bool = False
    action_offset: int = -1


class _Pending(msgspec.Struct, gc=False):
    alert_id: str
    epoch: int
    since_us: int
    history: bool = False


_operation = msgspec.json.Decoder(_Operation).decode
_plant = msgspec.json.Decoder(_Plant).decode
_work_unit = msgspec.json.Decoder(_WorkUnit).decode
_action = msgspec.json.Decoder(_Action).decode
_alert = msgspec.json.Decoder(_Alert).decode
_pending = msgspec.json.Decoder(_Pending).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)


def decode_operation(key: bytes | None, value: bytes) -> tuple[str, OperationNow] | None:
    """An operation and its state; None for the plant's totals. Raises ValueError."""
    if key == PLANT_KEY:
        return None
    try:
        s = _operation(value)
    except _UNREADABLE as bad:
        raise ValueError(f"not the state of an operation: {bad}") from None
    return s.operation_id, OperationNow(
        s.as_of_us, s.wip, [Stay(each.unit_id, each.visit_id, each.arrived_us) for each in s.oldest],
        s.over_dwell_limit, s.over_dwell_limit_is_least, s.last_departure_us, s.backfilled, s.newest_event_us,
    )  # fmt: skip


def decode_plant(value: bytes) -> tuple[int, dict[int, int]]:
    """As of when the plant's totals are, µs, and up to which offset of floor.scans by partition. Raises ValueError."""
    try:
        plant = _plant(value)
        return plant.as_of_us, {int(partition): offset for partition, (_, offset) in plant.coverage.items()}
    except _UNREADABLE as bad:
        raise ValueError(f"not the state of the plant: {bad}") from None


def decode_work_unit(value: bytes) -> tuple[str, tuple[int, int, int], WorkUnitNow]:
    """A work unit, the position of its state (the greater is the newer) and the state. Raises ValueError."""
    try:
        s = _work_unit(value)
    except _UNREADABLE as bad:
        raise ValueError(f"not the state of a work unit: {bad}") from None
    return s.work_unit_id, (s.generation, s.offset, s.as_of_us), WorkUnitNow(s.condition, s.since_us, s.newest_event_us)


def decode_action(offset: int, value: bytes) -> tuple[str, Action]:
    """The alert and what somebody did about it. Raises ValueError."""
    try:
        a = _action(value)
    except _UNREADABLE as bad:
        raise ValueError(f"not an action: {bad}") from None
    return a.alert_id, Action(offset, a.incident, a.action, a.by, a.at_us, a.until_us, a.reason)


def decode_alert(value: bytes) -> tuple[int, Rule, Alarm]:
    """The writer's epoch, the rule as it was, and the version. Raises ValueError."""
    try:
        a = _alert(value)
    except _UNREADABLE as bad:
        raise ValueError(f"not an alert: {bad}") from None
    stays = tuple(Stay(unit.unit_id, unit.visit_id, unit.arrived_us, unit.over) for unit in a.units)
    alarm = Alarm(
        a.incident, a.version, a.change, a.state, a.notify, a.at_us, a.value, a.since_us, a.raised_us,
        a.acknowledged_us, a.acknowledged_by, a.returned_us, a.end, a.shelved_until_us, a.shelved_by,
        a.shelve_reason, a.muted, a.history, a.told, stays, a.units_over, a.units_over_is_least, a.action_offset,
    )  # fmt: skip
    return a.epoch, Rule(a.rule_id, a.measure, a.subject_id, a.limit, priority=a.priority), alarm


def decode_pending(value: bytes) -> tuple[int, str, Pending]:
    """The writer's epoch, the alert, and since when its limit is passed. Raises ValueError."""
    try:
        p = _pending(value)
    except _UNREADABLE as bad:
        raise ValueError(f"not pending: {bad}") from None
    return p.epoch, p.alert_id, Pending(p.since_us, p.history)


def alert(rule: Rule, alarm: Alarm, model: int, epoch: int) -> Item:
    """A version of an alert as it is published."""
    value: dict[str, Any] = {
        "alert_id": rule.alert_id, "epoch": epoch, "incident": alarm.incident, "version": alarm.version,
        "change": alarm.change, "state": alarm.state, "notify": alarm.notify, "rule_id": rule.id,
        "measure": rule.measure, "subject_kind": rule.subject_kind, "subject_id": rule.subject_id,
        "priority": rule.priority, "limit": rule.limit, "value": alarm.value, "at_us": alarm.at,
        "since_us": alarm.since, "raised_us": alarm.raised, "acknowledged_us": alarm.acknowledged,
        "acknowledged_by": alarm.acknowledged_by, "returned_us": alarm.returned, "end": alarm.end,
        "shelved_until_us": alarm.shelved_until, "shelved_by": alarm.shelved_by,
        "shelve_reason": alarm.shelve_reason, "muted": alarm.muted, "history": alarm.history, "told": alarm.told,
        "units": [
            {"unit_id": stay.unit_id, "visit_id": stay.visit_id, "arrived_us": stay.arrived, "over": stay.over}
            for stay in alarm.stays
        ],
        "units_over": alarm.over, "units_over_is_least": alarm.over_is_least, "model": model,
        "action_offset": alarm.action_offset,
    }  # fmt: skip
    return rule.alert_id.encode(), encode(value), ()


def pending(alert_id: str, found: Pending | None, epoch: int) -> Item:
    """What is pending of an alert; None takes it away."""
    key = PENDING_PREFIX + alert_id.encode()
    if found is None:
        return key, None, ()
    return key, encode({"alert_id": alert_id, "epoch": epoch, "since_us": found.since, "history": found.history}), ()
