"""The database's side of a rebuild: what has to be written into the log again, and how the next generation begins.

Connections come from timescale_pool, so instants are int µs. Everything is read inside one snapshot.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass

import asyncpg

from services.adapters.statements import statements
from services.adapters.timescale_read import PREFETCH, RawRecord, raw_records
from services.core.generations import Filling, Place, truth_of
from services.topology import MACHINES, SCANS, SENT

LAST_OFFSET = (1 << 63) - 1
SUPERSEDED = ("raw_scans", "machine_events", "rejects", "visits", "units", "sink_positions", "notify_positions",
              "generations")  # fmt: skip
"""Tables with rows of a generation, which nobody reads any more once another one is whole."""


@dataclass(frozen=True)
class Lives:
    """What the database knows of the lives of the log. `newest` 0: it has never had one."""

    newest: int
    truth: Mapping[Place, int]
    """Per partition of floor.scans and floor.machines the generation to take the records from."""
    unfinished: int | None
    """A generation whose filling was begun and has not ended."""

    def sources(self, topic: str) -> tuple[list[int], list[int]]:
        """Partitions and their generations, for unnest."""
        places = sorted(place for place in self.truth if place[0] == topic)
        return [partition for _, partition in places], [self.truth[place] for place in places]


async def lives_of(conn: asyncpg.Connection) -> Lives:
    """Read them."""
    rows = await conn.fetch(_sql("fillings"))
    begun = {(r["generation"], (r["topic"], r["partition"])): r for r in rows}
    fillings = {key: Filling(r["source"], r["filled"]) for key, r in begun.items() if r["filled"] is not None}
    unfinished = {key[0] for key, r in begun.items() if r["filled"] is None}
    found = await conn.fetch(_sql("positions"), [SCANS.name, MACHINES.name])
    stored = {(r["generation"], (r["topic"], r["partition"])): r["position"] for r in found}
    newest = max((generation for generation, _ in (*fillings, *stored)), default=0)
    truth = {place: truth_of(place, newest, fillings, stored) for _, place in (*fillings, *stored)}
    return Lives(newest, truth, max(unfinished, default=None))


async def stored_up_to(conn: asyncpg.Connection) -> dict[Place, int]:
    """Per partition of what only senders know (SENT) the next offset the store reads, in the present life."""
    rows = await conn.fetch(_sql("stored_up_to"), [topic.name for topic in SENT])
    return {(r["topic"], r["partition"]): r["position"] for r in rows}


async def count(conn: asyncpg.Connection, lives: Lives) -> int:
    """How many records will be written again, about."""
    return await conn.fetchval(_sql("count"), *lives.sources(SCANS.name), *lives.sources(MACHINES.name)) or 0


async def scans(conn: asyncpg.Connection, lives: Lives, partition: int) -> AsyncIterator[RawRecord]:
    """The raw records of a partition of floor.scans in order, each scan once.

    One that was written again into its own partition is left out here, unless its copy there was not stored.
    """
    generation = lives.truth[SCANS.name, partition]
    sources = lives.sources(SCANS.name)
    rows = await conn.fetch(_sql("sent_on_in_vain"), generation, partition, *sources)
    in_vain = {row["offset"] for row in rows}
    async for record in raw_records(conn, generation, partition, LAST_OFFSET, with_forwarded=bool(in_vain)):
        if not record.forwarded or record.offset in in_vain:
            yield record


async def machines(conn: asyncpg.Connection, lives: Lives, partition: int) -> AsyncIterator[asyncpg.Record]:
    """The machine events of a partition in order."""
    generation = lives.truth.get((MACHINES.name, partition), 0)
    async for row in conn.cursor(_sql("machines"), generation, partition, prefetch=PREFETCH):
        yield row


async def markers(conn: asyncpg.Connection, lives: Lives, partition: int) -> list[tuple[int, bytes]]:
    """The markers of a partition of floor.scans: when they came, and what they say."""
    rows = await conn.fetch(_sql("markers"), lives.truth.get((SCANS.name, partition), 0), partition)
    return [(row["recorded"], row["value"]) for row in rows]


async def plants(conn: asyncpg.Connection) -> list[asyncpg.Record]:
    """All plant models, the first version first."""
    return list(await conn.fetch(_sql("plants")))


async def orders(conn: asyncpg.Connection) -> list[asyncpg.Record]:
    """Of every production order the revision that holds."""
    return list(await conn.fetch(_sql("orders")))


async def alerts(conn: asyncpg.Connection) -> list[asyncpg.Record]:
    """The newest version of each alert; `newest` is its number, `told`: somebody was called about the incident."""
    return list(await conn.fetch(_sql("alerts")))


async def begin(conn: asyncpg.Connection, lives: Lives, filled: Mapping[Place, int | None]) -> None:
    """The next generation begins with what was filled: one transaction. None: its filling begins only now."""
    generation = lives.newest + 1
    rows = [(*place, lives.truth.get(place, lives.newest), upto) for place, upto in sorted(filled.items())]
    async with conn.transaction():
        await conn.execute(_sql("begin"), generation, *_columns(rows))
        if None not in filled.values():
            await conn.execute(_sql("carry_rejects"), generation)
            await conn.execute(_sql("carry_notifications"), generation)
            oldest = min(lives.truth.values(), default=lives.newest)
            for table in SUPERSEDED:
                await conn.execute(f"DELETE FROM {table} WHERE generation < $1", oldest)


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _sql(name: str) -> str:
    return statements("rebuild")[name]
