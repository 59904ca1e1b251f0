"""Schedules in B2MML: `POST /v1/b2mml` with an XML document; every request in it is an order with its verdict."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from schemas.answers import ScheduleVerdicts
from schemas.message import Malformed
from services.adapters.api_description import SOURCE, XML, described
from services.adapters.b2mml_xml import BadXml, read_xml
from services.adapters.problems import B2MML, INVALID, NONE_ACCEPTED, TOO_LARGE, Problem, language
from services.adapters.request_body import read_body
from services.core.b2mml import NAMESPACE, Unfit
from services.core.b2mml_orders import Draft, Note, ReadTime, Schedule, draft_of, schedule_of
from services.core.instant import SourceClock, format_instant
from services.core.orders import CANCELLED, Wanted
from services.ingest.deps import Deps, measured, source
from services.ingest.orders import Written, checked, write
from services.ingest.routes_orders import WRITTEN, answered, verdict

MOST_BYTES = 2 * 1024 * 1024
MOST_REQUESTS = 1_000

EXAMPLE = f"""<?xml version="1.0" encoding="UTF-8"?>
<OperationsSchedule xmlns="{NAMESPACE}">
  <ID>WEEK-48</ID>
  <OperationsRequest>
    <ID>MY-ORDER-3</ID>
    <StartTime>2026-11-24T08:00:00+08:00</StartTime>
    <EndTime>2026-11-25T20:00:00+08:00</EndTime>
    <Priority>5</Priority>
    <SegmentRequirement>
      <ID>10</ID>
      <ProcessSegmentID>PRINT</ProcessSegmentID>
      <OperationsDefinitionID>BOARD-A</OperationsDefinitionID>
      <OperationsSegmentID>PRINT</OperationsSegmentID>
      <MaterialRequirement>
        <ID>1</ID>
        <MaterialDefinitionID>BOARD-A</MaterialDefinitionID>
        <MaterialUse>Produced</MaterialUse>
        <Quantity><QuantityString>500</QuantityString><DataType>decimal</DataType></Quantity>
      </MaterialRequirement>
    </SegmentRequirement>
  </OperationsRequest>
</OperationsSchedule>
"""
"""Valid by the schemas of V0700."""
_SCHEMA = {"type": "string", "description": "B2MML V0700: OperationsSchedule, WorkSchedule, or a message of them"}
BODY = {XML: {"schema": _SCHEMA, "example": EXAMPLE}}

Judged = tuple[Draft | None, Wanted | Problem]


def router(deps: Deps) -> APIRouter:
    """The route by which schedules come in."""
    routes = APIRouter(route_class=measured(deps.metrics))

    @routes.post(
        "/v1/b2mml",
        **described({200: ScheduleVerdicts}, B2MML, NONE_ACCEPTED, *WRITTEN, body=BODY, keyed=True, headers=[SOURCE]),
    )
    async def schedule(request: Request, validate: bool = False) -> Response:
        """A schedule of B2MML: every request in it is an order with its verdict. `validate` judges without writing."""
        author = source(deps, request)
        body = await read_body(request, MOST_BYTES)
        # In a thread: a full document takes longer than other requests may wait.
        found, judged = await asyncio.to_thread(_judged, body, _read_time(deps, author))
        wanted = [each for _, each in judged if isinstance(each, Wanted)]
        written = iter(await write(deps, wanted, author, only_judge=validate))
        tongue = language(request)
        results = []
        for index, (draft, each) in enumerate(judged):
            became = Written(None, problem=each) if isinstance(each, Problem) else next(written)
            said = verdict(index, became, tongue)
            results.append({**said, **_of_draft(found, index, draft, tongue)})
        return answered(results, tongue, version=found.version, notes=_words(found.notes, tongue))

    return routes


def _read_time(deps: Deps, author: str) -> ReadTime:
    """xsd:dateTime as this source writes it: with an offset, or in the zone that the plant model says."""
    model = deps.publisher.in_force
    declared = (model.sources.get(author) if model else None) or {}
    clock = SourceClock(declared.get("time_zone"), "rfc3339")
    return lambda text: format_instant(clock.parse(text))


def _judged(body: bytes, read_time: ReadTime) -> tuple[Schedule, list[Judged]]:
    """The schedule, and each request as an order or why it is none. Raises Problem where it is no schedule."""
    try:
        found = schedule_of(read_xml(body))
    except BadXml as bad:
        raise Problem(B2MML, bad.en, bad.zh) from None
    except Unfit as unfit:
        raise Problem(B2MML, unfit.en, unfit.zh, path=unfit.path, line=unfit.line) from None
    if len(found.requests) > MOST_REQUESTS:
        raise Problem(
            TOO_LARGE,
            f"{len(found.requests)} requests; a schedule may have {MOST_REQUESTS}: send it in parts",
            f"共 {len(found.requests)} 个请求；一份计划最多 {MOST_REQUESTS} 个：请分批发送",
            limit_items=MOST_REQUESTS,
        )
    return found, [_order(request, found.verb, read_time) for request in found.requests]


def _order(request: Any, verb: str, read_time: ReadTime) -> Judged:
    draft = None
    try:
        draft = draft_of(request, verb, read_time)
        fields = {**draft.fields, **({"change": CANCELLED} if draft.cancelled else {})}
        return draft, checked(fields, partly=draft.gaps_known)
    except Unfit as unfit:
        return draft, Problem(INVALID, unfit.en, unfit.zh, path=unfit.path, line=unfit.line)
    except Malformed as bad:
        assert draft is not None
        at = draft.said.get(bad.en.partition(":")[0], draft.at)
        return draft, Problem(
            INVALID,
            f"{at.path} (line {at.line}): {bad.en}",
            f"{at.path}（第 {at.line} 行）：{bad.zh}",
            path=at.path,
            line=at.line,
        )


def _of_draft(found: Schedule, index: int, draft: Draft | None, tongue: str) -> dict[str, Any]:
    """Where the order stands in the document, its id also where it was refused, and what is not kept of it."""
    at = found.requests[index]
    order_id = at.value("ID")
    said: dict[str, Any] = {"path": at.path, "line": at.line, "notes": _words(draft.notes if draft else (), tongue)}
    return said if order_id is None else {**said, "order_id": order_id.text.strip()[:256]}


def _words(notes: tuple[Note, ...], tongue: str) -> list[str]:
    return [note.zh if tongue == "zh" else note.en for note in notes]
