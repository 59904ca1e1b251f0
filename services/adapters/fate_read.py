"""An event's fate out of the database: its unit's raw records folded again, and what the front door refused.

Everything of one answer is read in one snapshot. Of the rows that the stream has made of the log one thing is asked:
which records came too late, for that depends on more than the unit's own.
"""

import asyncio
import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, field

import asyncpg

from services import topology
from services.adapters.raw_fold import raw_origin
from services.adapters.statements import statements
from services.adapters.timescale_read import RawRecord, current_generation, headers_of, marks, snapshot
from services.adapters.wire import decode_event, decode_marker
from services.core.equipment import PlantModel
from services.core.errors import BadScan, NotYet
from services.core.fate import Delivery, EventFate, Marker, fate_of
from services.core.identity import partition_of
from services.core.resolve import Event

MOST_CARRIERS = 100
MOST_RECORDS = 100_000
"""Of one unit in one partition; so many are folded in some seconds."""


class UnitTooLong(Exception):
    """The unit has more records than are folded for one question."""


@dataclass(frozen=True, slots=True)
class FrontRefusal:
    """An item that never entered the log: refused at the front door. `recorded` µs."""

    recorded: int
    reason: str
    detail: Mapping[str, str]
    source: str
    unit_id: str | None


@dataclass(slots=True)
class UnitEvent:
    """Everything known of an event of one unit (None: no unit could be read). `fates` by partition."""

    unit_id: str | None
    generation: int
    fates: list[EventFate] = field(default_factory=list)
    refusals: list[FrontRefusal] = field(default_factory=list)


@dataclass(slots=True)
class _Log:
    unit_id: str | None
    partition: int
    entries: list[Marker | Delivery]


class FateReader:
    """Answers from a pool of timescale_pool; keeps the plant models, which never change once published."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """The pool is closed by who opened it."""
        self._pool = pool
        self._models: dict[int, PlantModel] = {}

    async def events(self, event_id: str, unit_id: str | None) -> list[UnitEvent]:
        """The event in every unit that carries it, or in this one; empty where nothing is known.

        Raises UnitTooLong, and NotYet where the store has not written a plant model that is in force.
        """
        async with self._pool.acquire() as conn, snapshot(conn):
            generation = await current_generation(conn)
            partitions = await conn.fetchval(_sql("partitions"), generation, topology.SCANS.name) or 1
            logs = await self._logs(conn, generation, event_id, unit_id)
            refused = await conn.fetch(_sql("refused_by_http"), generation, event_id, unit_id, MOST_CARRIERS)
        found: dict[str | None, UnitEvent] = {}
        for log in logs:
            fate = await asyncio.to_thread(_fold, event_id, log, self._models, partitions)
            found.setdefault(log.unit_id, UnitEvent(log.unit_id, generation)).fates.append(fate)
        for r in refused:
            refusal = FrontRefusal(r["recorded"], r["reason"], json.loads(r["detail"]), r["source"], r["unit_id"])
            found.setdefault(r["unit_id"], UnitEvent(r["unit_id"], generation)).refusals.append(refusal)
        return list(found.values())

    async def _logs(self, conn: asyncpg.Connection, generation: int, event_id: str, unit_id: str | None) -> list[_Log]:
        carriers = await conn.fetch(_sql("carriers"), generation, event_id, unit_id, MOST_CARRIERS)
        if not carriers:
            return []
        judged = await marks(conn, generation)
        logs = [
            await _unit_log(conn, generation, r["unit_id"], r["partition"], event_id, judged.get(r["partition"], -1))
            for r in carriers
        ]
        await self._learn(conn, {entry.version for log in logs for entry in log.entries if isinstance(entry, Marker)})
        return logs

    async def _learn(self, conn: asyncpg.Connection, versions: set[int]) -> None:
        missing = sorted(versions - self._models.keys())
        if missing:
            for row in await conn.fetch(_sql("models"), missing):
                self._models[row["version"]] = PlantModel.from_document(json.loads(row["model"]), row["version"])
        if versions - self._models.keys():
            raise NotYet(f"plant model versions {sorted(versions - self._models.keys())} are not stored yet")


async def _unit_log(
    conn: asyncpg.Connection, generation: int, unit_id: str | None, partition: int, event_id: str, mark: int
) -> _Log:
    rows = await conn.fetch(_sql("unit_log"), generation, partition, unit_id, event_id, MOST_RECORDS + 1)
    if len(rows) > MOST_RECORDS:
        raise UnitTooLong(f"{unit_id!r} has more than {MOST_RECORDS} records")
    ids = list({r["event_id"] for r in rows if r["event_id"] is not None})
    late = {tuple(r) for r in await conn.fetch(_sql("too_late"), generation, unit_id, ids)}
    entries: list[Marker | Delivery] = []
    for r in rows:
        record = RawRecord(
            r["partition"], r["offset"], r["recorded"], r["source"], r["key"], r["value"], headers_of(r["headers"]),
            r["marker"], r["forwarded"],
        )  # fmt: skip
        if record.key != topology.MARKER_KEY:
            entries.append(_delivery(record, r["event_id"], mark, late))
        elif record.offset <= mark and (version := decode_marker(record.value).model) is not None:
            entries.append(Marker(version))
    return _Log(unit_id, partition, entries)


def _delivery(record: RawRecord, event_id: str | None, mark: int, late: Container[tuple[int, int]]) -> Delivery:
    came = raw_origin(record)
    said: Event | BadScan
    try:
        said = decode_event(record.value)
    except BadScan as undecodable:
        said = undecodable
    return Delivery(
        (record.partition, record.offset), event_id, came.source, came.recorded, said, record.offset <= mark,
        came.first is not None, (came.first or (record.partition, record.offset)) in late,
    )  # fmt: skip


def _fold(event_id: str, log: _Log, models: Mapping[int, PlantModel], partitions: int) -> EventFate:
    return fate_of(event_id, log.entries, models, lambda unit: partition_of(unit, partitions) == log.partition)


def _sql(name: str) -> str:
    return statements("fate")[name]
