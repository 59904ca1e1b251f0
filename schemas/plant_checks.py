"""What no single value of a plant file can tell: references between its parts, repeated ids, limits that contradict.

The checks read the plain values, not the typed document, so that they run also where some value is wrong.
"""

import difflib
from collections.abc import Iterator
from typing import Any, TypeAlias

from schemas.plant_alerting_checks import check_alerting
from schemas.plant_calendar_checks import check_calendars
from schemas.plant_lines import Lines, Path

Found: TypeAlias = tuple[Path, dict[str, Any]]


def check_plant(lines: Lines) -> None:
    """Report every reference that leads nowhere and every contradiction."""
    centers = [
        found for area in _parts(lines.value, ("areas",)) for found in _parts(area[1], ("work_centers",), area[0])
    ]
    operations = [found for center in centers for found in _parts(center[1], ("operations",), center[0])]
    units = [found for center in centers for found in _work_units(center)]
    points = [found for center in centers for found in _parts(center[1], ("read_points",), center[0])]
    products = _parts(lines.value, ("products",))
    for what, zh, found in (
        ("area", "区域", _parts(lines.value, ("areas",))),
        ("work center", "工作中心", centers),
        ("operation", "工序", operations),
        ("work unit", "工作单元", units),
        ("read point", "采集点", points),
        ("product", "产品", products),
    ):
        _check_once(lines, what, zh, found)
    if not operations and isinstance(lines.value, dict) and lines.value.get("areas"):
        lines.report(("areas",), "the plant has no operation yet", "工厂中还没有任何工序")
    _check_centers(lines, centers)
    _check_operations(lines, operations, {id_ for _, c in centers if c.get("calendar") for id_ in _ids_in(c)})
    _check_counters(lines, operations, _ids(units))
    _check_read_points(lines, points, _ids(operations), _ids(units))
    _check_products(lines, products, _ids(operations))
    _check_sources(lines)
    check_calendars(lines)
    check_alerting(lines, {"operation": _ids(operations), "work unit": _ids(units), "work center": _ids(centers)})


def _parts(value: Any, keys: tuple[str, ...], base: Path = ()) -> list[Found]:
    """The mappings in the list under the key, each with its path; nothing where the shape is wrong."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    items = value if isinstance(value, list) else []
    return [((*base, *keys, i), item) for i, item in enumerate(items) if isinstance(item, dict)]


def _work_units(center: Found) -> Iterator[Found]:
    path, value = center
    items = value.get("work_units")
    for index, item in enumerate(items if isinstance(items, list) else []):
        if isinstance(item, (str, dict)):
            yield (*path, "work_units", index), item if isinstance(item, dict) else {"id": item}


def _ids(found: list[Found]) -> list[str]:
    return [item["id"] for _, item in found if isinstance(item.get("id"), str)]


def _ids_in(center: dict[str, Any]) -> list[str]:
    return _ids(_parts(center, ("operations",)))


def _check_once(lines: Lines, what: str, zh: str, found: list[Found]) -> None:
    first: dict[str, Path] = {}
    for path, item in found:
        if not isinstance(name := item.get("id"), str):
            continue
        at = (*path, "id") if (*path, "id") in lines.places else path
        if name in first:
            line = lines.place(first[name])[0]
            lines.report(
                at,
                f"{what} `{name}` exists already (line {line}); ids are unique",
                f"{zh}“{name}”已存在（第 {line} 行）；编号必须唯一",
            )
        first.setdefault(name, at)


def _unknown(lines: Lines, path: Path, what: tuple[str, str], name: str, known: list[str]) -> None:
    near = difflib.get_close_matches(name, known, 1, 0.6)
    hint = (f"; did you mean `{near[0]}`?", f"；是否为“{near[0]}”？") if near else ("", "")
    lines.report(path, f"unknown {what[0]} `{name}`" + hint[0], f"未知的{what[1]}“{name}”" + hint[1])


def _check_centers(lines: Lines, centers: list[Found]) -> None:
    calendars = lines.value.get("calendars") if isinstance(lines.value, dict) else None
    known = list(calendars) if isinstance(calendars, dict) else []
    for path, center in centers:
        name = center.get("calendar")
        if isinstance(name, str) and name not in known:
            _unknown(lines, (*path, "calendar"), ("calendar", "日历"), name, known)


def _check_operations(lines: Lines, operations: list[Found], with_calendar: set[str]) -> None:
    for path, operation in operations:
        low, high = _whole(operation.get("wip_min")), _whole(operation.get("wip_limit"))
        if low is not None and high is not None and low > high:
            lines.report(
                (*path, "wip_min"),
                f"wip_min {low} is above wip_limit {high}: expected wip_min ≤ wip_limit",
                f"wip_min {low} 大于 wip_limit {high}：应满足 wip_min ≤ wip_limit",
            )
        if operation.get("dwell_limit_clock") == "working" and operation.get("id") not in with_calendar:
            lines.report(
                (*path, "dwell_limit_clock"),
                "the working clock needs a `calendar` on the work center",
                "使用工作时钟时，工作中心须指定 calendar",
            )


def _check_counters(lines: Lines, operations: list[Found], units: list[str]) -> None:
    for path, operation in operations:
        came_in = {_counter(item) for _, item in _parts(operation, ("counted", "in"))}
        for side in ("in", "out"):
            for at, item in _parts(operation, ("counted", side), path):
                name = item.get("work_unit")
                if isinstance(name, str) and name not in units:
                    _unknown(lines, (*at, "work_unit"), ("work unit", "工作单元"), name, units)
                elif side == "out" and _counter(item) in came_in:
                    lines.report(
                        at,
                        f"the {_counter(item)[1]} counter of `{name}` counts what comes in already",
                        f"“{name}”的 {_counter(item)[1]} 计数器已用于进入计数",
                    )


def _counter(item: dict[str, Any]) -> tuple[str, str]:
    return str(item.get("work_unit")), str(item.get("counter", "good"))


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 13 else None


def _check_read_points(lines: Lines, points: list[Found], operations: list[str], units: list[str]) -> None:
    places: set[str] = set()
    for path, point in points:
        epcis = point.get("epcis")
        for index, place in enumerate(epcis if isinstance(epcis, list) else []):
            if place in places:
                lines.report((*path, "epcis", index), "is another read point's already", "已属于另一采集点")
            places.add(str(place))
        operation, unit, action = (point.get(key) for key in ("operation", "work_unit", "action"))
        if isinstance(operation, str) and operation not in operations:
            _unknown(lines, (*path, "operation"), ("operation", "工序"), operation, operations)
        if isinstance(unit, str) and unit not in units:
            _unknown(lines, (*path, "work_unit"), ("work unit", "工作单元"), unit, units)
        if action == "adjust" and operation is not None:
            lines.report((*path, "operation"), "adjust has no operation: remove it", "adjust 不针对工序：请删除")
        if operation is None and unit is None and action is None:
            lines.report(
                path,
                "a read point says what a read means: expected operation, action or work_unit",
                "采集点须说明一次读取的含义：应有 operation、action 或 work_unit",
            )


def _check_products(lines: Lines, products: list[Found], operations: list[str]) -> None:
    for path, product in products:
        routing = product.get("routing")
        seen: dict[str, int] = {}
        for index, name in enumerate(routing if isinstance(routing, list) else []):
            at = (*path, "routing", index)
            if not isinstance(name, str):
                continue
            if name not in operations:
                _unknown(lines, at, ("operation", "工序"), name, operations)
            elif name in seen:
                lines.report(
                    at,
                    f"operation `{name}` is in this routing twice; a second pass is rework or an operation of its own",
                    f"工序“{name}”在该工艺路线中出现两次；再次加工属于返工，或应设为单独的工序",
                )
            seen.setdefault(name, index)
        if product.get("currency") is not None and product.get("unit_cost") is None:
            lines.report((*path, "currency"), "a currency needs a unit_cost", "有 currency 时应有 unit_cost")


def _check_sources(lines: Lines) -> None:
    sources = lines.value.get("sources") if isinstance(lines.value, dict) else None
    for name, source in sources.items() if isinstance(sources, dict) else ():
        if not isinstance(source, dict):
            continue
        pattern = source.get("time_format")
        if isinstance(pattern, str) and "%" in pattern and "%z" not in pattern and source.get("time_zone") is None:
            lines.report(
                ("sources", name, "time_format"),
                "times of this pattern have no offset: expected a time_zone such as Asia/Shanghai",
                "此格式的时间不含时区偏移：应指定 time_zone，例如 Asia/Shanghai",
            )
