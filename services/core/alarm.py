"""One version of an alert, and what is remembered between two of them.

States are those of ISA-18.2. One alert per rule and subject for ever: `incident` counts its raisings, `version` its
changes over all incidents, without gaps. Instants are int µs.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from services.core.alarm_readings import Stay


class State(StrEnum):
    """State of an alert."""

    NORMAL = "normal"
    ACTIVE_UNACKNOWLEDGED = "active_unacknowledged"
    ACTIVE_ACKNOWLEDGED = "active_acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"


ACTIVE = (State.ACTIVE_UNACKNOWLEDGED, State.ACTIVE_ACKNOWLEDGED)


class Change(StrEnum):
    """Why there is a new version."""

    RAISED = "raised"
    UPDATED = "updated"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    MUTE_ENDED = "mute_ended"


class End(StrEnum):
    """How an incident ended."""

    RETURNED = "returned"
    DISPROVED = "disproved"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One version of an alert; the default is one that was never raised. `told`: somebody was called about it."""

    incident: int = 0
    version: int = 0
    change: Change = Change.RETURNED
    state: State = State.NORMAL
    notify: bool = False
    at: int = 0
    value: int | None = None
    since: int | None = None
    raised: int | None = None
    acknowledged: int | None = None
    acknowledged_by: str | None = None
    returned: int | None = None
    end: End | None = None
    shelved_until: int | None = None
    shelved_by: str | None = None
    shelve_reason: str | None = None
    muted: bool = False
    history: bool = False
    told: bool = False
    stays: tuple[Stay, ...] = ()
    over: int | None = None
    over_is_least: bool = False
    action_offset: int = -1

    @property
    def active(self) -> bool:
        """Has it been raised and not ended?"""
        return self.state in ACTIVE

    @property
    def shelved(self) -> bool:
        """Has somebody asked not to be called?"""
        return self.shelved_by is not None

    def off_the_shelf(self) -> "Alarm":
        """The same, and somebody may be called again."""
        return replace(self, shelved_until=None, shelved_by=None, shelve_reason=None)

    def next(self, change: Change, now: int, notify: bool) -> "Alarm":
        """The next version, the rest as it is."""
        return replace(self, version=self.version + 1, change=change, at=now, notify=notify, told=self.told or notify)


NEVER_RAISED = Alarm()


class Pending(NamedTuple):
    """The limit is passed, but not for long enough yet. `history`: it was long past when it was first seen."""

    since: int
    history: bool


class Watch(NamedTuple):
    """All that is remembered of one rule and subject. `back_since`: since when the value is back."""

    alarm: Alarm = NEVER_RAISED
    pending: Pending | None = None
    back_since: int | None = None


class Gate(NamedTuple):
    """From which instants on something may be raised (None: nobody knows), and a span of time that never was.

    `for_history`: that for what is raised as history. The clock was set forward over the span: what would have begun in
    it is history.
    """

    opens: int | None = 0
    for_history: int = 0
    skipped: tuple[int, int] = (0, 0)


OPEN = Gate()


class Step(NamedTuple):
    """What became of a watch, whether there is a new version, and when time alone may bring the next (None: never)."""

    watch: Watch
    changed: bool
    deadline: int | None
