"""Writes what the store cut: all rows of one flush and the positions after them in ONE transaction.

Fenced: a new owner of a partition raises its epoch when it is assigned; every flush locks the positions of its
partitions and goes on only where each epoch is still its own. So a worker that was paused past its session changes
nothing, and the new owner starts exactly where the last transaction ended.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from services.adapters.statements import statements
from services.core.stored import Packed, Row
from services.settings import BadSetting

_SCAN_COLUMNS = "partition offset recorded generation unit_id event_id source key value headers marker"
_UNIT_COLUMNS = (
    "unit_id generation revision partition status operation_id phase visits strays quantity product_id events deleted"
)
_VISIT_COLUMNS = (
    "unit_id visit_seq generation revision partition visit_id operation_id work_unit_id product_id arrived started"
    " finished departed outcome flags repeats runs dwell_us queue_us process_us wait_us hold_us quantity position"
    " phase held model"
)
_REJECT_COLUMNS = "partition offset recorded generation reason detail source unit_id event_id key value origin id"
_SAMPLE_COLUMNS = (
    "as_of operation_id observed wip queued running finished held quantity value arrivals departures completed"
    " scrapped rework dwell_p50_us dwell_p85_us dwell_p95_us counted_wip counted_in counted_out"
)
_TOTALS_COLUMNS = "as_of observed entered completed scrapped in_process in_transit wip newest_event"
_MACHINE_COLUMNS = "event_time work_unit_id recorded partition offset generation source state counter value event_id"
_WORK_UNIT_COLUMNS = (
    "work_unit_id generation partition offset as_of model state condition since newest_event good reject resets late"
    " changes shifts"
)
_ALERT_COLUMNS = (
    "alert_id epoch incident version change state notify rule_id measure subject_kind subject_id priority limit_value"
    " value at since raised acknowledged acknowledged_by returned ended shelved_until shelved_by shelve_reason muted"
    " history units units_over model"
)
_ACTION_COLUMNS = "partition offset action_id alert_id incident action by via at until reason generation"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "raw_scans": tuple(_SCAN_COLUMNS.split()),
    "units": tuple(_UNIT_COLUMNS.split()),
    "visits": tuple(_VISIT_COLUMNS.split()),
    "rejects": tuple(_REJECT_COLUMNS.split()),
    "operation_samples": tuple(_SAMPLE_COLUMNS.split()),
    "plant_samples": tuple(_TOTALS_COLUMNS.split()),
    "machine_events": tuple(_MACHINE_COLUMNS.split()),
    "work_units": tuple(_WORK_UNIT_COLUMNS.split()),
    "alert_changes": tuple(_ALERT_COLUMNS.split()),
    "alert_actions": tuple(_ACTION_COLUMNS.split()),
    "plant_models": ("version", "created", "created_by", "model"),
    "orders": ("order_id", "revision", "offset", "document"),
}
"""The columns of a row of each table, in its order, as the sink takes it."""
_COPY_BEGIN = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END = b"\xff\xff"


class Fenced(Exception):
    """Another worker has taken over a partition; this one must not write any more."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Where a partition goes on, and the epoch under which its new owner writes."""

    position: int
    mark: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Advance:
    """Where one partition stands after a flush. `mark`: see sink_positions; it never goes back."""

    topic: str
    partition: int
    epoch: int
    position: int
    mark: int = -1


@dataclass(slots=True)
class Flush:
    """Everything one transaction writes. `rows` by table, in the order of COLUMNS; `forwarded` (partition, offset).

    The rows of a table are all tuples or all packed.
    """

    rows: dict[str, list[Row | Packed]] = field(default_factory=dict)
    vanished: list[tuple[str, int, int]] = field(default_factory=list)
    forwarded: list[tuple[int, int]] = field(default_factory=list)
    advances: list[Advance] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Rows of all tables."""
        return sum(map(len, self.rows.values())) + len(self.vanished) + len(self.forwarded)


async def make_staging(conn: asyncpg.Connection) -> None:
    """The connection's temporary tables that COPY fills; empty again at the end of every transaction."""
    for table in COLUMNS:
        await conn.execute(f"CREATE TEMP TABLE staging_{table} (LIKE {table} INCLUDING DEFAULTS) ON COMMIT DELETE ROWS")
    for table in ("units", "visits"):  # a packed row has its quantity as text
        await conn.execute(f"ALTER TABLE staging_{table} ALTER quantity TYPE text")


class SinkWriter:
    """One generation's writer. `reached` is told the points of a flush: before_begin, before_commit, after_commit."""

    def __init__(
        self, pool: asyncpg.Pool, generation: int, reached: Callable[[str], None] = lambda point: None
    ) -> None:
        """`pool` has `make_staging` as its setup."""
        self._pool = pool
        self._generation = generation
        self._reached = reached
        self._sql = statements("store")

    async def require_life(self) -> None:
        """Raise BadSetting where our generation is over, or the next one is being made just now."""
        async with self._pool.acquire() as conn:
            lives = await conn.fetchrow(self._sql["lives"])
        if lives["unfinished"] is not None:
            raise BadSetting(
                "the topics are being filled from the database: run `floorstream rebuild` to its end, then start again "
                "正在用数据库重建日志：请先运行 `floorstream rebuild` 直至完成，再启动"
            )
        newest = lives["newest"] or 1
        if newest > self._generation:
            raise BadSetting(
                f"FLOORSTREAM_GENERATION={self._generation}, but this database was rebuilt: set "
                f"FLOORSTREAM_GENERATION={newest} for every stage "
                f"数据库已重建：请为所有环节设置 FLOORSTREAM_GENERATION={newest}"
            )

    async def claim(self, partitions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Claim]:
        """Take over (topic, partition)s: raise their epochs, learn where to go on."""
        topics, numbers = _columns(sorted(partitions), 2)
        async with self._pool.acquire() as conn:
            rows = await conn.fetch(self._sql["claim"], self._generation, topics, numbers)
        return {(r["topic"], r["partition"]): Claim(r["position"], r["mark"], r["epoch"]) for r in rows}

    async def write(self, flush: Flush) -> None:
        """One attempt of the whole transaction.

        Raises Fenced or the database's own error: then nothing is written, or (connection lost during the commit)
        everything; the same attempt again is right in both cases.
        """
        self._reached("before_begin")
        async with self._pool.acquire() as conn:
            transaction = conn.transaction()
            await transaction.start()
            try:
                await self._check_epochs(conn, flush.advances)
                await self._write_rows(conn, flush)
                await self._advance(conn, flush.advances)
                self._reached("before_commit")
                await transaction.commit()
            except BaseException:
                # No word of rollback: the connection may be the trouble, and its end rolls back as well.
                with contextlib.suppress(asyncpg.InterfaceError):  # the server has ended it already
                    conn.terminate()
                raise
            self._reached("after_commit")

    async def _check_epochs(self, conn: asyncpg.Connection, advances: Sequence[Advance]) -> None:
        mine = {(a.topic, a.partition): a.epoch for a in advances}
        topics, numbers = _columns(sorted(mine), 2)
        rows = await conn.fetch(self._sql["lock_positions"], self._generation, topics, numbers)
        now = {(r["topic"], r["partition"]): r["epoch"] for r in rows}
        lost = sorted(key for key, epoch in mine.items() if now.get(key) != epoch)
        if lost:
            named = ", ".join(f"{topic}/{partition}" for topic, partition in lost)
            raise Fenced(f"another worker has taken over {named}")

    async def _write_rows(self, conn: asyncpg.Connection, flush: Flush) -> None:
        for table in COLUMNS:
            rows = flush.rows.get(table)
            if rows and not (table == "raw_scans" and await self._append(conn, table, rows)):
                await _copy(conn, f"staging_{table}", COLUMNS[table], rows)
                await conn.execute(self._sql[table])
        if flush.vanished:
            await conn.execute(self._sql["vanished"], self._generation, *_columns(flush.vanished, 3))
        if flush.forwarded:
            keys = _columns(flush.forwarded, 2)
            span = await conn.fetchrow(self._sql["forwarded_span"], self._generation, *keys)
            if span["first"] is not None:
                await conn.execute(self._sql["forwarded"], self._generation, *keys, span["first"], span["last"])

    async def _append(self, conn: asyncpg.Connection, table: str, rows: Sequence[Row | Packed]) -> bool:
        """COPY straight into the table: a third cheaper. False, and nothing written, where some rows are there already.

        So it is when a transaction is repeated whose commit was not heard of, or a log is read again.
        """
        try:
            async with conn.transaction():  # inside the other: a savepoint
                await _copy(conn, table, COLUMNS[table], rows)
        except asyncpg.UniqueViolationError:
            return False
        return True

    async def _advance(self, conn: asyncpg.Connection, advances: Sequence[Advance]) -> None:
        rows = [(a.topic, a.partition, a.position, a.mark) for a in advances]
        await conn.execute(self._sql["advance"], self._generation, *_columns(rows, 4))


async def _copy(conn: asyncpg.Connection, table: str, columns: Sequence[str], rows: Sequence[Row | Packed]) -> None:
    if isinstance(rows[0], Packed):
        whole = b"".join((_COPY_BEGIN, *rows, _COPY_END))  # type: ignore[arg-type]
        # A view, because bytes would be taken for a path.
        await conn.copy_to_table(table, source=memoryview(whole), columns=columns, format="binary")
    else:
        await conn.copy_records_to_table(table, records=rows, columns=columns)


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    """Rows to columns, for unnest."""
    return [[row[i] for row in rows] for i in range(width)]
