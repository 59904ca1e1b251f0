"""Asks the broker what stands at offsets of which nothing is stored: a record that got lost, or never any record.

Offsets without a record are real on Apache Kafka: each transaction of a producer ends in a control record, and what
it aborted keeps its offsets. Reading committed shows neither, so what such a reader passes without a record is proven
to hold none.
"""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.adapters.kafka_whole_log import FETCH_WAIT_MS
from services.topology import SCANS

QUIET_SECONDS = 10.0
"""As long without getting any further, and the broker is taken not to know."""


class Unproven(Exception):
    """The broker cannot say what stood at the offsets; the message says why."""


async def records_in(brokers: str, partition: int, holes: Sequence[tuple[int, int]]) -> list[int]:
    """The offsets within the holes (first, last), in order, at which floor.scans does hold a record.

    Reads the log from the first hole to the last. Raises Unproven.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers, enable_auto_commit=False, auto_offset_reset="none",
        isolation_level="read_committed", fetch_max_wait_ms=FETCH_WAIT_MS,
    )  # fmt: skip
    try:
        await consumer.start()
        return await _read(consumer, TopicPartition(SCANS.name, partition), holes)
    except (KafkaError, OSError) as error:
        raise Unproven(f"the broker at {brokers} cannot be asked: {error}") from error
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, where: TopicPartition, holes: Sequence[tuple[int, int]]) -> list[int]:
    consumer.assign([where])
    begin = (await consumer.beginning_offsets([where]))[where]
    position, last = holes[0][0], holes[-1][1]
    if begin > position:
        raise Unproven(f"the broker's log begins only at offset {begin}")
    consumer.seek(where, position)
    found: list[int] = []
    loop = asyncio.get_running_loop()
    moved = loop.time()
    while position <= last:
        batches = await consumer.getmany(where, timeout_ms=200)
        found += [r.offset for records in batches.values() for r in records if _inside(r.offset, holes)]
        reached = await consumer.position(where)
        if reached > position:
            position, moved = reached, loop.time()
        elif loop.time() - moved > QUIET_SECONDS:
            raise Unproven(f"the broker's log was read only up to offset {position - 1}")
    return found


def _inside(offset: int, holes: Sequence[tuple[int, int]]) -> bool:
    return any(first <= offset <= last for first, last in holes)
