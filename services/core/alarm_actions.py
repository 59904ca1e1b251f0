"""What people do about an alert: acknowledge, shelve, unshelve; pure, in the order of the log, each once.

An action names the incident its person saw: one that came too late for it leaves the next one alone.
"""

from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from services.core.alarm import Alarm, Change, State, Step, Watch


class ActionKind(StrEnum):
    """What somebody does about an alert."""

    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"


class Action(NamedTuple):
    """Something somebody did, at its offset in the log of actions. `until` None: shelved until it has returned."""

    offset: int
    incident: int
    kind: ActionKind
    by: str
    at: int
    until: int | None = None
    reason: str | None = None


def act(watch: Watch, action: Action, now: int) -> Step:
    """Apply an action. One that was applied before or is about another incident changes nothing."""
    alarm = watch.alarm
    if action.incident != alarm.incident or action.offset <= alarm.action_offset:
        return Step(watch, False, None)
    if action.kind is ActionKind.ACKNOWLEDGE:
        new = _acknowledge(alarm, action, now)
    elif action.kind is ActionKind.SHELVE:
        new = _shelve(alarm, action, now)
    else:
        new = _unshelve(alarm, now)
    if new is None:
        return Step(watch, False, None)
    return Step(watch._replace(alarm=replace(new, action_offset=action.offset)), True, None)


def _acknowledge(alarm: Alarm, action: Action, now: int) -> Alarm | None:
    after = {
        State.ACTIVE_UNACKNOWLEDGED: State.ACTIVE_ACKNOWLEDGED,
        State.RETURNED_UNACKNOWLEDGED: State.NORMAL,
    }.get(alarm.state)
    if after is None:
        return None
    new = replace(alarm, state=after, acknowledged=action.at, acknowledged_by=action.by)
    return new.next(Change.ACKNOWLEDGED, now, notify=False)


def _shelve(alarm: Alarm, action: Action, now: int) -> Alarm | None:
    over = not alarm.active if action.until is None else action.until <= now
    if over:
        return None
    new = replace(alarm, shelved_until=action.until, shelved_by=action.by, shelve_reason=action.reason)
    return new.next(Change.SHELVED, now, notify=False)


def _unshelve(alarm: Alarm, now: int) -> Alarm | None:
    """Whoever unshelves knows; the team is called if it never was."""
    if not alarm.shelved:
        return None
    call = alarm.state is State.ACTIVE_UNACKNOWLEDGED and not (alarm.told or alarm.muted or alarm.history)
    return alarm.off_the_shelf().next(Change.UNSHELVED, now, notify=call)
