"""Alert rules as the state machine reads them, derived from the plant model; and when a mute is in force.

Every operation with a wip_limit, wip_min or dwell_limit has a rule of that name by default. A rule of the plant file
with the same id and subject takes its place, so that delays and priority of one operation can be tuned. Durations and
instants are int µs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from services.core.calendar import WorkingCalendar
from services.core.equipment import Operation, PlantModel
from services.core.shift_plan import ShiftPattern

OPERATION, WORK_UNIT = "operation", "work_unit"
"""Kinds of subjects."""
DAY_US = 86_400_000_000
LONGEST_BETWEEN_SHIFTS_US = 30 * DAY_US
"""A mute by shift is looked for so far ahead; where none begins by then it is looked for again."""
DEFAULT_DELAY_US = 30_000_000
EVERY_DAY = "mon-sun"


class Measure(StrEnum):
    """What a rule watches."""

    WIP_ABOVE = "wip_above"
    WIP_BELOW = "wip_below"
    UNIT_DWELL_ABOVE = "unit_dwell_above"
    NO_DEPARTURE_FOR = "no_departure_for"
    MACHINE_DOWN_FOR = "machine_down_for"


COUNTED = (Measure.WIP_ABOVE, Measure.WIP_BELOW)
"""Measures in units; the others are in µs."""


@dataclass(slots=True)
class Mute:
    """A time in which nobody is called: a shift, every day one of local times or one of a working calendar.

    Times of day are the calendar's: at the spring jump a time that is skipped is the instant of the jump, in autumn a
    time that comes twice is its first coming (services/core/calendar.py).
    """

    calendar: WorkingCalendar
    shift_id: str
    _known: tuple[int, int, bool] = (0, 0, False)

    def at(self, now: int) -> tuple[bool, int]:
        """Is it in force, and until which instant does this answer hold?"""
        since, until, in_force = self._known
        if not since <= now < until:
            until, in_force = self._edge(now)
            self._known = now, until, in_force
        return in_force, until

    def _edge(self, now: int) -> tuple[int, bool]:
        for span in self.calendar.shifts_between(now, now + LONGEST_BETWEEN_SHIFTS_US):
            if span.shift_id == self.shift_id:
                return (span.end_us, True) if span.start_us <= now else (span.start_us, False)
        return now + LONGEST_BETWEEN_SHIFTS_US, False


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule on one subject. `deadband` in units; `calendar`: on whose clock a dwell limit runs, None: the wall's."""

    id: str
    measure: Measure
    subject_id: str
    limit: int
    deadband: int = 0
    on_delay: int = 0
    off_delay: int = 0
    priority: str = "medium"
    mutes: tuple[Mute, ...] = field(default=(), compare=False)
    calendar: WorkingCalendar | None = field(default=None, compare=False)
    is_dwell_limit: bool = False
    """The limit is the operation's own dwell_limit, which aggregate counts against."""

    @property
    def alert_id(self) -> str:
        """The same for ever: rule and subject."""
        return f"{self.id}|{self.subject_id}"

    @property
    def subject_kind(self) -> str:
        """What is watched: operation or work_unit."""
        return WORK_UNIT if self.measure is Measure.MACHINE_DOWN_FOR else OPERATION

    @property
    def subject(self) -> tuple[str, str]:
        """Kind and id of what is watched."""
        return self.subject_kind, self.subject_id

    def muted(self, now: int) -> tuple[bool, int | None]:
        """Is any mute in force, and until when does this hold at least? None: for ever."""
        found = [mute.at(now) for mute in self.mutes]
        return any(in_force for in_force, _ in found), min((until for _, until in found), default=None)


def rules_of(model: PlantModel) -> dict[str, Rule]:
    """All rules of a version of the plant model, by alert id."""
    alerting: Mapping[str, Any] = model.document.get("alerting") or {}
    mutes = {document["id"]: _mute(model, document) for document in alerting.get("mutes", ())}
    rules = {}
    if alerting.get("default_rules", True):
        default_mutes = tuple(mutes[name] for name in alerting.get("mute", ()))
        for operation in model.operations.values():
            for rule in _default_rules(model, operation, alerting, default_mutes):
                rules[rule.alert_id] = rule
    for document in alerting.get("rules", ()):
        rule = _rule(model, document, tuple(mutes[name] for name in document["mute"]))
        rules[rule.alert_id] = rule
    return rules


def default_deadband(limit: int) -> int:
    """So many units back inside the limit it counts as returned: 10 % of it, at least one (ISA-18.2's hysteresis)."""
    return max(1, limit // 10)


def _default_rules(
    model: PlantModel, operation: Operation, alerting: Mapping[str, Any], mutes: tuple[Mute, ...]
) -> Iterator[Rule]:
    on_delay = alerting.get("on_delay_us", DEFAULT_DELAY_US)
    off_delay = alerting.get("off_delay_us", DEFAULT_DELAY_US)
    counted = (("wip_limit", Measure.WIP_ABOVE, operation.wip_limit), ("wip_min", Measure.WIP_BELOW, operation.wip_min))
    for name, measure, limit in counted:
        if limit is not None:
            deadband = default_deadband(limit)
            yield Rule(name, measure, operation.id, limit, deadband, on_delay, off_delay, mutes=mutes)
    if operation.dwell_limit is not None:
        yield Rule(
            "dwell_limit", Measure.UNIT_DWELL_ABOVE, operation.id, operation.dwell_limit, off_delay=off_delay,
            mutes=mutes, calendar=_dwell_calendar(model, operation), is_dwell_limit=True,
        )  # fmt: skip


def _rule(model: PlantModel, document: Mapping[str, Any], mutes: tuple[Mute, ...]) -> Rule:
    measure = Measure(document["measure"])
    limit = document["limit"]
    operation = model.operations.get(document["operation"] or "")
    deadband = 0
    if measure in COUNTED:
        deadband = default_deadband(limit) if document["deadband"] is None else document["deadband"]
    of_dwell = measure is Measure.UNIT_DWELL_ABOVE and operation is not None
    return Rule(
        id=document["id"],
        measure=measure,
        subject_id=document["operation"] or document["work_unit"],
        limit=limit,
        deadband=deadband,
        on_delay=document["on_delay_us"],
        off_delay=document["off_delay_us"],
        priority=document["priority"],
        mutes=mutes,
        calendar=_dwell_calendar(model, operation) if of_dwell and operation else None,
        is_dwell_limit=bool(of_dwell and operation and operation.dwell_limit == limit),
    )


def _dwell_calendar(model: PlantModel, operation: Operation) -> WorkingCalendar | None:
    """Dwell limits of an operation run on its working clock where it says so and its work center has a calendar."""
    return model.calendar_of.get(operation.work_center) if operation.dwell_limit_clock == "working" else None


def _mute(model: PlantModel, document: Mapping[str, Any]) -> Mute:
    if document["shift"] is not None:
        return Mute(model.calendars[document["calendar"]], document["shift"])
    daily: Sequence[ShiftPattern] = [ShiftPattern(document["id"], document["from"], document["to"])]
    return Mute(WorkingCalendar(model.time_zone, EVERY_DAY, daily), document["id"])
