"""Bytes of floor.alerts and floor.alert_actions → rows of the store; see sink_wire for the rules.

A record of floor.alerts whose epoch is lower than the highest its partition has seen was written by somebody who had
lost the partition: it is passed over. The highest epoch is kept with the partition's position, in its transaction.
"""

from typing import Any

import msgspec

from services import topology
from services.adapters.alert_record import Alert, AlertUnit
from services.adapters.sink_wire import Record, clamp_us, strictly
from services.core.stored import Row, TableRow


class _Action(msgspec.Struct):
    action_id: str
    alert_id: str
    incident: int
    action: str
    by: str
    via: str
    at_us: int
    until_us: int | None = None
    reason: str | None = None


_alert = msgspec.json.Decoder(Alert).decode
_action = msgspec.json.Decoder(_Action).decode


class AlertRows:
    """One partition of floor.alerts; `epoch` is the highest seen, -1 before any."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def row(self, record: Record) -> TableRow | None:
        """A row of alert_changes; None for what is no version of an alert, or none that counts."""
        key = record.key or b""
        if key == topology.EPOCH_KEY:
            self.epoch = max(self.epoch, record.offset)
            return None
        if record.value is None or key.startswith(topology.PENDING_PREFIX):
            return None
        a = strictly(_alert, record)
        if a.epoch < self.epoch:
            return None
        self.epoch = a.epoch
        return "alert_changes", _alert_row(a)


def _alert_row(a: Alert) -> Row:
    units = msgspec.json.encode([_cleaned_unit(unit) for unit in a.units]).decode()
    return (
        _text(a.alert_id), a.epoch, a.incident, a.version, a.change, a.state, a.notify, _text(a.rule_id), a.measure,
        a.subject_kind, _text(a.subject_id), a.priority, a.limit, a.value, clamp_us(a.at_us), _instant(a.since_us),
        _instant(a.raised_us), _instant(a.acknowledged_us), _text(a.acknowledged_by), _instant(a.returned_us), a.end,
        _instant(a.shelved_until_us), _text(a.shelved_by), _text(a.shelve_reason), a.muted, a.history, units,
        a.units_over, a.model,
    )  # fmt: skip


def action_row(record: Record, generation: int) -> TableRow:
    """A row of alert_actions."""
    a = strictly(_action, record)
    return "alert_actions", (
        record.partition, record.offset, _text(a.action_id), _text(a.alert_id), a.incident, a.action, _text(a.by),
        _text(a.via), clamp_us(a.at_us), _instant(a.until_us), _text(a.reason), generation,
    )  # fmt: skip


def _cleaned_unit(unit: AlertUnit) -> dict[str, Any]:
    return {
        "unit_id": _text(unit.unit_id), "visit_id": _text(unit.visit_id), "arrived_us": unit.arrived_us,
        "over": unit.over,
    }  # fmt: skip


def _instant(us: int | None) -> int | None:
    return None if us is None else clamp_us(us)


def _text(text: str | None) -> str | None:
    return None if text is None else text.replace("\x00", "")
