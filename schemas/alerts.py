"""floor.alerts: the alerts, one per rule and subject, with every change of state (key alert_id); floor.alert_actions:
what people do about them.

The partition of an alert is that of its subject: murmur2(subject_id). A record is written by the owner of its
partition under the owner's epoch, which is the offset of the owner's own epoch record (key `\\0epoch`). Whoever reads
passes over a record whose epoch is lower than the highest one seen in the partition: it was written by somebody who had
lost it. A version may come again, word for word.
"""

from enum import StrEnum

from pydantic import Field

from schemas.message import Count, EventId, Id, Message, Micros, UnitId
from schemas.plant_alerting import Measure, Priority

MOST_ALERT_UNITS = 10


class AlertState(StrEnum):
    """State of an alert (ISA-18.2)."""

    NORMAL = "normal"
    ACTIVE_UNACKNOWLEDGED = "active_unacknowledged"
    ACTIVE_ACKNOWLEDGED = "active_acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"


class AlertChange(StrEnum):
    """Why there is a new version."""

    RAISED = "raised"
    UPDATED = "updated"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    MUTE_ENDED = "mute_ended"


class AlertEnd(StrEnum):
    """How an incident ended."""

    RETURNED = "returned"
    DISPROVED = "disproved"
    REMOVED = "removed"


class SubjectKind(StrEnum):
    """What a rule watches."""

    OPERATION = "operation"
    WORK_UNIT = "work_unit"


class AlertUnit(Message):
    """A unit to go and find."""

    unit_id: UnitId
    visit_id: EventId
    arrived_us: Micros = Field(description="instant of arrival")
    over: bool = Field(default=False, description="it has stayed longer than the limit")


class Alert(Message):
    """One version of one alert."""

    alert_id: Id = Field(description="<rule_id>|<subject_id>: the same for ever")
    epoch: int = Field(ge=0, description="epoch of the writer")
    incident: Count = Field(description="counts up with every raising")
    version: int = Field(ge=1, description="counts up by one with every change, over all incidents")
    change: AlertChange = Field(description="why there is this version")
    state: AlertState
    notify: bool = Field(description="whether this change is worth calling somebody")
    rule_id: Id = Field(description="id of the rule; wip_limit, wip_min, dwell_limit for the rules made from these")
    measure: Measure
    subject_kind: SubjectKind
    subject_id: Id = Field(description="operation_id or work_unit_id")
    priority: Priority
    limit: Count = Field(description="units (wip_above, wip_below), else µs")
    value: Count | None = Field(default=None, description="what was measured at this change: units or µs")
    at_us: Micros = Field(description="instant of this change")
    since_us: Micros | None = Field(default=None, description="since when the limit is passed")
    raised_us: Micros | None = Field(default=None, description="when the incident was raised")
    acknowledged_us: Micros | None = Field(default=None, description="when somebody took it")
    acknowledged_by: str | None = Field(default=None, description="who took it")
    returned_us: Micros | None = Field(default=None, description="when it was over")
    end: AlertEnd | None = Field(default=None, description="how it ended; null while it is active")
    shelved_until_us: Micros | None = Field(default=None, description="nobody is called until then")
    shelved_by: str | None = None
    shelve_reason: str | None = None
    muted: bool = Field(default=False, description="a mute was in force: nobody is called before it ends")
    history: bool = Field(default=False, description="raised by what lies in the past: nobody is called")
    told: bool = Field(default=False, description="somebody was called about this incident")
    units: list[AlertUnit] = Field(default=[], max_length=MOST_ALERT_UNITS, description="oldest first")
    units_over: Count | None = Field(default=None, description="how many units are over the limit")
    units_over_is_least: bool = Field(default=False, description="there may be more than units_over")
    model: int = Field(ge=1, description="version of the plant model with the rule")
    action_offset: int = Field(default=-1, ge=-1, description="floor.alert_actions is counted in up to here")


class AlertPending(Message):
    """The limit is passed, but not for long enough yet; gone again by a null value (key `\\0pending|<alert_id>`)."""

    alert_id: Id
    epoch: int = Field(ge=0, description="epoch of the writer")
    since_us: Micros = Field(description="since when the limit is passed")
    history: bool = Field(default=False, description="it was long past when it was first seen")


class AlertActionKind(StrEnum):
    """What somebody does about an alert."""

    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"


class AlertAction(Message):
    """Something somebody did about an alert."""

    action_id: EventId = Field(description="identity; a retry repeats it")
    alert_id: Id
    incident: Count = Field(description="the incident the person saw; a later one is left alone")
    action: AlertActionKind
    by: Id = Field(description="who")
    via: Id = Field(description="by what right: link, key or this-machine")
    at_us: Micros = Field(description="when")
    until_us: Micros | None = Field(default=None, description="shelve: until then; null: until it has returned")
    reason: str | None = Field(default=None, max_length=500, description="shelve: why")
