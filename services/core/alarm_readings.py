"""What a rule reads from the newest state of its subject: since when the limit is passed, or from when on it will be.

A state that nobody publishes again still tells the future: a unit that sits still passes its limit at an instant that
is known when it arrives. So a reading carries that instant (`onset`), and time alone brings it about.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from services.core.alarm_rules import Measure, Rule

MINUTE_US = 60_000_000
DOWN = "down"
NEVER = 1 << 62
LISTED = 10
"""Oldest units that an operation's state lists at most."""


class Stay(NamedTuple):
    """An open stay, and whether it has lasted longer than the limit."""

    unit_id: str
    visit_id: str
    arrived: int
    over: bool = False


@dataclass(slots=True)
class OperationNow:
    """The newest state of an operation. `oldest` oldest first; `last_departure`: begin of the minute of the newest."""

    as_of: int
    wip: int
    oldest: Sequence[Stay] = ()
    over_dwell_limit: int | None = None
    over_dwell_limit_is_least: bool = False
    last_departure: int | None = None
    backfilled: int = 0
    newest_event: int | None = None


@dataclass(slots=True)
class WorkUnitNow:
    """The newest state of a work unit; `since` by the machine's clock."""

    condition: str | None
    since: int | None
    newest_event: int


Subject: TypeAlias = OperationNow | WorkUnitNow


@dataclass(slots=True)
class Reading:
    """What one rule says of one state.

    `onset`: since when the limit is passed as far as the state tells, in the future where time alone will bring it
    about, None where nothing does. `happened`: the event time that is judged when asking whether this is history.
    `back`: inside the limit by the deadband. `proof`: everything the state knows happened before this instant.
    """

    onset: int | None
    happened: int
    back: bool
    proof: int | None
    stays: Sequence[Stay] = field(default=())
    since: int | None = None
    """Of measures in time: what the value is counted from."""
    count: int | None = None
    """Of measures in units: the value."""

    def value(self, now: int) -> int | None:
        """What is measured now: units, or µs."""
        if self.since is None:
            return self.count
        return max(0, now - self.since)

    def passed(self, now: int) -> bool:
        """Is the limit passed now?"""
        return self.onset is not None and self.onset <= now


def read(rule: Rule, subject: Subject) -> Reading:
    """The reading of a rule. Pure: the same for the same state at any time."""
    if isinstance(subject, WorkUnitNow):
        return _machine(rule, subject)
    if rule.measure is Measure.UNIT_DWELL_ABOVE:
        return _dwell(rule, subject)
    if rule.measure is Measure.NO_DEPARTURE_FOR:
        return _no_departure(rule, subject)
    return _wip(rule, subject)


def limit_reached(rule: Rule, since: int) -> int:
    """The instant at which what began at `since` has lasted for the limit, on the rule's clock."""
    if rule.calendar is None:
        return since + rule.limit
    try:
        return rule.calendar.after_working(since, rule.limit)
    except ValueError:
        return NEVER  # the calendar ends in 2199


def stays_of(rule: Rule, reading: Reading, now: int) -> tuple[tuple[Stay, ...], int | None, bool]:
    """The units to list, how many are over the limit (None: not a matter of single units), and is that the least."""
    if rule.measure is not Measure.UNIT_DWELL_ABOVE:
        return tuple(reading.stays), None, False
    stays = tuple(stay._replace(over=limit_reached(rule, stay.arrived) <= now) for stay in reading.stays)
    over = sum(stay.over for stay in stays)
    counted = reading.count or 0
    return stays, max(over, counted), over == LISTED and counted <= over


def _wip(rule: Rule, now: OperationNow) -> Reading:
    if rule.measure is Measure.WIP_ABOVE:
        passed, back = now.wip > rule.limit, now.wip <= max(0, rule.limit - rule.deadband)
    else:
        passed, back = now.wip < rule.limit, now.wip >= rule.limit + rule.deadband
    happened = now.as_of if now.newest_event is None else now.newest_event
    onset = now.as_of if passed else None
    return Reading(onset, happened, back, _behind(now.newest_event), now.oldest, count=now.wip)


def _dwell(rule: Rule, now: OperationNow) -> Reading:
    if not now.oldest:
        return Reading(None, now.as_of, True, _behind(now.newest_event))
    arrived = now.oldest[0].arrived
    onset = limit_reached(rule, arrived)
    counted = now.over_dwell_limit if rule.is_dwell_limit else None
    return Reading(onset, onset, False, _behind(now.newest_event), now.oldest, arrived, counted)


def _no_departure(rule: Rule, now: OperationNow) -> Reading:
    proof = None if now.last_departure is None else now.last_departure + MINUTE_US
    if now.wip == 0 or not now.oldest:
        return Reading(None, now.as_of, True, proof or _behind(now.newest_event))
    # The minute of the newest departure is known, not the instant; and while nothing was there nothing could leave.
    since = max(now.oldest[0].arrived, proof or 0)
    onset = since + rule.limit
    return Reading(onset, onset, False, proof, now.oldest, since)


def _machine(rule: Rule, now: WorkUnitNow) -> Reading:
    if now.condition != DOWN or now.since is None:
        return Reading(None, now.newest_event, True, _behind(now.newest_event))
    onset = now.since + rule.limit
    return Reading(onset, onset, False, _behind(now.newest_event), since=now.since)


def _behind(newest_event: int | None) -> int | None:
    return None if newest_event is None else newest_event + 1
