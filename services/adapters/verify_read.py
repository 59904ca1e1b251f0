"""What `verify` reads of the database besides the raw records: positions, rows with all their columns, refusals."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

import asyncpg

from services import topology
from services.adapters.statements import statements
from services.adapters.timescale_read import PREFETCH
from services.core.differences import Coordinates, StoredUnit, StoredVisit
from services.core.files import UnitLine, VisitLine

_MICRO_DIGITS = 6


@dataclass(slots=True)
class Positions:
    """Where the store stands in one partition; None where it has no row of that topic.

    `scans` is the next offset of floor.scans to store, `mark` the source offset up to which rows are complete,
    `last` the last offset stored in raw_scans.
    """

    partition: int
    scans: int | None = None
    mark: int | None = None
    last: int = -1


async def positions(conn: asyncpg.Connection, generation: int) -> list[Positions]:
    """All partitions that the store has ever owned, in order."""
    found: dict[int, Positions] = {}
    topics = [topology.SCANS.name, topology.VISITS.name]
    for row in await conn.fetch(_sql("positions"), generation, topics):
        entry = found.setdefault(row["partition"], Positions(row["partition"]))
        if row["topic"] == topology.SCANS.name:
            entry.scans = row["position"]
        else:
            entry.mark = row["mark"]
    for entry in found.values():
        last = await conn.fetchval(_sql("last_offset"), generation, entry.partition)
        entry.last = -1 if last is None else last
    return list(found.values())


async def stored_visits(conn: asyncpg.Connection, generation: int, partition: int) -> AsyncIterator[StoredVisit]:
    """The visits of a partition, in any order; only inside a snapshot."""
    async for r in conn.cursor(_sql("visits"), generation, partition, prefetch=PREFETCH):
        quantity = r["quantity"].scaleb(_MICRO_DIGITS)
        line = VisitLine._make((*r[:8], sorted(r["flags"]), *r[9:19], quantity, r["position"], None))
        yield StoredVisit(line, r["phase"], r["held"], r["model"])


async def stored_units(conn: asyncpg.Connection, generation: int, partition: int) -> AsyncIterator[StoredUnit]:
    """The units of a partition, in any order; only inside a snapshot."""
    async for r in conn.cursor(_sql("units"), generation, partition, prefetch=PREFETCH):
        quantity = r["quantity"].scaleb(_MICRO_DIGITS)
        yield StoredUnit(UnitLine._make((*r[:6], quantity, r["product_id"])), r["events"], r["revision"])


async def strangers(conn: asyncpg.Connection, generation: int, partitions: Collection[int]) -> AsyncIterator[str]:
    """Rows of partitions other than these, named; only inside a snapshot."""
    async for r in conn.cursor(_sql("strangers"), generation, list(partitions), prefetch=PREFETCH):
        name = f"{r['place']} {r['unit_id']!r}" + (f" visit {r['visit_seq']}" if r["place"] == "visits" else "")
        yield f"{name}: is of partition {r['partition']}, of which nothing has been stored"


async def stored_refusals(conn: asyncpg.Connection, generation: int) -> AsyncIterator[tuple[Coordinates, str]]:
    """First coordinates and reason of every refused record, in order; only inside a snapshot."""
    async for r in conn.cursor(_sql("refused"), generation, prefetch=PREFETCH):
        yield (r["partition"], r["offset"]), r["reason"]


async def refusals_at(
    conn: asyncpg.Connection, generation: int, wanted: Collection[Coordinates]
) -> dict[Coordinates, str]:
    """The reasons of those among the wanted records that are stored as refused by now."""
    numbers, offsets = [where[0] for where in wanted], [where[1] for where in wanted]
    rows = await conn.fetch(_sql("refused_at"), generation, numbers, offsets)
    return {(r["partition"], r["offset"]): r["reason"] for r in rows}


def _sql(name: str) -> str:
    return statements("verify")[name]
