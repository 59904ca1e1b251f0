"""Records to the broker, acknowledged: all of a request's records are sent, then awaited once.

The broker may come later and may go away: whoever sends meanwhile is told so within the deadline. A record whose
acknowledgement did not come in time may still be written when the broker comes back; its sender sends again, and the
repeat is recognised by its event_id.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from services import topology
from services.adapters.metrics import Metrics
from services.ports import BrokerAway, Outgoing, TooManyPending
from services.settings import KafkaSettings

log = logging.getLogger(__name__)

DEADLINE_SECONDS = 5.0
MOST_PENDING = 20_000
"""Records sent and not acknowledged; beyond, the sender is told to wait rather than the memory filled."""
START_PAUSE_SECONDS = 0.5
STOP_SECONDS = 2.0
PROBE_SECONDS = 1.0
BATCH_BYTES = 256 * 1024
REQUEST_BYTES = topology.LARGEST_MASTER + (1 << 20)
FAILED_BATCHES_BACKOFF_MS = 50


class KafkaOutbox:
    """A producer of one process: all replicas acknowledge, repeats of its own retries are removed where possible."""

    def __init__(
        self, settings: KafkaSettings, metrics: Metrics, *, deadline_s: float = DEADLINE_SECONDS,
        most_pending: int = MOST_PENDING, idempotent: bool | None = None,
    ) -> None:  # fmt: skip
        """Connects in run(). `idempotent` None: unless the broker is the embedded one, which cannot."""
        self._settings = settings
        self._idempotent = not settings.embedded if idempotent is None else idempotent
        self._metrics = metrics
        self._deadline_s = deadline_s
        self._most_pending = most_pending
        self._producer: Any = None
        self.pending = 0

    async def reachable(self) -> bool:
        """Does the broker answer just now? Costs one small request."""
        if self._producer is None:
            return False
        try:
            await asyncio.wait_for(self._producer.client.fetch_all_metadata(), PROBE_SECONDS)
        except (TimeoutError, KafkaError, OSError):
            return False
        return True

    async def start(self) -> None:
        """Connect, waiting for a broker as long as it takes."""
        waiting = False
        while True:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._settings.brokers,
                client_id="floorstream-outbox",
                acks="all",
                enable_idempotence=self._idempotent,
                max_batch_size=BATCH_BYTES,
                max_request_size=REQUEST_BYTES,
                request_timeout_ms=int(self._deadline_s * 1000),
                retry_backoff_ms=FAILED_BATCHES_BACKOFF_MS,
            )
            try:
                await producer.start()
                break
            except (KafkaError, OSError) as error:
                await producer.stop()
                if not waiting:
                    log.warning("no broker at %s (%s); trying again", self._settings.brokers, error)
                waiting = True
                await asyncio.sleep(START_PAUSE_SECONDS)
            except BaseException:
                with contextlib.suppress(Exception):
                    await producer.stop()
                raise
        self._producer = producer

    async def stop(self) -> None:
        """Send what waits, for a moment, and disconnect."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            await asyncio.wait_for(producer.stop(), STOP_SECONDS)
        except (TimeoutError, KafkaError):
            log.warning("the broker did not take what was waiting; its senders were not told it was accepted")

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        """Send all, await all acknowledgements; their offsets. Raises BrokerAway or TooManyPending."""
        producer = self._producer
        if producer is None:
            raise BrokerAway(f"no broker has answered yet at {self._settings.brokers}")
        if self.pending + len(records) > self._most_pending:
            raise TooManyPending(f"{self.pending} records wait for the broker")
        began = monotonic()
        try:
            async with asyncio.timeout(self._deadline_s):
                sent = await self._hand_over(producer, records)
                acks = await asyncio.shield(sent)
            for failure in filter(_is_failure, acks):
                raise failure
        except MessageSizeTooLargeError:
            raise  # sending it again would not help: whoever made it has to know the limits
        except (TimeoutError, KafkaError, OSError) as error:
            self._metrics.broker_failures.inc()
            raise BrokerAway(f"{type(error).__name__}: {error}") from error
        self._metrics.broker_seconds.observe(monotonic() - began)
        return [ack.offset for ack in acks]

    async def _hand_over(self, producer: Any, records: Sequence[Outgoing]) -> "asyncio.Future[list[Any]]":
        """Give them to the client; what it has is pending until it is acknowledged or given up, however long."""
        futures: list[Any] = []
        try:
            for topic, partition, key, value, headers in records:
                futures.append(await producer.send(topic, value, key=key, partition=partition, headers=list(headers)))
        finally:
            self._count(len(futures))
            together = asyncio.gather(*futures, return_exceptions=True)
            together.add_done_callback(lambda _: self._count(-len(futures)))
        return together

    def _count(self, change: int) -> None:
        self.pending += change
        self._metrics.broker_pending.set(self.pending)


def _is_failure(result: Any) -> bool:
    return isinstance(result, BaseException)
