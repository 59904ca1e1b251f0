"""Partitions of a small topic read whole from their beginning and followed: no group, nothing committed.

ListOffsets(latest), which the embedded broker answers wrongly, is never asked: the end is the high watermark that
comes with every fetch.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from services.adapters.kafka_end import LogEnds, newest_fetch
from services.core.errors import BrokenGuarantee, Guarantee

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
    """Partitions of a topic (the first alone, unless told) from offset 0, or what compaction left, on."""

    def __init__(self, brokers: str, topic: str, partitions: Iterable[int] = (0,)) -> None:
        """Connects in start()."""
        self._brokers = brokers
        self._topic = topic
        self._partitions = [TopicPartition(topic, partition) for partition in partitions]
        self._consumer: Any = None
        self._positions: dict[TopicPartition, int] = {}
        self._read_up: set[TopicPartition] = set()
        self._ends = LogEnds()

    @property
    def at_end(self) -> bool:
        """Has everything been read that was there at some moment since start()?"""
        return len(self._read_up) == len(self._partitions)

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
                consumer.assign(self._partitions)
                first = await consumer.beginning_offsets(self._partitions)
                break
            except (KafkaError, OSError) as error:
                await consumer.stop()
                if not waiting:
                    log.warning("%s cannot be read at %s (%s); trying again", self._topic, self._brokers, error)
                waiting = True
                await asyncio.sleep(START_PAUSE_SECONDS)
            except BaseException:
                await consumer.stop()  # whoever was about to read has gone: the group has dealt anew
                raise
        self._consumer = consumer
        self._positions = {partition: first[partition] for partition in self._partitions}
        for partition, position in self._positions.items():
            consumer.seek(partition, position)

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Where partitions of another topic end, by the broker's word. Raises KafkaError.

        The embedded broker says a few records less: good enough to see that somebody is behind.
        """
        wanted = [TopicPartition(topic, partition) for partition in partitions]
        return {tp.partition: end for tp, end in (await self._consumer.end_offsets(wanted)).items()}

    async def read(self, timeout_s: float) -> list[LogRecord]:
        """The next records, none if none came in time. Raises BrokenGuarantee where the log has been cut short."""
        try:
            found = await self._consumer.getmany(
                *self._partitions, timeout_ms=int(timeout_s * 1000), max_records=MOST_RECORDS
            )
        except OffsetOutOfRangeError as error:
            raise BrokenGuarantee(
                Guarantee.NOTHING_LOST, f"{self._topic} no longer has what comes after {self._positions}: {error}"
            ) from error
        except KafkaError as error:
            if not error.retriable:
                raise
            log.warning("reading %s failed (%s); trying again", self._topic, error)
            return []
        for partition, part in found.items():
            self._positions[partition] = part[-1].offset + 1
        for partition, position in self._positions.items():
            self._judge(partition, position, await self._consumer.position(partition))
        return [LogRecord(record.offset, record.key, record.value) for part in found.values() for record in part]

    def _judge(self, partition: TopicPartition, read_up_to: int, position: int) -> None:
        newest = newest_fetch(self._consumer, partition)
        if newest is None:
            return
        if self._ends.lost(partition, read_up_to, newest):
            raise BrokenGuarantee(
                Guarantee.NOTHING_LOST,
                f"{partition.topic}/{partition.partition} ends at {newest.end}, but offset {read_up_to - 1} has been "
                "read: the log was lost or it is another broker",
            )
        if position >= newest.end:
            self._read_up.add(partition)
