"""Record batches to Kafka: many records in one send, and batches whose borders we choose.

One `send` per frame instead of one per record; and a changelog batch is appended whole or not at all, which is what
makes state and the source offset it includes move together.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaProducer

from services.ports import Clock
from services.settings import KafkaSettings

Item = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]
"""Key, value, headers."""

REQUEST_TIMEOUT_S = 30.0
ACKNOWLEDGED_S = 4 * REQUEST_TIMEOUT_S
"""An idempotent producer repeats a batch for ever; after this a new process with a new connection may help."""
_NO_HEADERS: list[tuple[str, bytes]] = []


class BatchTooLarge(Exception):
    """What must be one batch does not fit into one; nothing of it was sent."""


class BatchProducer:
    """An aiokafka producer that is given whole batches."""

    def __init__(self, settings: KafkaSettings, client_id: str, clock: Clock, most_bytes: int) -> None:
        """Connects in start(). `most_bytes`: the largest batch that is built."""
        self._clock = clock
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.brokers,
            client_id=client_id,
            acks="all",
            enable_idempotence=not settings.embedded,
            linger_ms=0,
            max_batch_size=most_bytes,
            max_request_size=most_bytes + (1 << 20),
            request_timeout_ms=int(REQUEST_TIMEOUT_S * 1000),
        )

    async def start(self) -> None:
        """Connect. Raises KafkaError when there is no broker."""
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is queued and leave."""
        await self._producer.stop()

    async def send(self, topic: str, partition: int, items: Iterable[Item]) -> list[asyncio.Future[Any]]:
        """Queue the items as as few batches as hold them, in order; the futures of their acknowledgements."""
        now, acks = self._now_ms(), []
        rest: Iterator[Item] = iter(items)
        while True:
            batch = self._producer.create_batch()
            over = _fill(batch, now, rest)
            if batch.record_count():
                batch.close()
                acks.append(await self._producer.send_batch(batch, topic, partition=partition))
            elif over is not None:
                raise BatchTooLarge(f"one record of {len(over[1] or b'')} bytes for {topic} fits into no batch")
            if over is None:
                return acks
            rest = chain((over,), rest)

    def whole(self, items: Iterable[tuple[bytes, bytes]], before: bytes = b"") -> Any:
        """Keys and values as exactly one batch, `before` in front of each value; not sent. Raises BatchTooLarge.

        A loop of its own beside `_fill`: state is written for nearly every event, and has no headers.
        """
        batch = self._producer.create_batch()
        append, now, count = batch._builder.append, self._now_ms(), 0
        for key, value in items:
            if append(count, now, key, before + value, _NO_HEADERS) is None:
                raise BatchTooLarge(f"a batch of more than {count} records is larger than the largest that is allowed")
            count += 1
        batch._relative_offset = count
        batch.close()
        return batch

    async def send_built(self, topic: str, partition: int, batch: Any) -> asyncio.Future[Any]:
        """Queue what `whole` has built; the future of its acknowledgement."""
        ack: asyncio.Future[Any] = await self._producer.send_batch(batch, topic, partition=partition)
        return ack

    def _now_ms(self) -> int:
        return self._clock.now_us() // 1000


def _fill(batch: Any, now: int, items: Iterator[Item]) -> Item | None:
    """Append as many as the batch holds; the first one that it does not hold, None where it holds all.

    Straight into the client's builder: its own `append` costs more for each record than building it.
    """
    append, count, over = batch._builder.append, 0, None
    for item in items:
        key, value, headers = item
        if append(count, now, key, value, headers or _NO_HEADERS) is None:
            over = item
            break
        count += 1
    batch._relative_offset = count
    return over
