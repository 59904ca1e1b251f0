"""Production orders: each revision into floor.master; the highest one holds.

PUT /v1/orders/ID      one order; the same again changes nothing
POST /v1/orders        several: a list, or one a line, each with its verdict
DELETE /v1/orders/ID   it is cancelled; what is in the log stays
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response

from schemas.answers import Orders, OrderSent, OrderVerdicts
from schemas.master import Order
from schemas.message import Malformed, read_json
from schemas.text import clean
from services.adapters.api_description import JSON, SOURCE, described, one_or_more, schema_of
from services.adapters.problems import (
    BAD_REQUEST,
    BROKER_AWAY,
    BUSY,
    CONFLICT,
    INVALID,
    NONE_ACCEPTED,
    NOT_FOUND,
    NOT_READY,
    Problem,
    language,
    retry_after,
)
from services.adapters.request_body import read_body
from services.core.orders import ANY_REVISION, CANCELLED, Wanted
from services.ingest.body import read_items
from services.ingest.deps import Deps, measured, source
from services.ingest.orders import Written, checked, invalid, write

MOST_ROWS = 1000
LONGEST_REVISION = 18
"""Digits: some senders count their revisions by the clock."""
ADDRESS = "/v1/orders/{order_id:path}"
"""Order numbers have slashes, as WH/MO/00012."""
EXAMPLE = {"product_id": "BOARD-A", "quantity": 500, "sequence": 3}
_BODY = {JSON: {"schema": schema_of(OrderSent), "example": EXAMPLE}}
WRITTEN = (INVALID, BROKER_AWAY, BUSY)
IF_MATCH = {
    "name": "If-Match", "in": "header", "required": False,
    "description": "the revision this one was made from (`*`: whichever there is): if another holds now, 409",
    "schema": {"type": "string", "example": '"3"'},
}  # fmt: skip
IF_NONE_MATCH = {
    "name": "If-None-Match", "in": "header", "required": False,
    "description": "`*`: only where there is no such order yet, else 409",
    "schema": {"type": "string", "enum": ["*"]},
}  # fmt: skip


def router(deps: Deps) -> APIRouter:
    """The routes of orders."""
    routes = APIRouter(route_class=measured(deps.metrics))

    @routes.put(
        ADDRESS,
        **described(
            {200: Order, 201: Order}, *WRITTEN, CONFLICT, body=_BODY, keyed=True,
            headers=[SOURCE, IF_MATCH, IF_NONE_MATCH],
        ),
    )  # fmt: skip
    async def put_order(request: Request, order_id: str) -> Response:
        """A revision of an order: 201 where it is new. The same again changes nothing."""
        author = source(deps, request)
        wanted = _checked(await read_body(request), clean(order_id), _expected(request))
        return _told((await write(deps, [wanted], author))[0])

    @routes.delete(
        ADDRESS,
        **described({200: Order}, *WRITTEN, BAD_REQUEST, NOT_FOUND, CONFLICT, keyed=True, headers=[SOURCE, IF_MATCH]),
    )
    async def cancel_order(request: Request, order_id: str) -> Response:
        """The order is cancelled: a revision that says so. Cancelled already, it stays as it is."""
        author = source(deps, request)
        wanted = Wanted({"order_id": clean(order_id), "change": CANCELLED}, _expected(request), partly=True)
        return _told((await write(deps, [wanted], author))[0])

    @routes.post(
        "/v1/orders",
        **described(
            {200: OrderVerdicts}, NONE_ACCEPTED, *WRITTEN, keyed=True, headers=[SOURCE],
            body=one_or_more(OrderSent, {"order_id": "MY-ORDER-2", **EXAMPLE}),
        ),
    )  # fmt: skip
    async def several(request: Request, validate: bool = False) -> Response:
        """Orders, a verdict for each, given when they are in the log. `validate` judges without writing."""
        author = source(deps, request)
        return await _several(deps, request, await read_items(request), author, validate)

    @routes.get(ADDRESS, **described({200: Order}, NOT_FOUND, NOT_READY))
    async def order(order_id: str) -> Response:
        """An order: its highest revision."""
        _require_all_read(deps)
        known = deps.master.orders.get(clean(order_id))
        if known is None:
            raise Problem(NOT_FOUND, f"there is no order {order_id!r}", f"没有订单 {order_id!r}")
        return _answer(known)

    @routes.get("/v1/orders", **described({200: Orders}, INVALID, NOT_READY))
    async def orders(after: str = "", limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = MOST_ROWS) -> Response:
        """Orders by order_id, a page at a time: `after` of the answer is that of the next question."""
        _require_all_read(deps)
        ids = [each for each in sorted(deps.master.orders) if each > after]
        more = ids[limit - 1] if len(ids) > limit else None
        return _answer({"orders": [deps.master.orders[each] for each in ids[:limit]], "after": more})

    return routes


def _answer(body: Mapping[str, Any], status: int = 200) -> Response:
    headers = {"ETag": f'"{body["revision"]}"'} if "revision" in body else {}
    return Response(msgspec.json.encode(body), status, headers, "application/json")


def _require_all_read(deps: Deps) -> None:
    """Raises Problem while orders are still being read: none may be missing from an answer."""
    if not deps.master.complete:
        raise retry_after(NOT_READY, "orders are still being read from the log", "正在从日志读取订单", 2)


def _told(written: Written) -> Response:
    if written.problem is not None:
        raise written.problem
    assert written.order is not None
    return _answer(written.order, 201 if written.is_new else 200)


def _expected(request: Request) -> int | None:
    """The revision that a change was made from (If-Match); `If-None-Match: *` is for a new order. Raises Problem."""
    none, text = request.headers.get("if-none-match"), request.headers.get("if-match")
    if none is not None:
        if none.strip() == "*":
            return 0
        raise Problem(BAD_REQUEST, "If-None-Match: expected *, or nothing", "If-None-Match 应为 *，或省略")
    if text is None:
        return None
    if text.strip() == "*":
        return ANY_REVISION
    digits = text.strip().removeprefix("W/").strip('"')
    if not (digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_REVISION):
        raise Problem(
            BAD_REQUEST,
            'If-Match: expected the revision you started from, such as "3"',
            'If-Match 应为所依据的版本，例如 "3"',
        )
    return int(digits)


def _checked(body: bytes, order_id: str, expected: int | None) -> Wanted:
    """The order of a request. Raises Problem."""
    try:
        value = read_json(body)
        if value.setdefault("order_id", order_id) != order_id:
            raise Malformed("order_id: expected the one of the address, or none", "order_id：应与地址一致或省略")
        return checked(value, expected)
    except Malformed as bad:
        raise invalid(bad) from None


async def _several(deps: Deps, request: Request, items: Sequence[bytes], author: str, validate: bool) -> Response:
    judged: list[Wanted | Problem] = []
    for item in items:
        try:
            judged.append(checked(read_json(item)))
        except Malformed as bad:
            judged.append(invalid(bad))
    written = iter(
        await write(deps, [each for each in judged if isinstance(each, Wanted)], author, only_judge=validate)
    )
    results = [
        verdict(index, Written(None, problem=each) if isinstance(each, Problem) else next(written), language(request))
        for index, each in enumerate(judged)
    ]
    return answered(results, language(request))


def verdict(index: int, written: Written, tongue: str) -> dict[str, Any]:
    """What became of one order, as it is answered."""
    problem, order = written.problem, written.order
    return {
        "index": index,
        "order_id": None if order is None else order["order_id"],
        "status": "refused" if problem else "accepted",
        "changed": written.changed,
        "revision": None if order is None else order["revision"],
        "reason": None if problem is None else ("malformed" if problem.kind is INVALID else problem.kind.code),
        "detail": None if problem is None else (problem.zh if tongue == "zh" else problem.en),
    }


def answered(results: list[dict[str, Any]], tongue: str, **more: Any) -> Response:
    """The verdicts of a request. Raises Problem where no item was accepted."""
    accepted = sum(each["status"] == "accepted" for each in results)
    body = {**more, "accepted": accepted, "rejected": len(results) - accepted, "results": results}
    if not accepted:
        raise Problem(NONE_ACCEPTED, "see `results` for each item", "各项原因见 results", **body)
    headers = {"Content-Language": tongue, "Vary": "Accept-Language"}
    return Response(msgspec.json.encode(body), 200, headers, "application/json")
