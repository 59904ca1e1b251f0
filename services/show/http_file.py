"""Every request of the OpenAPI document as a .http file (REST Client of VS Code, HTTP Client of IntelliJ)."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from services.core.instant import format_instant

Document = Mapping[str, Any]
_TIMES = ("event_time", "eventTime", "creationDate")
_IDS = ("event_id", "action_id")


def http_file(document: Document, address: str, plant: Document, now_us: int) -> str:
    """The file: addresses and names of this plant are filled in, times are now, identities new ones."""
    names = _names(plant)
    head = [f"@address = {address}", "@key = ID.SECRET"]
    head += [f"@{name} = {quote(value, safe='')}" for name, value in sorted(names.items())]
    requests = [
        "\n".join(_request(path, method, operation, names, now_us))
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    return "\n".join(head) + "\n\n" + "\n\n".join(requests) + "\n"


def _names(plant: Document) -> dict[str, str]:
    """What stands in paths, queries and bodies: of each kind the first that the plant has."""
    points = [point for point in plant.get("read_points", ()) if point.get("operation")]
    operations = [operation["id"] for operation in plant.get("operations", ())]
    units = [unit["id"] for unit in plant.get("work_units", ())]
    return {
        "unit_id": "MY-1",
        "event_id": "gate-7-000123",
        "order_id": "MY-ORDER-1",
        "product_id": "MY-PRODUCT",
        "calendar_id": "MY-CALENDAR",
        "operation": "MY-OPERATION",
        "alert_id": f"wip_limit|{operations[0] if operations else 'OP10'}",
        "capture_id": "ID-OF-THE-ANSWER",
        "name": "asyncapi.yaml",
        "read_point_id": points[0]["id"] if points else "MY-READ-POINT",
        "operation_id": operations[0] if operations else "MY-OPERATION",
        "work_unit_id": units[0] if units else "MY-MACHINE",
    }


def _request(path: str, method: str, operation: Document, names: Mapping[str, str], now_us: int) -> Iterator[str]:
    yield f"### {operation['summary']}"
    yield f"{method.upper()} {{{{address}}}}{path.replace('{', '{{').replace('}', '}}')}"
    if "security" in operation:
        yield "Authorization: Bearer {{key}}"
    yield "Accept-Language: en"
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"Content-Type: {media}"
        yield ""
        example = content.get("example")
        if isinstance(example, str):
            yield example.strip()
        elif example is not None:
            yield json.dumps(_filled(example, names, now_us), ensure_ascii=False, indent=2)
        else:
            yield f"< ./{path.rsplit('/', 1)[1]}.yaml"
        return


def _filled(value: Any, names: Mapping[str, str], now_us: int) -> Any:
    """An example with this plant's names, of this moment."""
    if isinstance(value, list):
        return [_filled(each, names, now_us) for each in value]
    if not isinstance(value, Mapping):
        return value
    filled = {name: _filled(each, names, now_us) for name, each in value.items()}
    for name in filled:
        if name in _TIMES:
            filled[name] = format_instant(now_us)
        elif name in _IDS:
            filled[name] = f"{filled[name]}-{now_us}"
        elif name in ("read_point_id", "operation_id", "work_unit_id"):
            filled[name] = names[name]
        elif name == "operations":
            filled[name] = [names["operation_id"]]
    if "readPoint" in filled:
        filled["readPoint"] = {"id": f"urn:floorstream:read_point:{names['read_point_id']}"}
    return filled
