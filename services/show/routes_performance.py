"""WorkPerformance of B2MML: what became of orders, for the systems that gave them."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response

from services.adapters.api_description import XML, text
from services.adapters.b2mml_xml import write_xml
from services.adapters.performance_read import LOOKED_AT, Asked, Ended, Place
from services.adapters.problems import BAD_REQUEST, INVALID, NO_DATABASE, NOT_FOUND, Problem
from services.adapters.show_read import DatabaseRows
from services.core.instant import format_instant, parse_instant
from services.core.work_performance import Stretch, work_performance
from services.ports import Clock
from services.show.answers import read_rows
from services.show.handler import Board
from services.show.routes import cleaned_id

DAY_US = 86_400_000_000
MOST_VISITS = 1_000
ADDRESS = "/v1/b2mml/work-performance"
ORDER = f"only visits of units of this order; the first {LOOKED_AT:,} that ended in the stretch are looked at for them"


def performance_router(board: Board, rows: DatabaseRows | None, clock: Clock) -> APIRouter:
    """Without a database every answer is 503."""
    router = APIRouter(tags=["b2mml"])

    @router.get(ADDRESS, **text(XML, NOT_FOUND, BAD_REQUEST, INVALID, NO_DATABASE))
    async def performance(
        since: Annotated[str | None, Query(alias="from", description="RFC 3339; left out: a day before `to`")] = None,
        until: Annotated[str | None, Query(alias="to", description="until before it; left out: now")] = None,
        order: Annotated[str | None, Query(description=ORDER)] = None,
        operation: Annotated[str | None, Query(description="only visits at this operation")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_VISITS)] = MOST_VISITS,
        after: Annotated[str | None, Query(description="of the Link of the page before")] = None,
    ) -> Response:
        """Visits that ended in a stretch of time as B2MML WorkPerformance, one WorkResponse for each order. A page has
        `limit` visits; the header Link with rel="next" leads on, where there are more."""
        now = clock.now_us()
        until_us = now if until is None else _instant("to", until)
        since_us = until_us - DAY_US if since is None else _instant("from", since)
        asked = Asked(since_us, until_us, _id("operation", operation), _id("order", order))
        begin = _place(after)
        found = await read_rows(rows, lambda source: source.performance.ended(asked, limit, begin))
        if not found.visits:
            raise _none(asked, found)
        stretch = Stretch(_site(board), since_us, until_us, now)
        centers = {} if board.model is None else board.model.work_center_of
        document = write_xml(work_performance(stretch, found.visits, found.orders, centers))
        return Response(document, headers=_headers(asked, limit, found), media_type=XML)

    return router


def _site(board: Board) -> str:
    return "site" if board.model is None else str(board.model.document["site"]["id"])


def _instant(name: str, value: str) -> int:
    try:
        return parse_instant(value)
    except ValueError as bad:
        raise Problem(INVALID, f"{name}: {bad}", f"{name}：应为带时区偏移的 RFC 3339 时间") from None


def _id(name: str, value: str | None) -> str | None:
    return None if value is None else cleaned_id(value, name)


def _none(asked: Asked, found: Ended) -> Problem:
    since, until = format_instant(asked.since_us), format_instant(asked.until_us)
    if found.after is not None:
        return Problem(
            INVALID,
            f"none of the first visits from {since} is of this order: ask for a shorter stretch, or for an operation",
            f"自 {since} 起的前若干次停留均不属于该工单：请缩短时间段或指定工序",
        )
    return Problem(
        NOT_FOUND,
        f"no such visit ended from {since} until {until}: see `from`, `to`, `order` and `operation`",
        f"{since} 至 {until} 之间没有符合条件的停留结束：请检查 from、to、order 与 operation",
    )


def _headers(asked: Asked, limit: int, found: Ended) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if found.after is not None:
        departed_us, unit_id, visit_seq = found.after
        given = {"order": asked.order_id, "operation": asked.operation_id}
        query = {
            "from": format_instant(asked.since_us), "to": format_instant(asked.until_us), "limit": limit,
            "after": f"{departed_us}.{visit_seq}.{unit_id}", **{key: each for key, each in given.items() if each},
        }  # fmt: skip
        headers["Link"] = f'<{ADDRESS}?{urlencode(query)}>; rel="next"'
    return headers


def _place(after: str | None) -> Place | None:
    if after is None:
        return None
    departed, _, rest = after.partition(".")
    seq, _, unit_id = rest.partition(".")
    if not (_is_number(departed, 18) and _is_number(seq, 9)):
        raise Problem(BAD_REQUEST, "`after` is not of this question: begin without", "after 与本查询不符，请从头开始")
    return Place(int(departed), cleaned_id(unit_id, "after"), int(seq))


def _is_number(value: str, longest: int) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= longest
