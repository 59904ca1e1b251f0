"""Topics read whole and followed: no group, nothing committed, every record in the order of its partition.

    start ─► assign every partition ─► from the beginning of each ─► follow, over outages of the broker too

A log that begins anew (the topic was made again, or a broker that keeps nothing was started again) is read from its
new beginning, and its reader forgets what it knew from the old one.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.adapters.kafka_consumer import METADATA_MS
from services.adapters.kafka_end import LogEnds, newest_fetch

log = logging.getLogger(__name__)

FETCH_WAIT_MS = 50
FETCH_BYTES = 1 << 20
READ_MS = 200
MOST_RECORDS = 2_000
RETRY_BACKOFF_MS = 200
START_PAUSE_SECONDS = 0.5
STOP_SECONDS = 3.0


class Record(NamedTuple):
    """A record of a log."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Followed:
    """A topic and its reader: `take(partition, record)` for each record, `forget(partition)` when a log began anew."""

    topic: str
    partitions: int
    take: Callable[[int, Record], None]
    forget: Callable[[int], None]


Beside = Callable[[Any], Coroutine[Any, Any, None]]
"""Work that asks the same consumer for something else, for ever."""


class Follower:
    """Keeps readers up to date; `caught_up` once everything has been read that was there at some moment."""

    def __init__(
        self, brokers: str, followed: Sequence[Followed], changed: Callable[[], None], beside: Beside | None = None
    ) -> None:
        """Connects in run(). `changed` is called after every batch of records."""
        self._brokers = brokers
        self._readers = {reader.topic: reader for reader in followed}
        self._changed = changed
        self._beside = beside
        self._positions = {TopicPartition(r.topic, p): 0 for r in followed for p in range(r.partitions)}
        self._at_end: set[TopicPartition] = set()
        self._ends = LogEnds()

    @property
    def caught_up(self) -> bool:
        """Has everything been read that was there at some moment since the start?"""
        return len(self._at_end) == len(self._positions)

    async def run(self) -> None:
        """Follow until cancelled."""
        consumer = await self._connect()
        beside = asyncio.create_task(self._beside(consumer) if self._beside else asyncio.Event().wait())
        try:
            while not beside.done():
                await self._read(consumer)
            beside.result()
        finally:
            beside.cancel()
            await asyncio.wait([beside])
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await consumer.stop()
            except TimeoutError:
                log.warning("the broker did not answer the farewell; it will notice by itself")

    async def _connect(self) -> Any:
        waiting = False
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._brokers,
                client_id="floor-show",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                fetch_max_wait_ms=FETCH_WAIT_MS,
                max_partition_fetch_bytes=FETCH_BYTES,
                retry_backoff_ms=RETRY_BACKOFF_MS,
                metadata_max_age_ms=METADATA_MS,
            )
            try:
                await consumer.start()
                consumer.assign(list(self._positions))
                await consumer.seek_to_beginning(*self._positions)
            except (KafkaError, OSError) as error:
                await consumer.stop()
                if not waiting:
                    log.warning("no broker at %s (%s); trying again", self._brokers, error)
                waiting = True
                await asyncio.sleep(START_PAUSE_SECONDS)
            except BaseException:
                await consumer.stop()
                raise
            else:
                return consumer

    async def _read(self, consumer: Any) -> None:
        try:
            batches = await consumer.getmany(timeout_ms=READ_MS, max_records=MOST_RECORDS)
        except KafkaError as error:
            if not error.retriable:
                raise
            log.warning("reading %s failed (%s); trying again", ", ".join(self._readers), error)
            await asyncio.sleep(START_PAUSE_SECONDS)
            return
        for partition, records in batches.items():
            self._take(partition, records)
        for partition, position in self._positions.items():
            await self._judge(consumer, partition, position)
        if batches:
            self._changed()

    def _take(self, tp: TopicPartition, records: list[Any]) -> None:
        if records[0].offset < self._positions[tp]:
            self._forget(tp, f"offset {records[0].offset} comes after {self._positions[tp] - 1}")
        take = self._readers[tp.topic].take
        for record in records:
            take(tp.partition, Record(record.offset, record.key, record.value, record.headers))
        self._positions[tp] = records[-1].offset + 1

    async def _judge(self, consumer: Any, tp: TopicPartition, position: int) -> None:
        newest = newest_fetch(consumer, tp)
        if newest is None:
            return
        if self._ends.lost(tp, position, newest):
            # The embedded broker, started again, says nothing of a position it never had: it only stays silent.
            self._forget(tp, f"it ends at {newest.end}, but {position - 1} has been read")
            consumer.seek(tp, 0)
            self._positions[tp] = 0
            self._changed()
        elif tp not in self._at_end and await consumer.position(tp) >= newest.end:
            self._at_end.add(tp)

    def _forget(self, tp: TopicPartition, why: str) -> None:
        log.warning("%s/%d has begun anew (%s): what was known from it is forgotten", tp.topic, tp.partition, why)
        self._readers[tp.topic].forget(tp.partition)
