"""What the ids of an alert are called in the plant model, whose it is and what to do about it.

An alert outlives its rule and its operation: what the plant model no longer has is called by its id.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from services.core.equipment import PlantModel

Document = dict[str, Any]
_NONE = {"en": "", "zh": ""}


class AlertNames:
    """The names of one version of the plant model."""

    def __init__(self, model: PlantModel | None) -> None:
        document: Mapping[str, Any] = model.document if model else {}
        alerting: Mapping[str, Any] = document.get("alerting") or {}
        teams: list[Mapping[str, Any]] = list(document.get("teams", ()))
        self.teams: list[Document] = [{"id": team["id"], "name": team["name"]} for team in teams]
        self._rules = {rule["id"]: rule for rule in alerting.get("rules", ())}
        self._center_of: Mapping[str, str] = model.work_center_of if model else {}
        self._team_of = {center: team["id"] for team in reversed(teams) for center in team["work_centers"]}
        self._people = {member["id"]: member["name"] for team in teams for member in team["members"]}
        subjects = (*document.get("operations", ()), *document.get("work_units", ()))
        self._subjects = _names(subjects)
        self._centers = _names(document.get("work_centers", ()))

    def of(self, alert: Mapping[str, Any]) -> Document:
        """The fields that an alert is told with beside its own."""
        rule = self._rules.get(alert["rule_id"], {})
        center = self._center_of.get(alert["subject_id"], "")
        return {
            "rule_name": rule.get("name"),
            "subject_name": self._subjects.get(alert["subject_id"], _called(alert["subject_id"])),
            "work_center": center,
            "work_center_name": self._centers.get(center, _called(center)),
            "team": rule.get("team") or self._team_of.get(center),
            "to_do": rule.get("action") or _NONE,
            "acknowledged_by_name": self._person(alert["acknowledged_by"]),
            "shelved_by_name": self._person(alert["shelved_by"]),
        }

    def _person(self, who: str | None) -> str | None:
        return None if who is None else self._people.get(who, who)


def _names(things: Iterable[Mapping[str, Any]]) -> dict[str, Document]:
    return {thing["id"]: thing.get("name") or _called(thing["id"]) for thing in things}


def _called(id_: str) -> Document:
    return {"en": id_, "zh": id_}
