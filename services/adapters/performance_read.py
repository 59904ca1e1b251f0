"""What a WorkPerformance is made of: visits that ended in a stretch of time, and the orders of their units."""

from typing import Any, NamedTuple

import asyncpg
import msgspec

from services.adapters.statements import statements

Row = dict[str, Any]
MOST_READS = 50
"""So many thousand visits are looked through for those of one order."""
AT_ONCE = 1_000
LOOKED_AT = MOST_READS * AT_ONCE
"""A plant of 1,000,000 visits in 30 days needs 2 s for those of one order in a day, and 8 s for as many as these."""


class Place(NamedTuple):
    """Of a visit in the order of ends; where the next page begins after it."""

    departed_us: int
    unit_id: str
    visit_seq: int


class Asked(NamedTuple):
    """Visits that ended from `since_us` until before `until_us`; of an operation, of an order."""

    since_us: int
    until_us: int
    operation_id: str | None
    order_id: str | None


class Ended(NamedTuple):
    """A page. `orders`: order_id by unit_id; `after` None: it is the last one."""

    visits: list[Row]
    orders: dict[str, str]
    after: Place | None


class _Named(msgspec.Struct):
    order_id: str | None = None


_named = msgspec.json.Decoder(_Named).decode


class PerformanceRows:
    """Rows from a pool of timescale_pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """The pool is closed by who opened it."""
        self._pool = pool

    async def ended(self, asked: Asked, limit: int, after: Place | None) -> Ended:
        """A page of visits; one of an order may be short, or empty, though others follow: so far it has been looked."""
        found = Ended([], {}, after)
        for _ in range(MOST_READS):
            most = limit + 1 if asked.order_id is None else AT_ONCE
            rows, orders = await self._read(asked, found.after, most)
            for row in rows:
                order = orders.get(row["unit_id"])
                if asked.order_id is not None and order != asked.order_id:
                    continue
                if len(found.visits) == limit:
                    return found._replace(after=_place(found.visits[-1]))
                found.visits.append(row)
                if order is not None:
                    found.orders[row["unit_id"]] = order
            if len(rows) < most:
                return found._replace(after=None)
            found = found._replace(after=_place(rows[-1]))
        return found

    async def _read(self, asked: Asked, after: Place | None, most: int) -> tuple[list[Row], dict[str, str]]:
        departed, unit_id, visit_seq = after or (asked.since_us, "", -1)
        query = statements("show")["ended_between"].format(columns=statements("show")["columns"])
        arguments = (departed, asked.until_us, unit_id, visit_seq, asked.operation_id, most)
        rows = [dict(row) for row in await self._pool.fetch(query, *arguments)]
        units = sorted({row["unit_id"] for row in rows})
        naming = await self._pool.fetch(statements("show")["naming_orders"], units)
        orders = {row["unit_id"]: _order(row["value"]) for row in naming}
        return rows, {unit: order for unit, order in orders.items() if order is not None}


def _place(row: Row) -> Place:
    return Place(row["departed_us"], row["unit_id"], row["visit_seq"])


def _order(value: bytes) -> str | None:
    try:
        return _named(value).order_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
