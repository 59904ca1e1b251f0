"""State of partitions in a compacted topic: written in atomic batches, recovered exactly, zombies left out.

    epoch e │ batch(e) │ batch(e) │ epoch f │ batch(e) ← a zombie's, ignored │ batch(f) │ …

On assignment the owner appends an epoch record to the partition (its epoch is that record's offset) and recovers up
to it. Every record carries its writer's epoch in front of its value; a record whose epoch is lower than that of an
epoch record passed before it was written by somebody who had lost the partition, and counts for nothing. A batch
begins with a mark {offset, follows}: the source offset the state includes, and the one the batch continues from;
marks that count must chain.

Recovery does not go by the broker's "latest", which the embedded broker answers wrongly: the epoch record, whose
offset its acknowledgement told, is the end.
"""

import asyncio
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field
from itertools import chain
from struct import Struct
from typing import Any

from aiokafka import TopicPartition

from services.adapters.batches import BatchProducer
from services.adapters.claims import Watch
from services.adapters.kafka_span import read_span
from services.core.errors import BrokenGuarantee, Guarantee
from services.settings import KafkaSettings
from services.topology import EPOCH_KEY

MARK_KEY = b"\x00mark"
_EPOCH = Struct(">q")
_MARK = Struct(">qq")


@dataclass(slots=True)
class Recovered:
    """Where a partition's state stands: source offset included, own epoch, keys a zombie wrote over."""

    epoch: int
    offset: int = -1
    stale: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class _Reading:
    """What recovery has seen of one partition so far."""

    table: MutableMapping[bytes, bytes]
    epoch: int = -1
    offset: int | None = None
    next: int | None = None
    gap: bool = False
    stale: set[bytes] = field(default_factory=set)

    def take(self, record: Any) -> None:
        if self.next is not None and record.offset != self.next:
            self.gap = True
        self.next = record.offset + 1
        if record.key == EPOCH_KEY:
            self.epoch = record.offset
            return
        epoch = _epoch_of(record.value)
        self.epoch = max(self.epoch, epoch)  # compaction keeps the newest epoch record only
        if epoch < self.epoch:
            self.stale.add(record.key)
        elif record.key == MARK_KEY:
            offset, follows = _MARK.unpack_from(record.value, _EPOCH.size)
            self._mark(record, offset, follows)
        else:
            self.stale.discard(record.key)
            self.table[record.key] = record.value[_EPOCH.size :]

    def _mark(self, record: Any, offset: int, follows: int) -> None:
        repeated = offset == self.offset
        if self.offset is not None and follows != self.offset and not self.gap and not repeated:
            raise BrokenGuarantee(
                Guarantee.ONE_STATE,
                f"{record.topic}/{record.partition} at {record.offset}: a state batch continues source offset "
                f"{follows}, but the state stands at {self.offset}, and nothing was compacted in between",
            )
        self.offset, self.gap = offset, False


class Changelog:
    """The state topic of one stage."""

    def __init__(self, settings: KafkaSettings, topic: str, producer: BatchProducer) -> None:
        self._settings = settings
        self._topic = topic
        self._producer = producer

    async def claim(self, partition: int) -> int:
        """Become the partition's owner: append an epoch record; its offset is the epoch."""
        ack = await self.write(partition, self._producer.whole([(EPOCH_KEY, _EPOCH.pack(0))]))
        return int((await ack).offset)

    async def recover(self, partition: int, epoch: int, table: MutableMapping[bytes, bytes]) -> Recovered:
        """Fill the table from the topic up to the epoch record. Raises BrokenGuarantee where the chain breaks."""
        reading = _Reading(table)
        await read_span(self._settings, TopicPartition(self._topic, partition), None, epoch, reading.take)
        return Recovered(epoch, -1 if reading.offset is None else reading.offset, reading.stale)

    def batch(self, epoch: int, offset: int, follows: int, items: Iterable[tuple[bytes, bytes]]) -> Any:
        """One atomic batch, not sent: mark first, then the items. Raises BatchTooLarge."""
        return self._producer.whole(chain(((MARK_KEY, _MARK.pack(offset, follows)),), items), _EPOCH.pack(epoch))

    async def write(self, partition: int, batch: Any) -> asyncio.Future[Any]:
        """Queue what `batch` has built; the future is its ack."""
        return await self._producer.send_built(self._topic, partition, batch)

    async def written_between(self, partition: int, epoch: int, start: int, end: int) -> set[bytes]:
        """Keys that former owners wrote from `start` to `end`, which is known to exist.

        Raises Lost where somebody has claimed the partition there.
        """
        watch = Watch(epoch, _epoch_of)
        await read_span(self._settings, TopicPartition(self._topic, partition), start, end, watch.take)
        watch.require_ours(f"{self._topic}/{partition}")
        return watch.late - {MARK_KEY}


def _epoch_of(value: bytes) -> int:
    epoch: int = _EPOCH.unpack_from(value)[0]
    return epoch
