"""A stretch of a changelog, read again by a consumer of its own."""

from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP

from services.core.errors import BrokenGuarantee

READ_RECORDS = 2_000
"""At a time: the worker folds on the same loop."""
READ_TIMEOUT_MS = 1_000
SILENT_READS = 60


async def changelog_records(brokers: str, where: TP, start: int, end: int) -> AsyncIterator[list[Any]]:
    """The records from offset `start` to `end`, which is known to exist; raises BrokenGuarantee if it never comes."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_poll_records=READ_RECORDS,
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    try:
        partition = TopicPartition(*where)
        consumer.assign([partition])
        consumer.seek(partition, start)
        silent = 0
        while await consumer.position(partition) <= end:
            found = await consumer.getmany(partition, timeout_ms=READ_TIMEOUT_MS)
            silent = 0 if found else silent + 1
            if silent > SILENT_READS:
                raise BrokenGuarantee(f"{where.topic}/{where.partition} does not give up to offset {end}, which it had")
            for records in found.values():
                yield [record for record in records if record.offset <= end]
    finally:
        await consumer.stop()
