"""How routes of show answer: JSON, rows of the database, a live stream."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg
from fastapi import Response

from services.adapters.problems import NO_DATABASE, Kind, Problem, retry_after
from services.adapters.timescale_retry import passes
from services.adapters.wire import encode
from services.show.live import Live, LiveResponse, TooManyClients

FULL = Kind(503, "too-many-clients", "The live stream has no room", "实时数据流已满")
Rows = TypeVar("Rows")
T = TypeVar("T")


def as_json(body: dict[str, Any], status: int = 200) -> Response:
    """A document that holds for this moment only."""
    return Response(encode(body), status, headers={"Cache-Control": "no-store"}, media_type="application/json")


def streamed(live: Live) -> Response:
    """A client of the stream. Raises Problem where it has no room."""
    try:
        return LiveResponse(live)
    except TooManyClients:
        raise retry_after(FULL, "close boards that nobody watches", "请关闭无人观看的看板", 10) from None


async def read_rows(rows: Rows | None, ask: Callable[[Rows], Awaitable[T]]) -> T:
    """The answer of the database. Raises Problem where there is none."""
    if rows is None:
        raise Problem(NO_DATABASE, "FLOORSTREAM_DATABASE_URL is not set", "未设置 FLOORSTREAM_DATABASE_URL")
    try:
        return await ask(rows)
    except asyncpg.UndefinedTableError:
        raise retry_after(NO_DATABASE, "run `floorstream migrate`", "请运行 floorstream migrate", 30) from None
    except Exception as error:
        if not passes(error):
            raise
        raise retry_after(NO_DATABASE, "live numbers go on; try again", "实时数字不受影响，请稍后重试", 5) from error
