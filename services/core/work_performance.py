"""Closed visits → WorkPerformance of B2MML V0700: what was done, for the system that had ordered it.

    WorkPerformance      a site and a stretch of time
      WorkResponse       an order (WorkRequestID); a unit whose events name none is one by itself
        JobResponse      one visit: StartTime is the arrival, EndTime the departure, WorkMasterID the operation
          JobResponseData    QueueTime, ProcessTime, WaitTime, HoldTime (xsd:duration); Outcome; Flags
          EquipmentActual    the work unit
          MaterialActual     the unit as a lot of its product, with its pieces

B2MML asks for a WorkScheduleID; the schedule of an order is not kept here, so it is empty.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.core.b2mml import Node
from services.core.instant import format_instant

Visit = Mapping[str, Any]
"""A row of visits, closed; instants and durations in µs, the quantity a Decimal."""

_TIMES = (("QueueTime", "queue_us"), ("ProcessTime", "process_us"), ("WaitTime", "wait_us"), ("HoldTime", "hold_us"))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Of which site, from when until before when, and when it was asked for (µs)."""

    site_id: str
    since_us: int
    until_us: int
    asked_us: int


def work_performance(
    stretch: Stretch, visits: Sequence[Visit], orders: Mapping[str, str], work_centers: Mapping[str, str]
) -> Node:
    """`orders`: order_id by unit_id; `work_centers`: by operation_id. There is one visit at least: so says the schema.

    Responses stand in the order in which their first visit ended.
    """
    responses: dict[tuple[str | None, str], list[Visit]] = {}
    for visit in visits:
        order = orders.get(visit["unit_id"])
        responses.setdefault((order, order or visit["unit_id"]), []).append(visit)
    since, until = format_instant(stretch.since_us), format_instant(stretch.until_us)
    return Node(
        "WorkPerformance",
        [
            Node("ID", f"{stretch.site_id}/{since}/{until}"),
            Node("PublishedDate", format_instant(stretch.asked_us)),
            Node("StartTime", since),
            Node("EndTime", until),
            _scope(stretch.site_id, "Site"),
            Node("WorkType", "Production"),
            Node("WorkScheduleID", ""),
            *[_response(name, order, of, work_centers) for (order, name), of in responses.items()],
        ],
    )


def _response(name: str, order: str | None, visits: Sequence[Visit], work_centers: Mapping[str, str]) -> Node:
    return Node(
        "WorkResponse",
        [
            Node("ID", name),
            Node("StartTime", format_instant(min(visit["arrived_us"] for visit in visits))),
            Node("EndTime", format_instant(max(visit["departed_us"] for visit in visits))),
            *([] if order is None else [Node("WorkRequestID", order)]),
            *[Node("JobResponse", list(_job(visit, work_centers))) for visit in visits],
        ],
    )


def _job(visit: Visit, work_centers: Mapping[str, str]) -> Iterator[Node]:
    operation = visit["operation_id"]
    yield Node("ID", visit["visit_id"])
    yield Node("StartTime", format_instant(visit["arrived_us"]))
    yield Node("EndTime", format_instant(visit["departed_us"]))
    if operation in work_centers:
        yield _scope(work_centers[operation], "WorkCenter")
    yield Node("WorkMasterID", operation)
    yield Node("JobState", "Aborted" if visit["outcome"] == "scrapped" else "Completed")
    for name, column in _TIMES:
        if visit[column] is not None:
            yield _data(name, duration(visit[column]), "duration")
    yield _data("Outcome", visit["outcome"], "string")
    if visit["flags"]:
        yield _data("Flags", " ".join(visit["flags"]), "string")
    if visit["work_unit_id"] is not None:
        machine = visit["work_unit_id"]
        yield Node("EquipmentActual", [Node("ID", machine), Node("EquipmentID", machine)])
    yield Node("MaterialActual", list(_material(visit)))


def _material(visit: Visit) -> Iterator[Node]:
    yield Node("ID", visit["unit_id"])
    if visit["product_id"] is not None:
        yield Node("MaterialDefinitionID", visit["product_id"])
    yield Node("MaterialLotID", visit["unit_id"])
    yield Node("MaterialUse", "Produced")
    yield Node("Quantity", [Node("QuantityString", format(visit["quantity"], "f")), Node("DataType", "decimal")])


def _scope(equipment: str, level: str) -> Node:
    return Node("HierarchyScope", [Node("EquipmentID", equipment), Node("EquipmentLevel", level)])


def _data(name: str, value: str, kind: str) -> Node:
    return Node(
        "JobResponseData",
        [Node("ID", name), Node("Value", [Node("ValueString", value), Node("DataType", kind)])],
    )


def duration(us: int) -> str:
    """µs as xsd:duration in seconds: PT90S, PT0.25S."""
    seconds, rest = divmod(abs(us), 1_000_000)
    point = f".{rest:06d}".rstrip("0") if rest else ""
    return f"{'-' if us < 0 else ''}PT{seconds}{point}S"
