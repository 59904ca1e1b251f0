"""Production orders: each revision into floor.master; the highest one holds."""

import asyncio
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from schemas.answers import Orders, OrderSent
from schemas.master import Order
from schemas.message import Malformed, read_json, validated
from schemas.text import clean
from services.adapters.api_description import JSON, SOURCE, described, schema_of
from services.adapters.plant_master import order_key
from services.adapters.problems import BROKER_AWAY, BUSY, CONFLICT, INVALID, NOT_FOUND, Problem, retry_after
from services.adapters.request_body import read_body
from services.core.instant import format_instant
from services.ingest.deps import Deps, measured, source
from services.ingest.handler import OrderConflict, next_order
from services.ingest.routes_events import send
from services.ports import Outgoing
from services.topology import MASTER

READ_BACK_SECONDS = 5.0
_PLACEHOLDER = {"revision": 1, "change": "new", "changed_by": "-", "changed": "2000-01-01T00:00:00Z"}
_BODY = {JSON: {"schema": schema_of(OrderSent), "example": {"product_id": "BOARD-A", "quantity": 500, "sequence": 3}}}


def router(deps: Deps) -> APIRouter:
    """The routes of orders."""
    routes = APIRouter(route_class=measured(deps.metrics))
    writing = asyncio.Lock()

    @routes.put(
        "/v1/orders/{order_id}",
        **described(
            {200: Order, 201: Order}, INVALID, CONFLICT, BROKER_AWAY, BUSY, body=_BODY, keyed=True, headers=[SOURCE]
        ),
    )
    async def put_order(request: Request, order_id: str) -> Response:
        """A revision of an order: 201 where it is new. The same again changes nothing."""
        author = source(deps, request)
        sent = _checked(await read_body(request), clean(order_id))
        async with writing:
            order, is_new = await _write(deps, sent, author)
        return _answer(order, 201 if is_new else 200)

    @routes.get("/v1/orders/{order_id}", **described({200: Order}, NOT_FOUND))
    async def order(order_id: str) -> Response:
        """An order: its highest revision."""
        known = deps.master.orders.get(clean(order_id))
        if known is None:
            raise Problem(NOT_FOUND, f"there is no order {order_id!r}", f"没有订单 {order_id!r}")
        return _answer(known)

    @routes.get("/v1/orders", **described({200: Orders}))
    async def orders() -> Response:
        """All orders."""
        return _answer({"orders": [deps.master.orders[key] for key in sorted(deps.master.orders)]})

    return routes


def _answer(body: dict[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _checked(body: bytes, order_id: str) -> dict[str, Any]:
    """The fields that were sent, as they are written. Raises Problem."""
    try:
        value = read_json(body)
        if value.setdefault("order_id", order_id) != order_id:
            raise Malformed("order_id: expected the one of the address, or none", "order_id：应与地址一致或省略")
        order = validated(Order, {**_PLACEHOLDER, **value})
    except Malformed as bad:
        raise Problem(INVALID, bad.en, bad.zh) from None
    written = order.model_dump(mode="json", exclude_none=True)
    return {key: item for key, item in written.items() if key in value}


async def _write(deps: Deps, sent: dict[str, Any], author: str) -> tuple[dict[str, Any], bool]:
    order_id = sent["order_id"]
    await _until(deps, lambda: deps.master.complete)
    known = deps.master.orders.get(order_id)
    try:
        order = next_order(known, sent, author, format_instant(deps.clock.now_us()))
    except OrderConflict as conflict:
        raise Problem(
            CONFLICT,
            f"order {order_id!r} is at revision {conflict.current}: send a higher one, or none",
            f"订单 {order_id!r} 已是第 {conflict.current} 版：请提交更高的版本号或省略",
            current=conflict.current,
        ) from None
    if order is None:
        assert known is not None
        return known, False
    await send(deps, [Outgoing(MASTER.name, 0, order_key(order_id), msgspec.json.encode(order))])
    await _until(deps, lambda: deps.master.orders.get(order_id, {}).get("revision", 0) >= order["revision"])
    return deps.master.orders[order_id], known is None


async def _until(deps: Deps, condition: Any) -> None:
    try:
        await asyncio.wait_for(deps.master.wait_for(condition), READ_BACK_SECONDS)
    except TimeoutError:
        raise retry_after(
            BROKER_AWAY, "the log of orders cannot be read; send again", "无法读取订单日志，请重新提交", 5
        ) from None
