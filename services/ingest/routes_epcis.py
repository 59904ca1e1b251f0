"""EPCIS 2.0 capture (https://ref.gs1.org/standards/epcis/, REST bindings): documents as jobs, and single events.

    POST /v1/epcis/capture ─► document read ─► every event as a scan would be ─► broker ─► 202 and the finished job

A job is finished when it is answered: what was to be done is in the log, or nothing is. It is kept for 30 days for
those who ask again (adapters/capture_jobs.py); a source sees its own.
"""

import asyncio
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import uuid4

import msgspec
from fastapi import APIRouter, Query, Request, Response

from schemas.answers import CaptureJob, CaptureJobs, Verdicts
from services.adapters import ingest_wire
from services.adapters.api_description import JSON, SOURCE, described
from services.adapters.api_pace import TOO_MANY
from services.adapters.capture_jobs import KEPT_DAYS, CaptureError, place_of, token_of
from services.adapters.capture_jobs import CaptureJob as Job
from services.adapters.epcis_wire import BadDocument, InvalidEvent, TooManyEvents, read_document
from services.adapters.plant_publish import TablesAway
from services.adapters.problems import (
    BAD_REQUEST,
    EPCIS,
    INVALID,
    NO_DATABASE,
    NONE_ACCEPTED,
    NOT_FOUND,
    TOO_LARGE,
    TYPE_PREFIX,
    Problem,
    language,
    retry_after,
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
MOST_JOBS = 100
"""On one page."""
DAY_US = 86_400_000_000
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

    @routes.post(
        "/v1/epcis/capture",
        status_code=202,
        **described({202: CaptureJob}, EPCIS, *LOG_PROBLEMS, body=DOCUMENTS, keyed=True, headers=[SOURCE, ON_ERROR]),
    )
    async def capture(request: Request) -> Response:
        """A document of EPCIS events; the job is finished when it is answered."""
        job, verdicts = await _capture(deps, request)
        await deps.captures.add(job)
        tongue = language(request)
        body = {**_told(job, tongue), "results": [result(verdict, tongue) for verdict in verdicts]}
        return _answer(body, tongue, 202, {"Location": f"/v1/epcis/capture/{job.capture_id}"})

    @routes.get("/v1/epcis/capture", **described({200: CaptureJobs}, INVALID, NO_DATABASE, keyed=True))
    async def capture_jobs(
        request: Request,
        per_page: Annotated[int, Query(alias="perPage", ge=1, le=MOST_JOBS)] = 30,
        next_page_token: Annotated[str | None, Query(alias="nextPageToken")] = None,
    ) -> Response:
        """The capture jobs of the last 30 days, newest first: with keys those of the key's source."""
        return await _page(deps, request, per_page, next_page_token)

    @routes.get("/v1/epcis/capture/{capture_id}", **described({200: CaptureJob}, NOT_FOUND, NO_DATABASE, keyed=True))
    async def capture_job(request: Request, capture_id: str) -> Response:
        """A capture job of the last 30 days."""
        return await _one(deps, request, capture_id)

    @routes.options("/v1/epcis/capture", status_code=204)
    async def discovery() -> Response:
        """Versions and limits of EPCIS, in the headers."""
        return Response(status_code=204, headers={**HEADERS, "Allow": "GET, OPTIONS, POST"})

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


def _answer(body: Any, tongue: str, status: int, headers: dict[str, str] | None = None) -> Response:
    said = {**HEADERS, "Content-Language": tongue, "Vary": "Accept-Language", **(headers or {})}
    return Response(msgspec.json.encode(body), status, said, "application/json")


def _whose(deps: Deps, request: Request) -> str | None:
    """Whose jobs this request may see, None: all. Without keys a source is but a word, and only this machine asks."""
    named = source(deps, request)
    return None if deps.access.keys is None else named


async def _one(deps: Deps, request: Request, capture_id: str) -> Response:
    whose, job = _whose(deps, request), None
    try:
        job = await deps.captures.get(capture_id, whose) if "\0" not in capture_id else None
    except TablesAway:
        raise _away() from None
    if job is None:
        raise Problem(
            NOT_FOUND,
            f"no capture job {capture_id!r} of yours in the last {KEPT_DAYS} days; ask for its events by their ids",
            f"最近 {KEPT_DAYS} 天内没有您的采集任务 {capture_id!r}；请按事件 ID 查询各事件",
        )
    tongue = language(request)
    return _answer(_told(job, tongue), tongue, 200)


async def _page(deps: Deps, request: Request, most: int, token: str | None) -> Response:
    whose = _whose(deps, request)
    try:
        before = None if token is None else place_of(token)
        jobs = await deps.captures.page(whose, before, most + 1)
    except ValueError:
        raise Problem(
            INVALID,
            "nextPageToken: follow the header Link of the page before",
            "nextPageToken：请使用上一页 Link 响应头中的地址",
        ) from None
    except TablesAway:
        raise _away() from None
    headers = {}
    if len(jobs) > most:
        query = urlencode({"perPage": most, "nextPageToken": token_of(jobs[most - 1].place)})
        headers["Link"] = f'</v1/epcis/capture?{query}>; rel="next"'
        headers["GS1-Next-Page-Token-Expires"] = format_instant(jobs[most - 1].created + KEPT_DAYS * DAY_US)
    tongue = language(request)
    return _answer([_told(job, tongue) for job in jobs[:most]], tongue, 200, headers)


def _away() -> Problem:
    return retry_after(NO_DATABASE, "it does not answer; ask again later", "数据库无响应，请稍后再试", 5)


async def _capture(deps: Deps, request: Request) -> tuple[Job, list[Verdict]]:
    """What came of a document, and of its events. Raises Problem where nothing of it was taken."""
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
    job = Job(
        uuid4().hex, began, deps.clock.now_us(), sender, "rollback" if rollback else "proceed", taken.accepted,
        len(refused), len(items) - taken.accepted - len(refused), tuple(map(_error, refused[:MOST_ERRORS])),
    )  # fmt: skip
    return job, taken.verdicts


def _rollback(request: Request) -> bool:
    named = request.headers.get(BEHAVIOUR, "rollback").strip().lower()
    if named not in ("rollback", "proceed"):
        raise Problem(
            BAD_REQUEST, f"{BEHAVIOUR}: expected rollback or proceed", f"{BEHAVIOUR}：应为 rollback 或 proceed"
        )
    return named == "rollback"


async def _items(body: bytes) -> list[bytes]:
    try:
        return await asyncio.to_thread(read_document, body, MOST_EVENTS)
    except BadDocument as bad:
        raise _invalid(bad.faults) from None
    except TooManyEvents as many:
        raise Problem(
            TOO_LARGE,
            f"{many.events} events; a capture may have {MOST_EVENTS}: send them in parts",
            f"共 {many.events} 个事件；一次采集最多 {MOST_EVENTS} 个：请分批发送",
            limit_items=MOST_EVENTS,
        ) from None


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


def _error(verdict: Verdict) -> CaptureError:
    refusal = verdict.refusal
    assert refusal is not None
    return CaptureError(verdict.index, str(refusal.reason), refusal.en, refusal.zh)


def _told(job: Job, tongue: str) -> dict[str, Any]:
    """A job as it is answered, its errors as RFC 9457 has them; `instance` points to the event in the document."""
    return {
        "captureID": job.capture_id,
        "createdAt": format_instant(job.created),
        "finishedAt": format_instant(job.finished),
        "running": False,
        "success": not job.rejected,
        "captureErrorBehaviour": job.behaviour,
        "accepted": job.accepted,
        "rejected": job.rejected,
        "rolled_back": job.rolled_back,
        "errors": [
            {
                "type": TYPE_PREFIX + EPCIS.code,
                "title": EPCIS.zh if tongue == "zh" else EPCIS.en,
                "status": EPCIS.status,
                "detail": error.zh if tongue == "zh" else error.en,
                "reason": error.reason,
                "instance": f"/epcisBody/eventList/{error.index}",
            }
            for error in job.errors
        ],
    }
