"""Teams and alert rules: references that lead nowhere, limits that do not fit the measure, mutes that say no time."""

import difflib
from typing import Any, TypeAlias

from schemas.plant_lines import Lines, Path

Found: TypeAlias = tuple[Path, dict[str, Any]]
Known: TypeAlias = dict[str, list[str]]

COUNTED = ("wip_above", "wip_below")
OF_MACHINES = ("machine_down_for",)
MEASURES = (*COUNTED, "unit_dwell_above", "no_departure_for", *OF_MACHINES)


def check_alerting(lines: Lines, known: Known) -> None:
    """Report every contradiction. `known`: ids by kind (`operation`, `work unit`, `work center`)."""
    document = lines.value if isinstance(lines.value, dict) else {}
    value = document.get("alerting")
    alerting: dict[str, Any] = value if isinstance(value, dict) else {}
    calendars = document.get("calendars")
    shifts = _shifts(calendars if isinstance(calendars, dict) else {})
    teams = _items(document.get("teams"), ("teams",))
    mutes = _items(alerting.get("mutes"), ("alerting", "mutes"))
    rules = _items(alerting.get("rules"), ("alerting", "rules"))
    known = {**known, "team": _ids(teams), "mute": _ids(mutes), "calendar": list(shifts)}
    for what, zh, found in (("team", "班组", teams), ("mute", "静默时段", mutes), ("rule", "规则", rules)):
        _check_once(lines, what, zh, found)
    for team in teams:
        _check_team(lines, team, known, shifts)
    for mute in mutes:
        _check_mute(lines, mute, known, shifts)
    _refer(lines, ("alerting", "mute"), alerting.get("mute"), ("mute", "静默时段"), known["mute"])
    for rule in rules:
        _check_rule(lines, rule, known)


def _items(value: Any, path: Path) -> list[Found]:
    items = value if isinstance(value, list) else []
    return [((*path, index), item) for index, item in enumerate(items) if isinstance(item, dict)]


def _ids(found: list[Found]) -> list[str]:
    return [item["id"] for _, item in found if isinstance(item.get("id"), str)]


def _shifts(calendars: dict[str, Any]) -> Known:
    found: Known = {}
    for name, calendar in calendars.items():
        shifts = calendar.get("shifts") if isinstance(calendar, dict) else None
        found[name] = [str(s.get("id")) for s in shifts or [] if isinstance(s, dict)]
    return found


def _check_once(lines: Lines, what: str, zh: str, found: list[Found]) -> None:
    seen: set[str] = set()
    for path, item in found:
        name = item.get("id")
        if name in seen:
            lines.report((*path, "id"), f"{what} `{name}` exists already; ids are unique", f"{zh}“{name}”已存在")
        if isinstance(name, str):
            seen.add(name)


def _refer(lines: Lines, path: Path, value: Any, what: tuple[str, str], known: list[str]) -> None:
    """Report an id, or those of a list, that nothing has."""
    several = isinstance(value, list)
    for index, name in enumerate(value if isinstance(value, list) else [value]):
        if not isinstance(name, str) or name in known:
            continue
        near = difflib.get_close_matches(name, known, 1, 0.6)
        hint = (f"; did you mean `{near[0]}`?", f"；是否为“{near[0]}”？") if near else ("", "")
        at = (*path, index) if several else path
        lines.report(at, f"unknown {what[0]} `{name}`{hint[0]}", f"未知的{what[1]}“{name}”{hint[1]}")


def _check_team(lines: Lines, team: Found, known: Known, shifts: Known) -> None:
    path, value = team
    _refer(lines, (*path, "work_centers"), value.get("work_centers"), ("work center", "工作中心"), known["work center"])
    _refer(lines, (*path, "calendar"), value.get("calendar"), ("calendar", "日历"), known["calendar"])
    items = value.get("members")
    members = [m if isinstance(m, str) else m.get("id") for m in (items if isinstance(items, list) else [])]
    named = [name for name in members if isinstance(name, str)]
    duty = value.get("on_duty")
    if not isinstance(duty, dict):
        return
    if value.get("calendar") is None:
        lines.report(
            (*path, "on_duty"), "on_duty names shifts: expected a `calendar`", "on_duty 按班次：应指定 calendar"
        )
    for shift, people in duty.items():
        calendar = value.get("calendar")
        if isinstance(calendar, str) and calendar in shifts:
            _refer(lines, (*path, "on_duty", shift), str(shift), ("shift", "班次"), shifts[calendar])
        _refer(lines, (*path, "on_duty", shift), people, ("member of the team", "班组成员"), named)


def _check_mute(lines: Lines, mute: Found, known: Known, shifts: Known) -> None:
    path, value = mute
    times = [value.get(key) is not None for key in ("from", "to")]
    shift = [value.get(key) is not None for key in ("calendar", "shift")]
    if not (all(times) and not any(shift)) and not (all(shift) and not any(times)):
        lines.report(
            path,
            "expected either from and to, or calendar and shift",
            "应为 from 与 to，或 calendar 与 shift（二选一）",
        )
    calendar = value.get("calendar")
    _refer(lines, (*path, "calendar"), calendar, ("calendar", "日历"), known["calendar"])
    if isinstance(calendar, str) and calendar in shifts:
        _refer(lines, (*path, "shift"), value.get("shift"), ("shift", "班次"), shifts[calendar])


def _check_rule(lines: Lines, rule: Found, known: Known) -> None:
    path, value = rule
    _refer(lines, (*path, "operation"), value.get("operation"), ("operation", "工序"), known["operation"])
    _refer(lines, (*path, "work_unit"), value.get("work_unit"), ("work unit", "工作单元"), known["work unit"])
    _refer(lines, (*path, "team"), value.get("team"), ("team", "班组"), known["team"])
    _refer(lines, (*path, "mute"), value.get("mute"), ("mute", "静默时段"), known["mute"])
    measure = value.get("measure")
    if measure not in MEASURES:
        return
    subject, other = ("work_unit", "operation") if measure in OF_MACHINES else ("operation", "work_unit")
    limit, unfit = ("wip", "time") if measure in COUNTED else ("time", "wip")
    for key in (subject, limit):
        if value.get(key) is None:
            lines.report(path, f"{measure} needs `{key}`", f"{measure} 须指定 {key}")
    for key in (other, unfit, *(() if measure in COUNTED else ("deadband",))):
        if value.get(key) is not None:
            lines.report((*path, key), f"{measure} has no `{key}`: remove it", f"{measure} 没有 {key}：请删除")
