"""Reads what the store keeps: for show, export and verify. All of one generation, deleted rows left out.

Connections come from timescale_pool, so instants are int µs. Long results are read through a cursor inside
`snapshot`, in which all of them show one moment.
"""

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg

from services import topology
from services.adapters.statements import statements
from services.core.equipment import PlantModel
from services.core.errors import NotYet
from services.core.files import OperationLine, UnitLine, VisitLine
from services.core.working_dwell import working_dwell

PREFETCH = 2_000
MOST_ROWS = 10_000
MOST_REJECT_BYTES = 8 << 20
Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record of floor.scans as it came. `recorded` µs; headers in their order."""

    partition: int
    offset: int
    recorded: int
    source: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    marker: bool
    forwarded: bool


@contextlib.asynccontextmanager
async def snapshot(conn: asyncpg.Connection) -> AsyncIterator[None]:
    """One moment of the database for everything read inside."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        yield


async def current_generation(conn: asyncpg.Connection) -> int:
    """The newest life of the log that has anything here."""
    return int(await conn.fetchval(_sql("generation")))


async def visits_rows(
    conn: asyncpg.Connection, generation: int, models: Mapping[int, PlantModel], partition: int | None = None
) -> AsyncIterator[VisitLine]:
    """All visits in the order of visits.csv; only inside `snapshot`. NotYet where their plant model is not stored."""
    async for r in conn.cursor(_sql("visits"), generation, partition, prefetch=PREFETCH):
        model = models.get(r["model"])
        if model is None:
            raise NotYet(f"plant model version {r['model']} is not in the table plant_models yet")
        working = working_dwell(model, r["operation_id"], r["arrived"], r["departed"])
        yield VisitLine._make((*r[:19], millionths(r["quantity"]), r["position"], working))


async def unit_rows(conn: asyncpg.Connection, generation: int, partition: int | None = None) -> AsyncIterator[UnitLine]:
    """All units in the order of units.csv; only inside `snapshot`."""
    async for r in conn.cursor(_sql("units"), generation, partition, prefetch=PREFETCH):
        yield UnitLine._make((*r[:6], millionths(r["quantity"]), r["product_id"]))


async def operation_counts(conn: asyncpg.Connection, generation: int) -> list[OperationLine]:
    """Counts of every operation that was ever visited, from the visits themselves."""
    rows = await conn.fetch(_sql("operation_counts"), generation)
    return [OperationLine._make((*r[:11], millionths(r["quantity"]))) for r in rows]


async def newest_plant(conn: asyncpg.Connection) -> tuple[int, dict[str, Any]] | None:
    """Version and canonical document of the newest plant model."""
    row = await conn.fetchrow(_sql("newest_plant"))
    return (row["version"], json.loads(row["model"])) if row else None


async def plants(conn: asyncpg.Connection) -> dict[int, dict[str, Any]]:
    """All plant models by version."""
    return {row["version"]: json.loads(row["model"]) for row in await conn.fetch(_sql("plants"))}


async def marks(conn: asyncpg.Connection, generation: int) -> dict[int, int]:
    """Per partition of floor.scans the source offset up to which rows are complete; -1 before the first mark."""
    rows = await conn.fetch(_sql("marks"), generation, topology.VISITS.name)
    return {row["partition"]: row["mark"] for row in rows}


async def raw_records(
    conn: asyncpg.Connection, generation: int, partition: int, up_to: int, *, with_forwarded: bool = False
) -> AsyncIterator[RawRecord]:
    """The raw records of a partition in log order up to and including an offset; only inside `snapshot`."""
    arguments = (generation, partition, up_to, with_forwarded)
    async for r in conn.cursor(_sql("raw_records"), *arguments, prefetch=PREFETCH):
        yield RawRecord(
            r["partition"], r["offset"], r["recorded"], r["source"], r["key"], r["value"], headers_of(r["headers"]),
            r["marker"], r["forwarded"],
        )  # fmt: skip


def headers_of(text: str | None) -> Headers:
    """Headers as they came, from the column's JSON (see sink_wire.header_json)."""
    return [(name, _header(value)) for name, value in json.loads(text)] if text else []


def _header(value: str | Mapping[str, str] | None) -> bytes | None:
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else base64.b64decode(value["base64"])


async def rejects(
    conn: asyncpg.Connection, generation: int, reason: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """The newest refused events; `detail` by language, `recorded` µs, `value` and `key` the original bytes.

    Fewer than asked for where those have more than MOST_REJECT_BYTES.
    """
    rows = await conn.fetch(_sql("rejects"), generation, reason, _limited(limit), MOST_REJECT_BYTES)
    return [{**dict(row), "detail": json.loads(row["detail"])} for row in rows]


async def taken(conn: asyncpg.Connection, generation: int, event_ids: Sequence[str]) -> dict[str, int]:
    """Which of these events are in the log without having been refused, and when each came last (µs)."""
    rows = await conn.fetch(_sql("taken"), generation, list(event_ids))
    return {row["event_id"]: row["recorded"] for row in rows}


async def reject_counts(conn: asyncpg.Connection, generation: int) -> dict[str, int]:
    """How many events were refused, by reason."""
    return {row["reason"]: row["n"] for row in await conn.fetch(_sql("reject_counts"), generation)}


async def visits_of_unit(
    conn: asyncpg.Connection, generation: int, unit_id: str, operation_id: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """A unit's visits, the latest first."""
    rows = await conn.fetch(_sql("visits_of_unit"), generation, unit_id, operation_id, _limited(limit))
    return [dict(row) for row in rows]


async def visits_at_operation(
    conn: asyncpg.Connection, generation: int, operation_id: str, limit: int = 100
) -> list[dict[str, Any]]:
    """Visits of an operation: the open ones first, then the last departed."""
    rows = await conn.fetch(_sql("visits_at_operation"), generation, operation_id, _limited(limit))
    return [dict(row) for row in rows]


async def unit(conn: asyncpg.Connection, generation: int, unit_id: str) -> dict[str, Any] | None:
    """A unit, or None."""
    row = await conn.fetchrow(_sql("unit"), generation, unit_id)
    return dict(row) if row else None


def millionths(quantity: Decimal) -> int:
    """A quantity of at most six places as an integer."""
    return int(quantity.scaleb(6))


def _limited(limit: int) -> int:
    return max(0, min(limit, MOST_ROWS))


def _sql(name: str) -> str:
    return statements("read")[name]
