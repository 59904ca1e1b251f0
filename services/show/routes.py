"""The read API over HTTP: operations from the board, units, visits and refused events from the database.

Every answer says `now_us`; rows also say `stored_up_to_us`, the newest recorded time in the database.
"""

import base64
import binascii
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from schemas.answers_show import Events, Operations, Rejects, UnitAndVisits, Visits, WorkUnits
from services.adapters.api_description import EVENTS, described, text
from services.adapters.fate_read import UnitTooLong
from services.adapters.problems import (
    BAD_REQUEST,
    INVALID,
    NO_DATABASE,
    NOT_FOUND,
    NOT_READY,
    Kind,
    Problem,
    retry_after,
)
from services.adapters.show_read import Asked, Cursor, DatabaseRows, Row
from services.core.errors import NotYet, Reason
from services.core.text import clean
from services.ports import Clock
from services.show.answers import FULL, as_json, read_rows, streamed
from services.show.handler import Board
from services.show.live import Live

TOO_LONG = Kind(422, "unit-too-long", "The unit has too many records", "该单元的记录过多")
MOST_VISITS = 1_000
MOST_REJECTS = 1_000


def operations_router(board: Board, live: Live, clock: Clock) -> APIRouter:
    """What needs no database."""
    router = APIRouter(prefix="/v1", tags=["operations"])

    @router.get("/operations", **described({200: Operations}))
    async def operations() -> Response:
        """Every operation of the plant model in its order, and the plant."""
        return as_json(board.operations(clock.now_us()))

    @router.get("/work-units", **described({200: WorkUnits}))
    async def work_units() -> Response:
        """Every work unit of the plant model in its order: what it is doing, its shifts, its parts."""
        return as_json(board.work_units(clock.now_us()))

    @router.get("/live", **text(EVENTS, FULL))
    async def stream() -> Response:
        """Server-sent events: `snapshot`, then `changed` at most every 250 ms, `heartbeat` every 5 s."""
        return streamed(live)

    return router


def rows_router(rows: DatabaseRows | None, clock: Clock) -> APIRouter:
    """What is read from the database; without one every answer is 503."""
    router = APIRouter(prefix="/v1", tags=["rows"])

    @router.get("/units/{unit_id:path}", **described({200: UnitAndVisits}, BAD_REQUEST, NOT_FOUND, NO_DATABASE))
    async def unit(unit_id: str) -> Response:
        """A unit and all its visits (the last 1,000)."""
        name = cleaned_id(unit_id, "unit_id")
        found = await read_rows(rows, lambda source: source.unit(name))
        if found is None:
            raise Problem(NOT_FOUND, f"no unit {name!r}", f"没有单元 {name!r}")
        asked = Asked(unit_id=name)
        visits, after = await read_rows(rows, lambda source: source.visits(asked, MOST_VISITS, None))
        return await _answer(rows, clock, {"unit": found, "visits": visits, "after": _sealed(after)})

    @router.get("/visits", **described({200: Visits}, BAD_REQUEST, INVALID, NO_DATABASE))
    async def visits(
        operation: str | None = None,
        open: bool | None = None,
        unit: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_VISITS)] = 100,
        after: str | None = None,
    ) -> Response:
        """A page of visits; `after` of one answer asks for the next page, null says that there is none."""
        asked = Asked(
            None if unit is None else cleaned_id(unit, "unit"),
            None if operation is None else cleaned_id(operation, "operation"),
            open,
        )
        begin = None if after is None else _opened(after)
        try:
            page, last = await read_rows(rows, lambda source: source.visits(asked, limit, begin))
        except ValueError:
            raise _bad_cursor() from None
        return await _answer(rows, clock, {"visits": page, "after": _sealed(last)})

    @router.get(
        "/events/{event_id:path}",
        **described({200: Events}, BAD_REQUEST, NOT_FOUND, INVALID, TOO_LONG, NOT_READY, NO_DATABASE),
    )
    async def event(event_id: str, unit_id: str | None = None) -> Response:
        """What became of an event, once for every unit that carries its id: absorbed or refused, and why."""
        name = cleaned_id(event_id, "event_id")
        unit = None if unit_id is None else cleaned_id(unit_id, "unit_id")
        try:
            found = await read_rows(rows, lambda source: source.events(name, unit))
        except UnitTooLong as long:
            raise Problem(TOO_LONG, f"{long}: use `floorstream fold`", "请改用 floorstream fold") from None
        except NotYet as early:
            raise retry_after(NOT_READY, str(early), "工厂模型尚未存储完毕，请稍后重试", 2) from None
        if not found:
            raise Problem(
                NOT_FOUND,
                f"no event {name!r} is stored; what was sent a moment ago may be on its way",
                f"未存储事件 {name!r}；刚发送的事件可能仍在途中",
            )
        return await _answer(rows, clock, {"events": found})

    @router.get("/rejects", **described({200: Rejects}, BAD_REQUEST, INVALID, NO_DATABASE))
    async def rejects(reason: str | None = None, limit: Annotated[int, Query(ge=1, le=MOST_REJECTS)] = 100) -> Response:
        """The newest refused events with their original bytes in base64, 8 MB of them at most, and how many there are
        by reason."""
        if reason is not None and reason not in set(Reason):
            known = ", ".join(Reason)
            raise Problem(BAD_REQUEST, f"reason is one of {known}", f"reason 须为以下之一：{known}")
        found, counts = await read_rows(rows, lambda source: source.rejects(reason, limit))
        return await _answer(rows, clock, {"counts": counts, "rejects": [_reject(row) for row in found]})

    return router


async def _answer(rows: DatabaseRows | None, clock: Clock, body: dict[str, Any]) -> Response:
    stored = await read_rows(rows, lambda source: source.stored_up_to_us())
    return as_json({"now_us": clock.now_us(), "stored_up_to_us": stored, **body})


def cleaned_id(text: str, name: str) -> str:
    """An id as the database has it."""
    try:
        cleaned = clean(text)
    except ValueError:
        raise Problem(BAD_REQUEST, f"{name} holds a control character", f"{name} 含有控制字符") from None
    if not cleaned:
        raise Problem(BAD_REQUEST, f"{name} is empty", f"{name} 为空")
    return cleaned


def _reject(row: Row) -> Row:
    named = {name: value for name, value in row.items() if name not in ("recorded", "key", "value")}
    raw: dict[str, bytes | None] = {"key": row["key"], "value": row["value"]}
    encoded = {name: None if raw[name] is None else base64.b64encode(raw[name] or b"").decode() for name in raw}
    return {**named, "recorded_us": row["recorded"], **encoded}


def _sealed(cursor: Cursor | None) -> str | None:
    """A cursor as clients carry it."""
    return None if cursor is None else base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode().rstrip("=")


def _opened(text: str) -> Cursor:
    try:
        page, at, unit_id, seq = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, TypeError):
        raise _bad_cursor() from None
    instant = at is None if page in ("unit", "all") else isinstance(at, int) and abs(at) < 1 << 62
    if not (instant and isinstance(seq, int) and abs(seq) < 1 << 31 and isinstance(unit_id, str)):
        raise _bad_cursor()
    return page, at, cleaned_id(unit_id, "after"), seq


def _bad_cursor() -> Problem:
    return Problem(BAD_REQUEST, "`after` is not of this question: begin without", "after 与本查询不符，请从头开始")
