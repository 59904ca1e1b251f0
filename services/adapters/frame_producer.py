"""Record batches out: many records in one send, and batches whose borders we choose.

    futures = app.producer.batches(topic, partition, [(key, value, headers), …])    as few batches as possible
    future  = app.producer.one_batch(topic, partition, items, max_bytes=…)          exactly one batch, or BatchTooLarge

Both encode at once (what the values refer to may change afterwards) and return futures of the acknowledgement (its
RecordMetadata; `offset` is the batch's first). Batches of one partition are sent in the order of the calls. A broker
appends a batch whole or not at all. A future fails with BrokenGuarantee when no acknowledgement came in time: what
Faust does on a failed send is log it, so nothing may be acknowledged before its futures are done.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka.producer.message_accumulator import BatchBuilder
from faust.transport.drivers import aiokafka as driver

from services.core.errors import BrokenGuarantee

Headers = Sequence[tuple[str, bytes | None]]
Item = tuple[bytes | None, bytes | None, Headers]
"""Key, value, headers."""
Acknowledged = asyncio.Future[Any]

DEFAULT_BATCH_BYTES = 800_000
"""0.8 of Kafka's default max.message.bytes."""
NO_COMPRESSION = 0
_NO_HEADERS: list[tuple[str, bytes | None]] = []


class BatchTooLarge(Exception):
    """What must be one batch, or one record, is larger than a batch may be; nothing of it was sent."""


class FrameProducer(driver.Producer):  # type: ignore[misc]
    """Faust's aiokafka producer that is also given whole batches."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._turns: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    def _settings_extra(self) -> Mapping[str, Any]:
        # Faust asks for idempotence in exactly_once only; without it a retried batch may be in the log twice.
        return {"acks": "all", "enable_idempotence": self.app.frame_settings.idempotent}

    def batches(
        self, topic: str, partition: int, items: Iterable[Item], *, max_bytes: int = DEFAULT_BATCH_BYTES
    ) -> list[Acknowledged]:
        """Send the items as as few batches as hold them, in order. Raises BatchTooLarge for a single record."""
        now = self._now_ms()
        futures = []
        batch, count = self._new_batch(max_bytes), 0
        for key, value, headers in items:
            if not _add(batch, count, now, key, value, headers):
                futures.append(self._send(batch, count, topic, partition, max_bytes))
                batch, count = self._new_batch(max_bytes), 0
                _add(batch, 0, now, key, value, headers)
            count += 1
        if count:
            futures.append(self._send(batch, count, topic, partition, max_bytes))
        return futures

    def one_batch(
        self, topic: str, partition: int, items: Iterable[Item], *, max_bytes: int = DEFAULT_BATCH_BYTES
    ) -> Acknowledged:
        """Send all items as exactly one batch. Raises BatchTooLarge."""
        now = self._now_ms()
        batch, count = self._new_batch(max_bytes), 0
        for key, value, headers in items:
            if not _add(batch, count, now, key, value, headers):
                raise _too_large(topic, partition, max_bytes)
            count += 1
        return self._send(batch, count, topic, partition, max_bytes)

    def _send(self, batch: Any, count: int, topic: str, partition: int, max_bytes: int) -> Acknowledged:
        if batch.size() > max_bytes:  # a builder takes its first record whatever its size
            raise _too_large(topic, partition, max_bytes)
        batch._relative_offset = count
        batch.close()
        return asyncio.ensure_future(self._deliver(batch, topic, partition))

    async def _deliver(self, batch: Any, topic: str, partition: int) -> Any:
        deadline = self.app.frame_settings.ack_deadline_s
        try:
            async with asyncio.timeout(deadline):
                async with self._turns[topic, partition]:
                    acknowledged = await self._ensure_producer().send_batch(batch, topic, partition=partition)
                return await acknowledged
        except TimeoutError:
            raise BrokenGuarantee(f"{topic}/{partition} acknowledged nothing within {deadline:.0f} s") from None

    def _new_batch(self, max_bytes: int) -> Any:
        return BatchBuilder(max_bytes, NO_COMPRESSION)

    def _now_ms(self) -> int:
        return int(self.app.frame_settings.clock.now_us()) // 1000


def _add(batch: Any, at: int, now: int, key: bytes | None, value: bytes | None, headers: Headers) -> bool:
    """Append past BatchBuilder.append, whose keyword call and serializers cost as much as the record itself."""
    return batch._builder.append(at, now, key, value, list(headers) if headers else _NO_HEADERS) is not None


def _too_large(topic: str, partition: int, max_bytes: int) -> BatchTooLarge:
    return BatchTooLarge(f"a batch for {topic}/{partition} would be larger than {max_bytes} bytes")
