"""The canonical form of teams and alerting, and back: what `plant_canonical` does for the rest of the plant.

A limit in units is passed by every short peak, so it has an on_delay by default; a limit in time is a delay itself.
"""

from typing import Any

from schemas.plant_alerting import Alerting, Rule, Team
from schemas.plant_part import names
from schemas.plant_values import duration_text

Document = dict[str, Any]


def canonical_team(team: Team) -> Document:
    """A team; members in the order of the file."""
    return {
        "id": team.id,
        "name": names(team.name, team.id),
        "language": team.language.value,
        "work_centers": team.work_centers,
        "calendar": team.calendar,
        "members": [
            {"id": m.id, "name": m.name or m.id, "language": m.language.value, "channels": m.channels}
            for m in team.members
        ],
        "on_duty": team.on_duty,
        "channels": team.channels,
    }


def canonical_alerting(alerting: Alerting) -> Document:
    """Rules with their delays filled in; `limit` in units for wip_above and wip_below, else in µs."""
    return {
        "default_rules": alerting.default_rules,
        "on_delay_us": alerting.on_delay,
        "off_delay_us": alerting.off_delay,
        "mutes": [
            {"id": m.id, "from": m.from_, "to": m.to, "calendar": m.calendar, "shift": m.shift} for m in alerting.mutes
        ],
        "mute": alerting.mute,
        "rules": [_rule(rule, alerting) for rule in alerting.rules],
    }


def _rule(rule: Rule, alerting: Alerting) -> Document:
    on_delay = 0 if rule.wip is None else alerting.on_delay
    return {
        "id": rule.id,
        "name": names(rule.name, rule.id),
        "measure": rule.measure.value,
        "operation": rule.operation,
        "work_unit": rule.work_unit,
        "limit": rule.time if rule.wip is None else rule.wip,
        "deadband": rule.deadband,
        "on_delay_us": on_delay if rule.on_delay is None else rule.on_delay,
        "off_delay_us": alerting.off_delay if rule.off_delay is None else rule.off_delay,
        "priority": rule.priority.value,
        "team": rule.team,
        "mute": rule.mute,
        "action": names(rule.action, ""),
    }


def nested_alerting(alerting: Document) -> Document:
    """The mapping of the plant file that has this canonical form."""
    rules = []
    for rule in alerting["rules"]:
        counted = rule["measure"] in ("wip_above", "wip_below")
        written = {key: item for key, item in rule.items() if not key.endswith("_us") and key != "limit"}
        written["wip" if counted else "time"] = rule["limit"] if counted else duration_text(rule["limit"])
        written["action"] = {language: text for language, text in rule["action"].items() if text}
        for delay in ("on_delay", "off_delay"):
            written[delay] = duration_text(rule[f"{delay}_us"])
        rules.append(written)
    return {
        "default_rules": "true" if alerting["default_rules"] else "false",
        "on_delay": duration_text(alerting["on_delay_us"]),
        "off_delay": duration_text(alerting["off_delay_us"]),
        "mutes": alerting["mutes"],
        "mute": alerting["mute"],
        "rules": rules,
    }
