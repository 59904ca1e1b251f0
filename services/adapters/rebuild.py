"""The next life of the log: empty topics filled with everything that is stored, then begun in one transaction.

    plant models, orders ─► alerts ─► scans, partition by partition ─► machine events ─► generation + 1

The stages are started afterwards and make everything else from it, as from any log. Interrupted, nothing has begun: the
database says the same as before, and the topics have to be emptied and filled again.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from time import monotonic

import asyncpg

from services.adapters import rebuild_log, rebuild_rows
from services.adapters.kafka_producer import KafkaOutbox
from services.adapters.metrics import Metrics
from services.adapters.rebuild_log import Refill
from services.adapters.rebuild_rows import Lives
from services.adapters.timescale_pool import connect
from services.adapters.timescale_read import snapshot
from services.adapters.wire import decode_marker
from services.core.generations import Place
from services.ports import Outgoing
from services.settings import KafkaSettings
from services.topology import MACHINES, SCANS

TELL_EVERY_S = 2.0

Tell = Callable[[int, int], None]
"""Told now and then how many records are written, of how many."""


class OtherPartitions(Exception):
    """The stored records are of another number of partitions; the message says what to set."""


@dataclass(frozen=True)
class Life:
    """A life of the log. `ends`: the offset behind what was filled, by partition of floor.scans; empty for a first."""

    generation: int
    records: int = 0
    ends: dict[int, int] = field(default_factory=dict)


async def fill_log(kafka: KafkaSettings, dsn: str, tell: Tell) -> Life:
    """Fill empty topics from the database and begin the next generation; the first where it has never had one.

    Raises BrokerAway, asyncpg.PostgresError, OSError, OtherPartitions.
    """
    outbox = KafkaOutbox(kafka, Metrics())
    reading = await connect(dsn, application="floorstream rebuild")
    try:
        async with snapshot(reading):
            await reading.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            lives = await rebuild_rows.lives_of(reading)
            if lives.newest == 0:
                return Life(1)
            require_partitions(lives, kafka)
            await outbox.start()
            refill = await _fill(reading, lives, kafka, outbox, tell)
        await rebuild_rows.begin(reading, lives, {place: refill.ends.get(place, 0) for place in _places(kafka)})
        ends = {p: refill.ends.get((SCANS.name, p), 0) for p in range(kafka.scan_partitions)}
        return Life(lives.newest + 1, refill.written, ends)
    finally:
        await outbox.stop()
        await reading.close()


async def begin_filling(dsn: str, kafka: KafkaSettings) -> None:
    """Say in the database that the topics are being made anew: until `fill_log` has ended no store starts."""
    conn = await connect(dsn, application="floorstream rebuild")
    try:
        places = _places(kafka)
        await rebuild_rows.begin(conn, await rebuild_rows.lives_of(conn), dict.fromkeys(places))
    finally:
        await conn.close()


def _places(kafka: KafkaSettings) -> list[Place]:
    return [(topic, p) for topic in (SCANS.name, MACHINES.name) for p in range(kafka.scan_partitions)]


def require_partitions(lives: Lives, kafka: KafkaSettings) -> None:
    """Raise OtherPartitions where units would belong elsewhere than they did."""
    stored = 1 + max((partition for topic, partition in lives.truth if topic == SCANS.name), default=-1)
    if stored not in (0, kafka.scan_partitions):
        raise OtherPartitions(
            f"the stored records are of {stored} partitions, not {kafka.scan_partitions}: set "
            f"FLOORSTREAM_PARTITIONS={stored} 已存记录分为 {stored} 个分区，请设置 FLOORSTREAM_PARTITIONS={stored}"
        )


async def _fill(
    reading: asyncpg.Connection, lives: Lives, kafka: KafkaSettings, outbox: KafkaOutbox, tell: Tell
) -> Refill:
    refill, total = Refill(outbox), await rebuild_rows.count(reading, lives)
    told = monotonic()
    tell(0, total)

    async def watched(records: AsyncIterator[Outgoing]) -> AsyncIterator[Outgoing]:
        nonlocal told
        async for record in records:
            if monotonic() - told >= TELL_EVERY_S:
                told = monotonic()
                tell(min(refill.written, total), total)
            yield record

    for row in await rebuild_rows.plants(reading):
        await refill.put(rebuild_log.plant_again(row))
    for row in await rebuild_rows.orders(reading):
        await refill.put(rebuild_log.order_again(row))
    for record in rebuild_log.alerts_again(await rebuild_rows.alerts(reading), kafka.operation_partitions):
        await refill.put(record)
    for partition in range(kafka.scan_partitions):
        await refill.put_all(watched(_scans(reading, lives, partition)))
        await refill.put_all(watched(_machines(reading, lives, partition)))
    tell(total, total)
    return refill


async def _scans(reading: asyncpg.Connection, lives: Lives, partition: int) -> AsyncIterator[Outgoing]:
    if (SCANS.name, partition) in lives.truth:
        async for stored in rebuild_rows.scans(reading, lives, partition):
            record = rebuild_log.scan_again(stored)
            if record is not None:
                yield record


async def _machines(reading: asyncpg.Connection, lives: Lives, partition: int) -> AsyncIterator[Outgoing]:
    """Events, and between them the plant models as they came into force, by recorded time."""
    told = await rebuild_rows.markers(reading, lives, partition)
    markers = deque(marker for marker in told if decode_marker(marker[1]).model is not None)
    async for row in rebuild_rows.machines(reading, lives, partition):
        while markers and markers[0][0] <= row["recorded"]:
            yield rebuild_log.machine_marker(partition, *markers.popleft())
        yield rebuild_log.machine_again(partition, row)
    for recorded, value in markers:
        yield rebuild_log.machine_marker(partition, recorded, value)
