"""EPCIS 2.0 capture (https://ref.gs1.org/standards/epcis/, REST bindings): documents as jobs, and single events.

    POST /v1/epcis/capture ─► document read ─► every event as a scan would be ─► broker ─► 202 and the finished job

A job is finished when it is answered: what was to be done is in the log, or nothing is. It is kept in memory for those
who ask again; after a restart the ids in it still find every event (`GET /v1/events/EVENT_ID`).
"""

import asyncio
from collections import OrderedDict
from typing import Any
from uuid import uuid4

import msgspec
from fastapi import APIRouter, Request, Response

from schemas.answers import CaptureJob, Verdicts
from services.adapters import ingest_wire
from services.adapters.api_description import JSON, SOURCE, described
from services.adapters.api_pace import TOO_MANY
from services.adapters.epcis_wire import BadDocument, InvalidEvent, read_document
from services.adapters.problems import (
    BAD_REQUEST,
    EPCIS,
    INVALID,
    NONE_ACCEPTED,
    NOT_FOUND,
    TOO_LARGE,
    TYPE_PREFIX,
    Problem,
    language,
)
from services.adapters.request_body import read_body
from services.core.epcis_kinds import Fault
from services.core.epcis_names import CONTEXT
from services.core.instant import format_instant
from services.ingest.deps import Deps, measured, source
from services.ingest.handler import Entrance, Kind, Taken, Verdict, take
from services.ingest.routes_events import LOG_PROBLEMS, count, in_force, result, send, taken_items
from services.topology import REJECTS

MOST_BYTES = 2 * 1024 * 1024
MOST_EVENTS = 1_000
MOST_JOBS = 500
MOST_ERRORS = 50
"""Of a job; `rejected` counts all."""
AT_ONCE = 4_000
"""Records sent before the next are: a document may become more than the broker's queue holds."""
BEHAVIOUR = "GS1-EPCIS-Capture-Error-Behaviour"
HEADERS = {
    "GS1-EPCIS-Version": "2.0.0",
    "GS1-CBV-Version": "2.0.0",
    "GS1-EPCIS-Min": "2.0.0",
    "GS1-EPCIS-Max": "2.0.0",
    "GS1-EPCIS-Capture-Limit": str(MOST_EVENTS),
    "GS1-EPCIS-Capture-File-Size-Limit": str(MOST_BYTES),
}

Job = dict[str, Any]
EXAMPLE = {
    "type": "ObjectEvent", "action": "OBSERVE", "eventTime": "2026-11-23T14:00:00+08:00",
    "eventTimeZoneOffset": "+08:00", "epcList": ["urn:epc:id:sgtin:4012345.011111.MY-3"],
    "readPoint": {"id": "urn:floorstream:read_point:L1.PRINT-IN"},
}  # fmt: skip
DOCUMENT = {
    "@context": [CONTEXT], "type": "EPCISDocument", "schemaVersion": "2.0",
    "creationDate": "2026-11-23T14:00:00+08:00", "epcisBody": {"eventList": [EXAMPLE]},
}  # fmt: skip
ALONE = {"@context": [CONTEXT], **EXAMPLE}
WORDED = {"type": "object", "description": "EPCIS 2.0 (JSON, JSON-LD): https://ref.gs1.org/standards/epcis/"}
WHOLE = {**WORDED, "required": ["@context", "type", "schemaVersion", "creationDate", "epcisBody"]}
SINGLE = {**WORDED, "required": ["@context", "type", "eventTime", "eventTimeZoneOffset"]}
DOCUMENTS = {kind: {"schema": WHOLE, "example": DOCUMENT} for kind in (JSON, "application/ld+json")}
ON_ERROR = {
    "name": BEHAVIOUR, "in": "header", "required": False, "description": "all or nothing, or what can be taken",
    "schema": {"type": "string", "enum": ["rollback", "proceed"], "default": "rollback"},
}  # fmt: skip


def router(deps: Deps) -> APIRouter:
    """The routes by which EPCIS events come in."""
    routes = APIRouter(route_class=measured(deps.metrics))
    jobs: OrderedDict[str, Job] = OrderedDict()

    @routes.post(
        "/v1/epcis/capture",
        status_code=202,
        **described({202: CaptureJob}, EPCIS, *LOG_PROBLEMS, body=DOCUMENTS, keyed=True, headers=[SOURCE, ON_ERROR]),
    )
    async def capture(request: Request) -> Response:
        """A document of EPCIS events; the job is finished when it is answered."""
        job = await _capture(deps, request)
        jobs[job["captureID"]] = {key: value for key, value in job.items() if key != "results"}
        while len(jobs) > MOST_JOBS:
            jobs.popitem(last=False)
        return _answer(job, request, 202, {"Location": f"/v1/epcis/capture/{job['captureID']}"})

    @routes.get("/v1/epcis/capture/{capture_id}", **described({200: CaptureJob}, NOT_FOUND, keyed=True))
    async def capture_job(request: Request, capture_id: str) -> Response:
        """A capture job of this process. After a restart its events are found by their ids."""
        source(deps, request)
        if capture_id not in jobs:
            raise Problem(
                NOT_FOUND,
                f"no capture job {capture_id!r} in this process; ask for its events by their ids",
                f"本进程中没有采集任务 {capture_id!r}；请按事件 ID 查询各事件",
            )
        return _answer(jobs[capture_id], request, 200)

    @routes.options("/v1/epcis/capture", status_code=204)
    async def discovery() -> Response:
        """Versions and limits of EPCIS, in the headers."""
        return Response(status_code=204, headers={**HEADERS, "Allow": "OPTIONS, POST"})

    @routes.post(
        "/v1/epcis/events",
        status_code=202,
        **described(
            {202: Verdicts, 200: Verdicts}, NONE_ACCEPTED, INVALID, TOO_MANY, *LOG_PROBLEMS,
            body={JSON: {"schema": SINGLE, "example": ALONE}}, keyed=True, headers=[SOURCE],
        ),
    )  # fmt: skip
    async def single(request: Request, validate: bool = False) -> Response:
        """EPCIS events without a document around them: one, a list, or one per line."""
        return await taken_items(deps, request, Kind.EPCIS, validate)

    return routes


def _answer(job: Job, request: Request, status: int, headers: dict[str, str] | None = None) -> Response:
    tongue = language(request)
    body = {**job, "errors": [_told(error, tongue) for error in job["errors"]]}
    if "results" in job:
        body["results"] = [result(verdict, tongue) for verdict in job["results"]]
    said = {**HEADERS, "Content-Language": tongue, "Vary": "Accept-Language", **(headers or {})}
    return Response(msgspec.json.encode(body), status, said, "application/json")


async def _capture(deps: Deps, request: Request) -> Job:
    """What came of a document. Raises Problem where nothing of it was taken."""
    sender = source(deps, request)
    rollback = _rollback(request)
    items = await _items(await read_body(request, MOST_BYTES))
    began = deps.clock.now_us()
    entrance = Entrance(in_force(deps), sender, began, deps.partitions, deps.generation)
    # In a thread: a full document takes longer than other requests may wait.
    taken = await asyncio.to_thread(take, ingest_wire, Kind.EPCIS, items, entrance)
    refused = [verdict for verdict in taken.verdicts if verdict.refusal is not None]
    if rollback and refused:
        _refuse_invalid(refused)
        taken = _rolled_back(taken, refused)
    for start in range(0, len(taken.records), AT_ONCE):
        await send(deps, taken.records[start : start + AT_ONCE])
    count(deps, Kind.EPCIS, taken)
    return {
        "captureID": uuid4().hex,
        "createdAt": format_instant(began),
        "finishedAt": format_instant(deps.clock.now_us()),
        "running": False,
        "success": not refused,
        "captureErrorBehaviour": "rollback" if rollback else "proceed",
        "accepted": taken.accepted,
        "rejected": len(refused),
        "rolled_back": len(items) - taken.accepted - len(refused),
        "errors": refused[:MOST_ERRORS],
        "results": taken.verdicts,
    }


def _rollback(request: Request) -> bool:
    named = request.headers.get(BEHAVIOUR, "rollback").strip().lower()
    if named not in ("rollback", "proceed"):
        raise Problem(
            BAD_REQUEST, f"{BEHAVIOUR}: expected rollback or proceed", f"{BEHAVIOUR}：应为 rollback 或 proceed"
        )
    return named == "rollback"


async def _items(body: bytes) -> list[bytes]:
    try:
        items = await asyncio.to_thread(read_document, body)
    except BadDocument as bad:
        raise _invalid(bad.faults) from None
    if len(items) > MOST_EVENTS:
        raise Problem(
            TOO_LARGE,
            f"{len(items)} events; a capture may have {MOST_EVENTS}: send them in parts",
            f"共 {len(items)} 个事件；一次采集最多 {MOST_EVENTS} 个：请分批发送",
            limit_items=MOST_EVENTS,
        )
    return items


def _pointer(verdict: Verdict) -> str:
    return f"/epcisBody/eventList/{verdict.index}"


def _invalid(faults: list[Fault]) -> Problem:
    return Problem(
        EPCIS,
        "; ".join(f"{fault.pointer or '/'}: {fault.en}" for fault in faults),
        "；".join(f"{fault.pointer or '/'}：{fault.zh}" for fault in faults),
        errors=[fault._asdict() for fault in faults],
    )


def _refuse_invalid(refused: list[Verdict]) -> None:
    """Raises Problem where events break the standard: then no capture could take the document as a whole."""
    faults = [
        fault._replace(pointer=_pointer(verdict) + fault.pointer)
        for verdict in refused
        if isinstance(verdict.refusal, InvalidEvent)
        for fault in verdict.refusal.faults
    ]
    if faults:
        raise _invalid(faults[:MOST_ERRORS])


def _rolled_back(taken: Taken, refused: list[Verdict]) -> Taken:
    """All or nothing: of a capture with refused events only the refusals are kept."""
    return Taken([record for record in taken.records if record.topic == REJECTS.name], refused)


def _told(verdict: Verdict, tongue: str) -> dict[str, Any]:
    """An error of a job as RFC 9457 has it; `instance` points to the event in the document."""
    refusal = verdict.refusal
    assert refusal is not None
    return {
        "type": TYPE_PREFIX + EPCIS.code,
        "title": EPCIS.zh if tongue == "zh" else EPCIS.en,
        "status": EPCIS.status,
        "detail": refusal.zh if tongue == "zh" else refusal.en,
        "reason": str(refusal.reason),
        "instance": _pointer(verdict),
    }
