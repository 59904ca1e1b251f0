"""The life of an alert (ISA-18.2), as pure functions: state, reading and time in, at most one new version out.

    normal ─ passed for on_delay ─► active, unacknowledged ─ acknowledged ─► active, acknowledged
      ▲                                  │ back for off_delay                     │ back for off_delay
      └── acknowledged ── returned, unacknowledged ◄┘                normal ◄─────┘

A step brings at most one change, so that each can be in the log before the next is made; asked again at
once it brings the next, asked when nothing is due it brings nothing. Instants and durations are int µs.

Limit of what is told: an incident is called disproved only where everything its subject knows happened before it was
raised. At a busy operation a late scan that takes one unit off the list ends the incident as `returned`.
"""

from collections.abc import Sequence
from dataclasses import replace

from services.core.alarm import OPEN, Alarm, Change, End, Gate, Pending, State, Step, Watch
from services.core.alarm_readings import NEVER, Reading, Stay, limit_reached, stays_of
from services.core.alarm_rules import COUNTED, Measure, Rule

UPDATE_US = 10_000_000
"""A changed list of units or value is told at most so often."""
HISTORY_US = 15 * 60_000_000
"""What began longer ago than this when it is first seen is history: it is raised, and nobody is called."""
FRESH_US = 10_000_000
"""A state says when its limit was passed; a clock that is further off than this is not believed."""


def step(rule: Rule, watch: Watch, reading: Reading | None, now: int, gate: Gate = OPEN) -> Step:
    """What time and the newest state bring about. `reading` None: nothing is known of the subject."""
    if watch.alarm.active:
        return _active(rule, watch, reading, now)
    return _resting(rule, watch, reading, now, gate)


def remove(watch: Watch, now: int) -> Step:
    """The rule is gone: what was raised by it ends."""
    alarm = watch.alarm
    if alarm.state is State.NORMAL:
        return Step(watch._replace(pending=None), False, None)
    ended = _ended(alarm, End.REMOVED, now, alarm.muted)
    return Step(Watch(replace(ended, state=State.NORMAL)), True, None)


def _active(rule: Rule, watch: Watch, reading: Reading | None, now: int) -> Step:
    alarm, back_since, deadlines = watch.alarm, None, [watch.alarm.shelved_until]
    muted, edge = rule.muted(now)
    if reading is not None:
        over = replace(alarm, value=reading.value(now))
        if _disproved(rule, alarm, reading, now):
            return Step(Watch(_ended(over, End.DISPROVED, now, muted)), True, now)
        if _is_back(rule, reading, now):
            back_since = now if watch.back_since is None else min(watch.back_since, now)
            if now >= back_since + rule.off_delay:
                return Step(Watch(_ended(over, End.RETURNED, now, muted)), True, now)
            deadlines += [back_since + rule.off_delay, _ahead(reading, now)]
        elif rule.measure not in COUNTED:
            deadlines.append(_next_over(rule, reading.stays, now))
    watch = watch._replace(back_since=back_since)
    new = _remuted(alarm, muted, now) or _unshelved_by_time(alarm, muted, now)
    if new is None and reading is not None and back_since is None:
        new, later = _updated(rule, alarm, reading, now)
        deadlines.append(later)
    if new is not None:
        return Step(watch._replace(alarm=new), True, now)
    return Step(watch, False, min((d for d in (*deadlines, edge) if d is not None), default=None))


def _resting(rule: Rule, watch: Watch, reading: Reading | None, now: int, gate: Gate) -> Step:
    alarm = watch.alarm
    unshelved = _unshelved_by_time(alarm, False, now)
    if unshelved is not None:
        return Step(watch._replace(alarm=unshelved), True, now)
    shelf = alarm.shelved_until
    if reading is None or not reading.passed(now):
        onset = None if reading is None else reading.onset
        return Step(watch._replace(pending=None), False, _earliest(onset, shelf))
    if gate.opens is None or gate.opens > now:
        return Step(watch, False, _earliest(gate.opens, shelf))
    pending = watch.pending or _first_seen(rule, reading, now, gate)
    if pending.history and gate.for_history > now:
        return Step(watch, False, _earliest(gate.for_history, shelf))
    due = pending.since + rule.on_delay
    if due > now:
        return Step(watch._replace(pending=pending), False, _earliest(due, shelf))
    return Step(Watch(_raised(rule, alarm, reading, pending, now)), True, now)


def _first_seen(rule: Rule, reading: Reading, now: int, gate: Gate) -> Pending:
    since = now if reading.onset is None else reading.onset
    if rule.measure in COUNTED and not now - FRESH_US <= since <= now:
        since = now
    skipped = gate.skipped[0] < reading.happened <= gate.skipped[1]
    return Pending(since, skipped or now - reading.happened > HISTORY_US)


def _raised(rule: Rule, alarm: Alarm, reading: Reading, pending: Pending, now: int) -> Alarm:
    muted, _ = rule.muted(now)
    stays, over, least = stays_of(rule, reading, now)
    fresh = Alarm(
        incident=alarm.incident + 1, version=alarm.version, state=State.ACTIVE_UNACKNOWLEDGED,
        value=reading.value(now), since=pending.since, raised=now, shelved_until=alarm.shelved_until,
        shelved_by=alarm.shelved_by, shelve_reason=alarm.shelve_reason, muted=muted, history=pending.history,
        stays=stays, over=over, over_is_least=least, action_offset=alarm.action_offset,
    )  # fmt: skip
    return fresh.next(Change.RAISED, now, notify=not (muted or fresh.shelved or pending.history))


def _ended(alarm: Alarm, end: End, now: int, muted: bool) -> Alarm:
    """The incident is over; where nobody was called nobody needs to acknowledge it."""
    seen = alarm.state is State.ACTIVE_ACKNOWLEDGED or not alarm.told or end is End.DISPROVED
    ended = replace(
        alarm, state=State.NORMAL if seen else State.RETURNED_UNACKNOWLEDGED, returned=alarm.returned or now,
        end=end, muted=False,
    )  # fmt: skip
    if alarm.shelved and alarm.shelved_until is None:
        ended = ended.off_the_shelf()
    was_active = alarm.active
    return ended.next(Change.RETURNED, now, notify=was_active and alarm.told and not muted and not alarm.shelved)


def _is_back(rule: Rule, reading: Reading, now: int) -> bool:
    return reading.back if rule.measure in COUNTED else not reading.passed(now)


def _disproved(rule: Rule, alarm: Alarm, reading: Reading, now: int) -> bool:
    """The limit is not passed, by nothing but what happened before the incident was raised."""
    if reading.passed(now) or alarm.history or alarm.raised is None or reading.proof is None:
        return False
    return reading.proof <= alarm.raised


def _remuted(alarm: Alarm, muted: bool, now: int) -> Alarm | None:
    """A mute has begun or ended."""
    if muted == alarm.muted:
        return None
    new = replace(alarm, muted=muted)
    if muted:
        return new.next(Change.UPDATED, now, notify=False)
    call = alarm.state is State.ACTIVE_UNACKNOWLEDGED and not alarm.shelved and not alarm.history
    return new.next(Change.MUTE_ENDED, now, notify=call)


def _unshelved_by_time(alarm: Alarm, muted: bool, now: int) -> Alarm | None:
    """The time of a shelf is over: what is still active and nobody has taken calls again."""
    if alarm.shelved_until is None or alarm.shelved_until > now:
        return None
    call = alarm.state is State.ACTIVE_UNACKNOWLEDGED and not muted and not alarm.history
    return alarm.off_the_shelf().next(Change.UNSHELVED, now, notify=call)


def _updated(rule: Rule, alarm: Alarm, reading: Reading, now: int) -> tuple[Alarm | None, int | None]:
    """The next version where value or units have changed, or when it may be made."""
    stays, over, least = stays_of(rule, reading, now)
    if rule.measure in COUNTED:
        same = reading.count == alarm.value
    else:
        same = (stays, over, least) == (alarm.stays, alarm.over, alarm.over_is_least)
    if same:
        return None, None
    if now < alarm.at + UPDATE_US:
        return None, alarm.at + UPDATE_US
    new = replace(alarm, value=reading.value(now), stays=stays, over=over, over_is_least=least)
    return new.next(Change.UPDATED, now, notify=False), None


def _next_over(rule: Rule, stays: Sequence[Stay], now: int) -> int | None:
    """When the next of the listed units passes the limit too."""
    if rule.measure is not Measure.UNIT_DWELL_ABOVE:
        return None
    later = (limit_reached(rule, stay.arrived) for stay in stays)
    return next((instant for instant in later if now < instant < NEVER), None)


def _ahead(reading: Reading, now: int) -> int | None:
    return reading.onset if reading.onset is not None and reading.onset > now else None


def _earliest(*instants: int | None) -> int | None:
    return min((instant for instant in instants if instant is not None), default=None)
