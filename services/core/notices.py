"""From versions of alerts to what is told to whom: pure, so that a record read again asks for the same.

raised and others worth a call ─► Tell per recipient      kind firing, or still_active where it is not the raising
returned                       ─► Resolve                  whoever was told of the incident is told (or what waits
                                                           is dropped, where this is not worth a call)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from services.core.equipment import PlantModel
from services.core.messages import Facts, Name, Stay
from services.core.roster import Recipient, recipients, rule_of

NOBODY = Recipient("", "", "both")
"""Stands for the missing recipient where an alert concerns no team, or a team whom nothing reaches."""


@dataclass(frozen=True, slots=True)
class ListedUnit:
    """A unit that an alert lists. `arrived_us`: instant."""

    unit_id: str
    arrived_us: int


@dataclass(frozen=True, slots=True)
class AlertVersion:
    """A record of floor.alerts, as far as telling about it needs it; see schemas/alerts.py."""

    alert_id: str
    epoch: int
    incident: int
    version: int
    change: str
    notify: bool
    rule_id: str
    measure: str
    subject_id: str
    priority: str
    limit: int
    at_us: int
    model: int
    value: int | None = None
    raised_us: int | None = None
    end: str | None = None
    units: tuple[ListedUnit, ...] = ()
    units_over: int | None = None
    units_over_is_least: bool = False


@dataclass(frozen=True, slots=True)
class Tell:
    """A notification to be sent. `state`: waiting; no_channel or nobody where it cannot be."""

    facts: Facts
    recipient: Recipient
    state: str


@dataclass(frozen=True, slots=True)
class Resolve:
    """An incident is over: those who were told of it are told. `call` False: nobody is, and nothing waits any more."""

    facts: Facts
    call: bool


Step: TypeAlias = Tell | Resolve


def steps(alert: AlertVersion, model: PlantModel, reaches: Callable[[str], bool]) -> list[Step]:
    """What one version asks for. `reaches`: does the channels file have a channel of this name?"""
    if alert.change == "returned":
        return [Resolve(facts_of(alert, model, "resolved"), alert.notify)]
    if not alert.notify:
        return []
    facts = facts_of(alert, model, "firing" if alert.change == "raised" else "still_active")
    told = recipients(model, alert.rule_id, alert.subject_id, alert.at_us)
    if not told:
        return [Tell(facts, NOBODY, "nobody")]
    return [Tell(facts, each, "waiting" if reaches(each.channel) else "no_channel") for each in told]


def facts_of(alert: AlertVersion, model: PlantModel, kind: str) -> Facts:
    """What a message about this version says."""
    rule = rule_of(model, alert.rule_id)
    center = model.work_center_of.get(alert.subject_id, "")
    return Facts(
        alert_id=alert.alert_id, incident=alert.incident, version=alert.version, kind=kind, measure=alert.measure,
        priority=alert.priority, subject_id=alert.subject_id,
        subject=_name_in(model, ("operations", "work_units"), alert.subject_id),
        line=_name_in(model, ("work_centers",), center),
        action=_name((rule or {}).get("action"), ""),
        limit=alert.limit, value=alert.value, at_us=alert.at_us, raised_us=alert.raised_us, end=alert.end,
        units=tuple(Stay(unit.unit_id, alert.at_us - unit.arrived_us) for unit in alert.units),
        units_over=alert.units_over, at_least=alert.units_over_is_least, time_zone=model.time_zone,
    )  # fmt: skip


def _name_in(model: PlantModel, kinds: tuple[str, ...], thing: str) -> Name:
    for kind in kinds:
        for entry in model.document.get(kind, ()):
            if entry["id"] == thing:
                return _name(entry.get("name"), thing)
    return Name(thing, thing)


def _name(names: Mapping[str, Any] | None, otherwise: str) -> Name:
    found = names or {}
    return Name(zh=found.get("zh") or otherwise, en=found.get("en") or otherwise)
