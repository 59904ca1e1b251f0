"""What the ids of an alert are called in the plant model, whose it is (as core.roster has it) and what to do about it.

An alert outlives its rule and its operation: what the plant model no longer has is called by its id.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from services.core.equipment import PlantModel
from services.core.message_words import ACTIONS

Document = dict[str, Any]


class AlertNames:
    """The names of one version of the plant model."""

    def __init__(self, model: PlantModel | None) -> None:
        document: Mapping[str, Any] = model.document if model else {}
        alerting: Mapping[str, Any] = document.get("alerting") or {}
        teams: list[Mapping[str, Any]] = list(document.get("teams", ()))
        self.teams: list[Document] = [{"id": team["id"], "name": team["name"]} for team in teams]
        self._rules = {rule["id"]: rule for rule in alerting.get("rules", ())}
        self._center_of: Mapping[str, str] = model.work_center_of if model else {}
        self._teams_of: dict[str, list[str]] = {}
        for team in teams:
            for center in team["work_centers"]:
                self._teams_of.setdefault(center, []).append(team["id"])
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
            "teams": [rule["team"]] if rule.get("team") else self._teams_of.get(center, []),
            "to_do": _to_do(rule, alert["measure"]),
            "acknowledged_by_name": self._person(alert["acknowledged_by"]),
            "shelved_by_name": self._person(alert["shelved_by"]),
        }

    def _person(self, who: str | None) -> str | None:
        return None if who is None else self._people.get(who, who)


def _to_do(rule: Mapping[str, Any], measure: str) -> Document:
    """What the rule says; else what messages say of the measure. In each language what there is of it."""
    said, usual = rule.get("action") or {}, ACTIONS.get(measure, {})
    return {language: said.get(language) or usual.get(language, "") for language in ("en", "zh")}


def _names(things: Iterable[Mapping[str, Any]]) -> dict[str, Document]:
    return {thing["id"]: thing.get("name") or _called(thing["id"]) for thing in things}


def _called(id_: str) -> Document:
    return {"en": id_, "zh": id_}
