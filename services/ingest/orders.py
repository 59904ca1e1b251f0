"""Orders into floor.master: all of a request at once, in the order they came, each with what became of it."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from schemas.master import Order
from schemas.message import Malformed, validated
from services.adapters.plant_master import order_key
from services.adapters.problems import BROKER_AWAY, BUSY, CONFLICT, INVALID, NOT_FOUND, Problem, retry_after
from services.core.instant import format_instant
from services.core.orders import OrderConflict, UnknownOrder, Wanted, next_order
from services.ingest.deps import Deps
from services.ingest.routes_events import send
from services.ports import Outgoing
from services.topology import MASTER

READ_BACK_SECONDS = 5.0
LOSER_SECONDS = 1.0
ATTEMPTS = 20
"""So often a request is decided anew because another ingest was first."""
_SYSTEM = {"revision": 1, "change": "new", "changed_by": "-", "changed": "2000-01-01T00:00:00Z"}
_WHOLE = {"product_id": "-", "quantity": "0"}
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one order. `problem`: why nothing did."""

    order: Mapping[str, Any] | None
    is_new: bool = False
    changed: bool = False
    problem: Problem | None = None


def checked(value: Mapping[str, Any], expected: int | None = None, partly: bool = False) -> Wanted:
    """An order as it was sent, in the form it is written. `partly`: it may leave out what it has. Raises Malformed."""
    order = validated(Order, {**_SYSTEM, **(_WHOLE if partly else {}), **value})
    written = order.model_dump(mode="json", exclude_none=True)
    return Wanted({key: item for key, item in written.items() if key in value}, expected, partly)


def invalid(bad: Malformed) -> Problem:
    """What cannot be read, as a problem."""
    return Problem(INVALID, bad.en, bad.zh)


async def write(deps: Deps, wanted: Sequence[Wanted], author: str, *, only_judge: bool = False) -> list[Written]:
    """Every order one after the other; answered when they are read back. Raises Problem where nothing is promised."""
    async with deps.orders:
        await _until(deps, lambda: deps.master.complete)
        told: dict[int, Written] = {}
        open_ones: Sequence[int] = range(len(wanted))
        for _ in range(ATTEMPTS):
            results, latest = _decided(deps, wanted, open_ones, author)
            told |= {index: now for index, now in results.items() if now.changed or index not in told}
            if only_judge or not latest:
                break
            records = [now.order for now in results.values() if now.changed and now.order is not None]
            await send(
                deps,
                [Outgoing(MASTER.name, 0, order_key(each["order_id"]), msgspec.json.encode(each)) for each in records],
            )
            await _until(deps, partial(_read_back, deps, latest))
            # A revision that held may be followed by another ingest's already: it is asked for by its number.
            lost = {index for index, now in results.items() if now.changed and not deps.master.took_hold(now.order)}
            if not lost:
                break
            for order_id in sorted({wanted[index].order_id for index in lost}):
                await _write_again(deps, order_id)
            told = {index: became for index, became in told.items() if index not in lost}
            open_ones = _anew(wanted, open_ones, lost)
        else:
            raise retry_after(
                BUSY, "another ingest changes the same orders; send again", "其他进程正在修改相同订单，请重新提交", 1
            )
    return [told[index] for index in range(len(wanted))]


def _anew(wanted: Sequence[Wanted], decided: Sequence[int], lost: set[int]) -> list[int]:
    """What is decided again: of each order that lost a revision that one and what follows it, and of no other order,
    which another ingest may have changed since."""
    first: dict[str, int] = {}
    for index in sorted(lost):
        first.setdefault(wanted[index].order_id, index)
    return [index for index in decided if index >= first.get(wanted[index].order_id, len(wanted))]


def _decided(
    deps: Deps, wanted: Sequence[Wanted], open_ones: Sequence[int], author: str
) -> tuple[dict[int, Written], dict[str, Record]]:
    """What becomes of each of the open ones, and the last revision of every order that changes."""
    now = format_instant(deps.clock.now_us())
    results: dict[int, Written] = {}
    latest: dict[str, Record] = {}
    for index in open_ones:
        each = wanted[index]
        known = latest.get(each.order_id) or deps.master.orders.get(each.order_id)
        try:
            order = next_order(known, each, author, now)
        except (OrderConflict, UnknownOrder) as why:
            results[index] = Written(None, problem=_problem(each, why))
            continue
        if order is None:
            results[index] = Written(known)
        else:
            results[index] = Written(order, known is None, True)
            latest[each.order_id] = order
    return results, latest


def _problem(wanted: Wanted, why: OrderConflict | UnknownOrder) -> Problem:
    name = wanted.order_id
    if isinstance(why, UnknownOrder):
        return Problem(NOT_FOUND, f"there is no order {name!r}", f"没有订单 {name!r}")
    if not why.current:
        en, zh = f"there is no order {name!r}: send it without If-Match", f"没有订单 {name!r}：请去掉 If-Match"
    elif wanted.expected is None:
        en = f"order {name!r} is at revision {why.current}: send a higher one, or none"
        zh = f"订单 {name!r} 已是第 {why.current} 版：请提交更高的版本号或省略"
    else:
        again = f'If-Match: "{why.current}"'
        en = f"order {name!r} is at revision {why.current}: read it, merge, and send again with {again}"
        zh = f"订单 {name!r} 已是第 {why.current} 版：请先读取并合并，再以 {again} 重新提交"
    return Problem(CONFLICT, en, zh, current=why.current)


def _read_back(deps: Deps, latest: Mapping[str, Record]) -> bool:
    orders = deps.master.orders
    return all(orders.get(key, {}).get("revision", 0) >= order["revision"] for key, order in latest.items())


async def keep_last(deps: Deps) -> None:
    """What holds of every order is written again where another record came last and whoever wrote that died before it
    could. Until cancelled."""
    while True:
        await deps.master.wait_for(lambda: deps.master.complete and bool(deps.master.overtaken))
        await asyncio.sleep(LOSER_SECONDS)  # a loser that lives does so itself
        async with deps.orders:
            for order_id in sorted(deps.master.overtaken):
                with contextlib.suppress(Problem):  # the broker is away: once more
                    await _write_again(deps, order_id)


async def _write_again(deps: Deps, order_id: str) -> None:
    """Compaction keeps the last record of a key: after one that came too late the one that holds has to stand."""
    holds: Record = {}
    while holds != deps.master.orders[order_id]:
        holds = deps.master.orders[order_id]
        [offset] = await send(deps, [Outgoing(MASTER.name, 0, order_key(order_id), msgspec.json.encode(holds))])
        await _until(deps, partial(_has_read, deps, offset))


def _has_read(deps: Deps, offset: int) -> bool:
    return deps.master.position >= offset


async def _until(deps: Deps, condition: Callable[[], bool]) -> None:
    try:
        await asyncio.wait_for(deps.master.wait_for(condition), READ_BACK_SECONDS)
    except TimeoutError:
        raise retry_after(
            BROKER_AWAY, "the log of orders cannot be read; send again", "无法读取订单日志，请重新提交", 5
        ) from None
