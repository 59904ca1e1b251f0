"""Whom an alert concerns: the team of its rule or of its work center, and of the team who is on duty at that instant.

    rule.team, else every team that takes care of the subject's work center
      ├─ the team's channels: always, with those on duty mentioned by name
      └─ a member's own channels: of those on duty

On duty is who `on_duty` names for the shift of the team's calendar that the instant lies in; without `on_duty` the
whole team, always. Between shifts nobody is on duty: then only the team's channels are told.

The answer depends on the plant model's version and the instant alone, so that a record read again asks for the same
notifications.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.core.equipment import PlantModel

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recipient:
    """One channel that is told, and for whom. `member` is empty for a channel that several people read."""

    channel: str
    member: str
    language: str
    mentions: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """`channel`, or `channel|member`: who is told once, however many teams name them (ids hold no bar)."""
        return f"{self.channel}|{self.member}" if self.member else self.channel


def recipients(model: PlantModel, rule_id: str, subject_id: str, at_us: int) -> list[Recipient]:
    """Who is told of an alert, in the order of the plant file; of two teams that share a channel the first counts."""
    found: dict[str, Recipient] = {}
    for team in teams(model, rule_id, subject_id):
        people = on_duty(model, team, at_us)
        ids = tuple(str(person["id"]) for person in people)
        told = [Recipient(channel, "", team["language"], ids) for channel in team["channels"]]
        told += [
            Recipient(channel, person["id"], person["language"]) for person in people for channel in person["channels"]
        ]
        for recipient in told:
            found.setdefault(recipient.key, recipient)
    return list(found.values())


def teams(model: PlantModel, rule_id: str, subject_id: str) -> list[Document]:
    """The teams that take care of an alert."""
    everybody: Sequence[Document] = model.document.get("teams", ())
    rule = rule_of(model, rule_id)
    if rule is not None and rule.get("team"):
        return [team for team in everybody if team["id"] == rule["team"]]
    center = model.work_center_of.get(subject_id)
    return [team for team in everybody if center in team["work_centers"]]


def on_duty(model: PlantModel, team: Document, at_us: int) -> list[Document]:
    """The members of the team who are on duty at an instant, in the order of the plant file."""
    members: list[Document] = list(team["members"])
    if not team["on_duty"]:
        return members
    calendar = model.calendars.get(team["calendar"] or "")
    shift = None if calendar is None else calendar.shift_at(at_us)
    named = team["on_duty"].get(shift.shift_id, ()) if shift is not None else ()
    return [member for member in members if member["id"] in named]


def rule_of(model: PlantModel, rule_id: str) -> Document | None:
    """The rule as the plant file has it; None for those made from limits of operations."""
    rules: Sequence[Document] = model.document.get("alerting", {}).get("rules", ())
    return next((rule for rule in rules if rule["id"] == rule_id), None)
