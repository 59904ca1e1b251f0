"""A stretch of one partition, read from its beginning or an offset: up to one that is known to exist, or on and on.

The end is an offset whose acknowledgement somebody has, never the broker's "latest", which the embedded broker answers
wrongly.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.core.errors import NotYet
from services.settings import KafkaSettings

READ_RECORDS = 2_000
"""At once. What is read lies in memory between what is kept of it: with ten times as many a tenth more stays taken."""
FETCH_BYTES = 8 << 20
STALLED_S = 30


async def read_span(
    settings: KafkaSettings, where: TopicPartition, start: int | None, end: int, take: Callable[[Any], None]
) -> None:
    """Give every record from `start` (None: the first there is) to `end`, in order.

    Raises NotYet if they do not come.
    """
    async with _reader(settings, where, start) as consumer:
        await _take_until(consumer, where, end, take)


async def follow_span(
    settings: KafkaSettings, where: TopicPartition, start: int, take: Callable[[Any], None]
) -> NoReturn:
    """Give every record from `start` on, in order, until cancelled."""
    async with _reader(settings, where, start) as consumer:
        while True:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    take(record)


@asynccontextmanager
async def _reader(settings: KafkaSettings, where: TopicPartition, start: int | None) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.brokers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=50,
        max_poll_records=READ_RECORDS,
    )
    await consumer.start()
    try:
        consumer.assign([where])
        if start is None:
            start = (await consumer.beginning_offsets([where]))[where]
        consumer.seek(where, start)
        yield consumer
    finally:
        await consumer.stop()


async def _take_until(consumer: Any, where: TopicPartition, end: int, take: Callable[[Any], None]) -> None:
    idle, position = 0, -1
    while position <= end:
        found = await consumer.getmany(timeout_ms=1000)
        idle = 0 if found else idle + 1
        if idle > STALLED_S:
            raise NotYet(f"{where.topic} did not deliver up to offset {end} within {STALLED_S} s")
        for records in found.values():
            for record in records:
                if record.offset > end:
                    return
                take(record)
                position = record.offset + 1
