"""Scans, machine events, splits and merges: a verdict for every item, given when the broker has them all."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from schemas.answers import MachineEvents, Verdicts
from schemas.event import SubmittedEvent, Transform
from schemas.machine import MachineEvent
from services.adapters import ingest_wire
from services.adapters.api_description import SOURCE, described, one_or_more
from services.adapters.api_pace import TOO_MANY
from services.adapters.plant_publish import TablesAway
from services.adapters.problems import (
    BROKER_AWAY,
    BUSY,
    INVALID,
    NO_DATABASE,
    NONE_ACCEPTED,
    NOT_READY,
    Problem,
    language,
    retry_after,
)
from services.core.equipment import PlantModel
from services.core.instant import parse_instant
from services.ingest.body import read_items
from services.ingest.deps import Deps, measured
from services.ingest.handler import Entrance, Kind, Taken, Verdict, take
from services.ports import BrokerAway, Outgoing, TooManyPending

MOST_ROWS = 1000
AT = "2026-11-23T14:00:00+08:00"
TAKEN = {202: Verdicts, 200: Verdicts}
LOG_PROBLEMS = (NOT_READY, BROKER_AWAY, BUSY)
SCAN = {"event_id": "gate-7-000123", "unit_id": "MY-1", "read_point_id": "L1.PRINT-IN", "event_time": AT}
MACHINE = {"event_id": "plc-7-000123", "work_unit_id": "L1-PRINT", "event_time": AT, "state": "execute"}
SPLIT = {
    "event_id": "split-000123", "event_time": AT, "operation_id": "L1-OP10",
    "parents": [{"unit_id": "MY-1", "quantity": 2}],
    "children": [{"unit_id": "MY-1-A", "quantity": 1}, {"unit_id": "MY-1-B", "quantity": 1}],
}  # fmt: skip


def router(deps: Deps) -> APIRouter:
    """The routes by which events come in."""
    routes = APIRouter(route_class=measured(deps.metrics))

    @routes.post("/v1/scans", status_code=202, **_items(SubmittedEvent, SCAN))
    async def scans(request: Request, validate: bool = False) -> Response:
        """Scans: a verdict for each, given when the broker has them all. `validate` judges without writing (200)."""
        return await taken_items(deps, request, Kind.SCAN, validate)

    @routes.post("/v1/machine-events", status_code=202, **_items(MachineEvent, MACHINE))
    async def machine_events(request: Request, validate: bool = False) -> Response:
        """States and part counters of machines; otherwise as scans."""
        return await taken_items(deps, request, Kind.MACHINE, validate)

    @routes.post("/v1/transforms", status_code=202, **_items(Transform, SPLIT))
    async def transforms(request: Request, validate: bool = False) -> Response:
        """Splits and merges of units; otherwise as scans."""
        return await taken_items(deps, request, Kind.TRANSFORM, validate)

    @routes.get("/v1/machine-events", **described({200: MachineEvents}, INVALID, NO_DATABASE))
    async def stored_machine_events(
        work_unit_id: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    ) -> Response:
        """Stored machine events, newest first. `since` is included, `until` not: RFC 3339 with offset."""
        return await _stored_machine_events(deps, work_unit_id, since, until, limit)

    return routes


def _items(model: type[BaseModel], example: Mapping[str, Any]) -> dict[str, Any]:
    """What a route of items says of itself."""
    return described(
        TAKEN,
        NONE_ACCEPTED,
        INVALID,
        TOO_MANY,
        *LOG_PROBLEMS,
        body=one_or_more(model, example),
        keyed=True,
        headers=[SOURCE],
    )


async def taken_items(deps: Deps, request: Request, kind: Kind, validate: bool) -> Response:
    """Decide the items of a request and answer with their verdicts. Raises Problem."""
    sender = deps.access.sender(request)
    validate = validate or sender.sandbox
    items = await read_items(request)
    entrance = Entrance(in_force(deps), sender.source, deps.clock.now_us(), deps.partitions, deps.generation)
    taken = take(ingest_wire, kind, items, entrance)
    if not validate:
        await send(deps, taken.records)
        count(deps, kind, taken)
    return _answer(taken, language(request), validate, sender.sandbox)


def in_force(deps: Deps) -> PlantModel:
    """The plant model by which events are judged. Raises Problem while there is none."""
    model = deps.publisher.in_force
    if model is None:
        raise retry_after(
            NOT_READY,
            "no plant model is in force yet: send one with PUT /v1/plant, or wait until the log has been read",
            "尚无生效的工厂模型：请用 PUT /v1/plant 发布，或等待日志读取完成",
            2,
        )
    return model


async def send(deps: Deps, records: list[Outgoing]) -> list[int]:
    """Into the log, all acknowledged; their offsets. Raises Problem."""
    try:
        return await deps.outbox.send(records)
    except BrokerAway:
        raise retry_after(
            BROKER_AWAY,
            "nothing may be promised without it: send the same again later (repeats with the same event_id are known)",
            "在其恢复前无法确认接收：请稍后原样重发（相同 event_id 的重复会被识别）",
            5,
        ) from None
    except TooManyPending:
        raise retry_after(
            BUSY, "send the same again in a moment, and fewer at a time", "请稍后原样重发，并减少并发", 1
        ) from None


def count(deps: Deps, kind: Kind, taken: Taken) -> None:
    """Into the metrics."""
    reasons = Counter("" if verdict.refusal is None else str(verdict.refusal.reason) for verdict in taken.verdicts)
    for reason, number in reasons.items():
        deps.metrics.ingest_items.labels(str(kind), reason).inc(number)


def _answer(taken: Taken, tongue: str, validate: bool, sandbox: bool) -> Response:
    body: dict[str, Any] = {
        "accepted": taken.accepted,
        "rejected": taken.rejected,
        "results": [result(verdict, tongue) for verdict in taken.verdicts],
    }
    if sandbox:
        body["sandbox"] = True
    if not taken.accepted:
        raise Problem(NONE_ACCEPTED, "see `results` for each item", "各项原因见 results", **body)
    headers = {"Content-Language": tongue, "Vary": "Accept-Language"}
    return Response(msgspec.json.encode(body), 200 if validate else 202, headers, "application/json")


def result(verdict: Verdict, tongue: str) -> dict[str, Any]:
    """A verdict as it is answered."""
    refusal = verdict.refusal
    body: dict[str, Any] = {
        "index": verdict.index,
        "event_id": verdict.event_id,
        "status": "accepted" if refusal is None else "refused",
        "reason": None if refusal is None else str(refusal.reason),
        "detail": None if refusal is None else (refusal.zh if tongue == "zh" else refusal.en),
    }
    if verdict.parts:
        body["parts"] = verdict.parts
    return body


async def _stored_machine_events(
    deps: Deps, work_unit_id: str | None, since: str | None, until: str | None, limit: int
) -> Response:
    if deps.machines is None:
        raise Problem(
            NO_DATABASE,
            "this ingest has none: set FLOORSTREAM_DATABASE_URL",
            "未配置数据库：请设置 FLOORSTREAM_DATABASE_URL",
        )
    try:
        rows = await deps.machines.machine_events(work_unit_id, instant("since", since), instant("until", until), limit)
    except TablesAway:
        raise retry_after(NO_DATABASE, "it does not answer; ask again later", "数据库无响应，请稍后再试", 5) from None
    return Response(msgspec.json.encode({"machine_events": rows}), media_type="application/json")


def instant(field: str, text: str | None) -> int | None:
    """µs of a query parameter. Raises Problem."""
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError as bad:
        raise Problem(INVALID, f"{field}: {bad}", f"{field}：应为带时区偏移的 RFC 3339 时间") from None
