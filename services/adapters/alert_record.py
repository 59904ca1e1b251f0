"""A version of an alert as everybody reads it who only hands it on: the board, the rows."""

import msgspec


class AlertUnit(msgspec.Struct, gc=False):
    """A unit to go and find."""

    unit_id: str
    visit_id: str
    arrived_us: int
    over: bool = False


class Alert(msgspec.Struct, gc=False):
    """A version of an alert in floor.alerts."""

    alert_id: str
    epoch: int
    incident: int
    version: int
    change: str
    state: str
    notify: bool
    rule_id: str
    measure: str
    subject_kind: str
    subject_id: str
    priority: str
    limit: int
    at_us: int
    model: int
    value: int | None = None
    since_us: int | None = None
    raised_us: int | None = None
    acknowledged_us: int | None = None
    acknowledged_by: str | None = None
    returned_us: int | None = None
    end: str | None = None
    shelved_until_us: int | None = None
    shelved_by: str | None = None
    shelve_reason: str | None = None
    muted: bool = False
    history: bool = False
    units: list[AlertUnit] = []
    units_over: int | None = None
    units_over_is_least: bool = False
    action_offset: int = -1
