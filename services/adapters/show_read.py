"""What the read API asks of the database: a unit, pages of visits, refused events. Instants are int µs.

A page begins after a cursor: the key of the last row in the order of the page. The order follows from what is asked:

    of a unit                    as the visits were opened
    open at an operation         the longest there first
    closed at an operation       the last departed first
    at an operation              the open ones, then the closed ones
    anything                     by unit
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg

from services.adapters import timescale_read
from services.adapters.fate_answer import answered
from services.adapters.fate_read import FateReader
from services.adapters.performance_read import PerformanceRows
from services.adapters.statements import statements
from services.core.identity import mend_id

Row = dict[str, Any]
Cursor = tuple[str, int | None, str, int]
"""Which page, and instant (µs), unit_id and visit_seq of its last row."""
OF_UNIT, OPEN, CLOSED, ALL = "unit", "open", "closed", "all"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which visits: `still_there` True only open ones, False only closed ones, None both."""

    unit_id: str | None = None
    operation_id: str | None = None
    still_there: bool | None = None


class DatabaseRows:
    """Rows for the routes, from a pool of timescale_pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """The pool is closed by who opened it."""
        self._pool = pool
        self._fates = FateReader(pool)
        self.performance = PerformanceRows(pool)

    async def stored_up_to_us(self) -> int | None:
        """When the newest scan in the database was recorded: what came later may be missing in the rows."""
        found: int | None = await self._pool.fetchval(_sql("stored_up_to"))
        return found

    async def unit(self, unit_id: str) -> Row | None:
        """A unit's row, or None."""
        row = await self._pool.fetchrow(_sql("unit"), unit_id)
        return None if row is None else _plain(row)

    async def visits(self, asked: Asked, limit: int, after: Cursor | None) -> tuple[list[Row], Cursor | None]:
        """A page of visits, and the cursor of the next; None after the last page. Raises ValueError for a cursor of
        another question."""
        pages = _pages(asked)
        if after is not None:
            if after[0] not in pages:
                raise ValueError(f"a cursor of the page {after[0]!r}")
            pages = pages[pages.index(after[0]) :]
        rows: list[Row] = []
        for page in pages:
            wanted = limit + 1 - len(rows)
            start = after if after is not None and after[0] == page else None
            rows += [{**_plain(row), "page": page} for row in await self._page(page, asked, start, wanted)]
            if len(rows) > limit:
                break
        shown = rows[:limit]
        last = _cursor(shown[-1]) if len(rows) > limit else None
        for row in shown:
            del row["page"]
        return shown, last

    async def _page(self, page: str, asked: Asked, after: Cursor | None, limit: int) -> list[asyncpg.Record]:
        _, at, unit_id, seq = after or (page, None, "", -1)
        arguments: tuple[object, ...]
        if page == OF_UNIT:
            arguments = (asked.unit_id, seq, asked.operation_id, asked.still_there, limit)
        elif page == ALL:
            arguments = (unit_id, seq, asked.still_there, limit)
        else:
            arguments = (asked.operation_id, at, unit_id, seq, limit)
        name = {OF_UNIT: "of_unit", OPEN: "open_at", CLOSED: "closed_at", ALL: "all_visits"}[page]
        query = _sql(name).format(columns=_sql("columns"))
        return list(await self._pool.fetch(query, *arguments))

    async def rejects(self, reason: str | None, limit: int) -> tuple[list[Row], dict[str, int]]:
        """The newest refused events, and how many there are of each reason.

        `mend_id`: of a mended copy; `mended`: a scan or machine event of that id was taken since. Splits and EPCIS
        events become events of other ids: of those it is not known.
        """
        async with self._pool.acquire() as conn:
            generation = await timescale_read.current_generation(conn)
            found = await timescale_read.rejects(conn, generation, reason, limit)
            for row in found:
                row["mend_id"] = mend_id(row["reason"], row["event_id"], row["partition"], row["offset"], row.pop("id"))
            taken = await timescale_read.taken(conn, generation, [row["mend_id"] for row in found])
            counts = await timescale_read.reject_counts(conn, generation)
        return [{**row, "mended": taken.get(row["mend_id"], -1) > row["recorded"]} for row in found], counts

    async def events(self, event_id: str, unit_id: str | None) -> list[Row]:
        """What became of an event, for every unit that carries it. Raises UnitTooLong, NotYet."""
        return [answered(event_id, event) for event in await self._fates.events(event_id, unit_id)]


def _pages(asked: Asked) -> list[str]:
    if asked.unit_id is not None:
        return [OF_UNIT]
    if asked.operation_id is None:
        return [ALL]
    return {True: [OPEN], False: [CLOSED], None: [OPEN, CLOSED]}[asked.still_there]


def _cursor(row: Row) -> Cursor:
    at = {OPEN: row["arrived_us"], CLOSED: row["departed_us"]}.get(row["page"])
    return row["page"], at, row["unit_id"], row["visit_seq"]


def _plain(row: asyncpg.Record) -> Row:
    return {name: format(value, "f") if isinstance(value, Decimal) else value for name, value in row.items()}


def _sql(name: str) -> str:
    return statements("show")[name]
