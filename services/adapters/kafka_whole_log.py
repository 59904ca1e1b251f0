"""A whole small topic partition read from its beginning and followed: no group, nothing committed.

ListOffsets(latest), which the embedded broker answers wrongly, is never asked: the end is the high watermark that
comes with every fetch.
"""

import asyncio
import logging
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from services.core.errors import BrokenGuarantee

log = logging.getLogger(__name__)

FETCH_WAIT_MS = 50
START_PAUSE_SECONDS = 0.5
MOST_RECORDS = 500
FETCH_BYTES = 4 << 20


class LogRecord(NamedTuple):
    """A record of the log."""

    offset: int
    key: bytes | None
    value: bytes | None


class WholeLog:
    """Partition 0 of a topic from offset 0 (or what compaction left) on."""

    def __init__(self, brokers: str, topic: str) -> None:
        """Connects in start()."""
        self._brokers = brokers
        self._partition = TopicPartition(topic, 0)
        self._consumer: Any = None
        self._position = 0
        self.at_end = False
        """Has everything been read that was there at some moment since start()?"""

    async def start(self) -> None:
        """Connect, waiting for a broker as long as it takes."""
        waiting = False
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._brokers,
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_committed",
                fetch_max_wait_ms=FETCH_WAIT_MS,
                max_partition_fetch_bytes=FETCH_BYTES,
            )
            try:
                await consumer.start()
                consumer.assign([self._partition])
                first = await consumer.beginning_offsets([self._partition])
                break
            except (KafkaError, OSError) as error:
                await consumer.stop()
                if not waiting:
                    log.warning("%s cannot be read at %s (%s); trying again", self._partition, self._brokers, error)
                waiting = True
                await asyncio.sleep(START_PAUSE_SECONDS)
        self._consumer = consumer
        self._position = first[self._partition]
        consumer.seek(self._partition, self._position)

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def read(self, timeout_s: float) -> list[LogRecord]:
        """The next records, none if none came in time. Raises BrokenGuarantee where the log has been cut short."""
        try:
            found = await self._consumer.getmany(
                self._partition, timeout_ms=int(timeout_s * 1000), max_records=MOST_RECORDS
            )
        except OffsetOutOfRangeError as error:
            raise BrokenGuarantee(f"{self._partition} no longer has offset {self._position}: {error}") from error
        except KafkaError as error:
            if not error.retriable:
                raise
            log.warning("reading %s failed (%s); trying again", self._partition, error)
            return []
        records = [LogRecord(record.offset, record.key, record.value) for part in found.values() for record in part]
        if records:
            self._position = records[-1].offset + 1
        self._judge(await self._consumer.position(self._partition))
        return records

    def _judge(self, position: int) -> None:
        end = self._consumer.highwater(self._partition)
        if end is not None and end < self._position:
            raise BrokenGuarantee(
                f"{self._partition} ends at {end}, but offset {self._position - 1} has been read: "
                "the log was lost or it is another broker (FLOORSTREAM_KAFKA)"
            )
        self.at_end = self.at_end or (end is not None and position >= end)
