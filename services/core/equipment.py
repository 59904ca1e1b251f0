"""The plant model as the rules see it: operations, read points, products with routings, tracking bounds.

Built from the canonical document that the linter of the plant file makes; it is trusted here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any

from services.core.calendar import WorkingCalendar
from services.core.gs1_names import canonical_name
from services.core.scan import Action
from services.core.shift_plan import CalendarException, ShiftPattern

READ_POINT = "urn:floorstream:read_point:"
"""Before a read point's id in the URI that names it in EPCIS events."""


class Presence(StrEnum):
    """May a unit be at several operations at once?"""

    SINGLE = "single"
    MULTIPLE = "multiple"


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of work; WIP and dwell are kept per operation. Durations in µs."""

    id: str
    name_en: str
    name_zh: str
    area: str
    work_center: str
    wip_limit: int | None = None
    wip_min: int | None = None
    dwell_limit: int | None = None
    dwell_limit_clock: str = "wall"
    standard_time: int | None = None


@dataclass(frozen=True, slots=True)
class ReadPoint:
    """What a read at this scanner, portal or tag means."""

    operation: str | None
    action: Action | None
    work_unit: str | None


@dataclass(frozen=True, slots=True)
class Tracking:
    """The bounds within which history is kept and clocks are believed. Durations in µs."""

    presence: Presence
    max_clock_ahead: int
    max_clock_skew: int
    history_events: int
    history_horizon: int
    unit_retention: int


@dataclass(frozen=True, eq=False)
class PlantModel:
    """One version of the plant model. `version` holds for the records after its marker in the log.

    Equal only to itself, so that what is found out of it can be kept by it.
    """

    version: int
    document: Mapping[str, Any]
    tracking: Tracking
    operations: Mapping[str, Operation]
    read_points: Mapping[str, ReadPoint]
    routings: Mapping[str, tuple[str, ...]]
    positions: Mapping[str, Mapping[str, int]]
    presences: Mapping[str, Presence]
    unit_costs: Mapping[str, int]
    sources: Mapping[str, Mapping[str, str | None]]

    @classmethod
    def from_document(cls, document: Mapping[str, Any], version: int = 1) -> "PlantModel":
        """Build the lookups from a canonical plant document."""
        products: Sequence[Mapping[str, Any]] = document.get("products", ())
        routings = {p["id"]: tuple(p.get("routing") or ()) for p in products}
        return cls(
            version=version,
            document=document,
            tracking=_tracking(document["tracking"]),
            operations={o["id"]: _operation(o) for o in document.get("operations", ())},
            read_points={r["id"]: _read_point(r) for r in document.get("read_points", ())},
            routings=routings,
            positions={p: {op: i for i, op in enumerate(ops)} for p, ops in routings.items()},
            presences={p["id"]: Presence(p["presence"]) for p in products if p.get("presence")},
            unit_costs={p["id"]: _millionths(p["unit_cost"]) for p in products if p.get("unit_cost") is not None},
            sources=document.get("sources", {}),
        )

    def reads_gs1(self, source: str) -> bool:
        """Are the units of this source's scans GS1 identifiers?"""
        return (self.sources.get(source) or {}).get("identifiers") == "gs1"

    def position(self, product: str | None, operation: str) -> int | None:
        """The operation's place (from 0) on the product's routing, or None when it has none there."""
        routing = self.positions.get(product) if product is not None else None
        return routing.get(operation) if routing is not None else None

    def last_operation(self, product: str | None) -> str | None:
        """The operation whose departure completes a unit of this product, if it has a routing."""
        routing = self.routings.get(product) if product is not None else None
        return routing[-1] if routing else None

    def is_multiple(self, product: str | None) -> bool:
        """May a unit of this product be at several operations at once?"""
        presence = self.presences.get(product) if product is not None else None
        return (presence or self.tracking.presence) is Presence.MULTIPLE

    @cached_property
    def epcis_places(self) -> Mapping[str, str]:
        """Canonical URI of a place in EPCIS events → read point; each has a URI of its own, too."""
        points: Sequence[Mapping[str, Any]] = self.document.get("read_points", ())
        named = {uri: point["id"] for point in points for uri in (READ_POINT + point["id"], *point.get("epcis", ()))}
        return {canonical_name(uri) or uri: point for uri, point in named.items()}

    @cached_property
    def epcis_actions(self) -> Mapping[str, Mapping[str, str]]:
        """`biz_steps` and `dispositions` of EPCIS events → action, as the plant model declares them."""
        declared: Mapping[str, Mapping[str, str]] = self.document.get("epcis", {})
        return declared

    @cached_property
    def is_single(self) -> bool:
        """Is no unit of the plant ever at several operations at once?"""
        return Presence.MULTIPLE not in {self.tracking.presence, *self.presences.values()}

    @cached_property
    def time_zone(self) -> str:
        """IANA zone of the site."""
        zone: str = self.document.get("site", {}).get("time_zone") or "UTC"
        return zone

    @cached_property
    def calendars(self) -> Mapping[str, WorkingCalendar]:
        """Working calendars by name, in the site's zone."""
        return {name: _calendar(self.time_zone, found) for name, found in self.document.get("calendars", {}).items()}

    @cached_property
    def calendar_of(self) -> Mapping[str, WorkingCalendar]:
        """Work center → its working calendar; those that work around the clock have none."""
        centers: Sequence[Mapping[str, Any]] = self.document.get("work_centers", ())
        return {c["id"]: self.calendars[c["calendar"]] for c in centers if c.get("calendar")}

    @cached_property
    def work_center_of(self) -> Mapping[str, str]:
        """Operation or work unit → its work center."""
        units: Sequence[Mapping[str, Any]] = self.document.get("work_units", ())
        return {unit["id"]: unit["work_center"] for unit in units} | {
            operation.id: operation.work_center for operation in self.operations.values()
        }

    @cached_property
    def operation_ids(self) -> tuple[str, ...]:
        """All operations, in the order of the plant file."""
        return tuple(self.operations)


def _tracking(document: Mapping[str, Any]) -> Tracking:
    return Tracking(
        presence=Presence(document["presence"]),
        max_clock_ahead=document["max_clock_ahead_us"],
        max_clock_skew=document["max_clock_skew_us"],
        history_events=document["history_events"],
        history_horizon=document["history_horizon_us"],
        unit_retention=document["unit_retention_us"],
    )


def _operation(document: Mapping[str, Any]) -> Operation:
    name = document.get("name") or {}
    return Operation(
        id=document["id"],
        name_en=name.get("en") or document["id"],
        name_zh=name.get("zh") or name.get("en") or document["id"],
        area=document.get("area") or "",
        work_center=document.get("work_center") or "",
        wip_limit=document.get("wip_limit"),
        wip_min=document.get("wip_min"),
        dwell_limit=document.get("dwell_limit_us"),
        dwell_limit_clock=document.get("dwell_limit_clock") or "wall",
        standard_time=document.get("standard_time_us"),
    )


def _read_point(document: Mapping[str, Any]) -> ReadPoint:
    action = document.get("action")
    return ReadPoint(document.get("operation"), Action[action.upper()] if action else None, document.get("work_unit"))


def _calendar(time_zone: str, document: Mapping[str, Any]) -> WorkingCalendar:
    shifts = [
        ShiftPattern(s["id"], s["from"], s["to"], tuple((begin, end) for begin, end in s["breaks"]))
        for s in document["shifts"]
    ]
    exceptions = [
        CalendarException(
            date.fromisoformat(e["date"]), e["off"], e["as"], tuple((begin, end) for begin, end in e["add"])
        )
        for e in document["exceptions"]
    ]
    return WorkingCalendar(time_zone, ",".join(document["week"]), shifts, exceptions)


def _millionths(text: str) -> int:
    whole, _, fraction = str(text).partition(".")
    sign = -1 if whole.startswith("-") else 1
    return sign * (abs(int(whole or "0")) * 1_000_000 + int((fraction + "000000")[:6]))
