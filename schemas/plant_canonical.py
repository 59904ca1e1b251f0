"""The canonical plant document: the plant file flattened, with all defaults filled in, as JSON-able values.

It is what `floor.master` carries and what the stages build their lookups from; `nested` turns it back into the
shape of the file.
"""

from typing import Any

from schemas.plant_alerting_canonical import canonical_alerting, canonical_team, nested_alerting
from schemas.plant_document import (
    Area,
    Calendar,
    CountedWip,
    Epcis,
    Identifiers,
    PlantDocument,
    Product,
    Source,
    WorkCenter,
)
from schemas.plant_part import names
from schemas.plant_values import duration_text

Document = dict[str, Any]

_TRACKING_TIMES = ("max_clock_ahead", "max_clock_skew", "history_horizon", "unit_retention")


def canonical(document: PlantDocument) -> Document:
    """The flat form of a plant document that has been checked."""
    centers = [(area, center) for area in document.areas for center in area.work_centers]
    tracking, site = document.tracking, document.site
    return {
        "tracking": {
            "presence": tracking.presence.value,
            "max_clock_ahead_us": tracking.max_clock_ahead,
            "max_clock_skew_us": tracking.max_clock_skew,
            "history_events": tracking.history_events,
            "history_horizon_us": tracking.history_horizon,
            "unit_retention_us": tracking.unit_retention,
        },
        "site": {"id": site.id, "name": names(site.name, site.id), "time_zone": site.time_zone},
        "sources": {key: _source(source) for key, source in document.sources.items()},
        "calendars": {key: _calendar(calendar) for key, calendar in document.calendars.items()},
        "areas": [{"id": area.id, "name": names(area.name, area.id)} for area in document.areas],
        "work_centers": [
            {"id": c.id, "name": names(c.name, c.id), "area": area.id, "calendar": c.calendar} for area, c in centers
        ],
        "operations": [operation for area, center in centers for operation in _operations(area, center)],
        "work_units": [
            {
                "id": unit.id,
                "name": names(unit.name, unit.id),
                "work_center": center.id,
                "states": {state.value: condition.value for state, condition in unit.states.items()},
            }
            for _, center in centers
            for unit in center.work_units
        ],
        "read_points": [
            {
                "id": point.id,
                "operation": point.operation,
                "action": point.action.value if point.action else None,
                "work_unit": point.work_unit,
                "work_center": center.id,
                **({"epcis": point.epcis} if point.epcis else {}),
            }
            for _, center in centers
            for point in center.read_points
        ],
        "products": [_product(product) for product in document.products],
        **({"epcis": _epcis(document.epcis)} if document.epcis != Epcis() else {}),
        "teams": [canonical_team(team) for team in document.teams],
        "alerting": canonical_alerting(document.alerting),
    }


def _source(source: Source) -> Document:
    """Without what is by default: a model from before the key was there stays the same."""
    return source.model_dump(mode="json", exclude={"identifiers"}) | (
        {} if source.identifiers is Identifiers.TEXT else {"identifiers": source.identifiers.value}
    )


def _epcis(epcis: Epcis) -> Document:
    return epcis.model_dump(mode="json")


def _calendar(calendar: Calendar) -> Document:
    return {
        "week": calendar.week,
        "shifts": [
            {"id": s.id, "name": names(s.name, s.id), "from": s.from_, "to": s.to, "breaks": s.breaks}
            for s in calendar.shifts
        ],
        "exceptions": [
            {"date": e.date, "off": e.off, "as": e.as_, "add": e.add}
            for e in sorted(calendar.exceptions, key=lambda exception: exception.date)
        ],
    }


def _operations(area: Area, center: WorkCenter) -> list[Document]:
    return [
        {
            "id": operation.id,
            "name": names(operation.name, operation.id),
            "area": area.id,
            "work_center": center.id,
            "wip_limit": operation.wip_limit,
            "wip_min": operation.wip_min,
            "dwell_limit_us": operation.dwell_limit,
            "dwell_limit_clock": operation.dwell_limit_clock.value,
            "standard_time_us": operation.standard_time,
            "counted": None if operation.counted is None else _counted(operation.counted),
        }
        for operation in center.operations
    ]


def _counted(counted: CountedWip) -> Document:
    sides = {"in": counted.in_, "out": counted.out}
    written = {
        side: [{"work_unit": each.work_unit, "counter": each.counter.value} for each in counters]
        for side, counters in sides.items()
    }
    return {**written, "baseline": counted.baseline}


def _product(product: Product) -> Document:
    return {
        "id": product.id,
        "unit_cost": product.unit_cost,
        "currency": product.currency,
        "routing": product.routing,
        "presence": product.presence.value if product.presence else None,
    }


def nested(model: Document) -> Document:
    """The canonical document in the shape of a plant file, without what is empty."""
    tracking = dict(model["tracking"])
    for key in _TRACKING_TIMES:
        tracking[key] = duration_text(tracking.pop(f"{key}_us"))
    shape = {
        "tracking": tracking,
        "site": model["site"],
        "sources": model["sources"],
        "calendars": model["calendars"],
        "areas": [_nested_area(model, area) for area in model["areas"]],
        "products": model["products"],
        "epcis": model.get("epcis"),
        "teams": model["teams"],
        "alerting": nested_alerting(model["alerting"]),
    }
    kept: Document = _without_empty(shape)
    return kept


def _nested_area(model: Document, area: Document) -> Document:
    centers = [center for center in model["work_centers"] if center["area"] == area["id"]]
    return {**area, "work_centers": [_nested_center(model, center) for center in centers]}


def _nested_center(model: Document, center: Document) -> Document:
    inside = [operation for operation in model["operations"] if operation["work_center"] == center["id"]]
    return {
        "id": center["id"],
        "name": center["name"],
        "calendar": center["calendar"],
        "work_units": [
            {"id": unit["id"], "name": unit["name"], "states": unit["states"]}
            for unit in model["work_units"]
            if unit["work_center"] == center["id"]
        ],
        "operations": [_nested_operation(operation) for operation in inside],
        "read_points": [
            _nested_read_point(point) for point in model["read_points"] if point["work_center"] == center["id"]
        ],
    }


def _nested_operation(operation: Document) -> Document:
    kept = {key: operation[key] for key in ("id", "name", "wip_limit", "wip_min", "dwell_limit_clock", "counted")}
    for key in ("dwell_limit", "standard_time"):
        if operation[f"{key}_us"] is not None:
            kept[key] = duration_text(operation[f"{key}_us"])
    return kept


def _nested_read_point(point: Document) -> Document:
    return {key: point[key] for key in ("id", "operation", "action", "work_unit", "epcis") if key in point}


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_empty(item) for key, item in value.items() if item not in (None, [], {}) and item is not False
        }
    return [_without_empty(item) for item in value] if isinstance(value, list) else value
