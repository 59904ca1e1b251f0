"""A replay straight into floor.scans, as any Kafka producer would write: key and partition by the unit."""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.commands.replay_tally import NotSent, OfFile, Sent, Tally, paced, whose
from services.core.identity import partition_of
from services.topology import SCANS, SOURCE_HEADER

AT_ONCE = 2_000
"""Records sent and not yet acknowledged."""
BATCH_BYTES = 256 * 1024
LINGER_MS = 5


async def over_kafka(brokers: str, lines: Iterable[OfFile], source: str, rate: float | None, tally: Tally) -> None:
    """Send all lines. Raises NotSent, and what reading them raises."""
    # Not idempotent: the embedded broker cannot, and a repeat is recognised by its event_id.
    producer = AIOKafkaProducer(
        bootstrap_servers=brokers, client_id="floorstream-replay", acks="all", linger_ms=LINGER_MS,
        max_batch_size=BATCH_BYTES,
    )  # fmt: skip
    try:
        await producer.start()
        partitions = len(await producer.partitions_for(SCANS.name))
        waiting: list[tuple[Sent, asyncio.Future[Any]]] = []
        async for path, line in paced(lines, rate, tally):
            if line.kind != "scan":
                tally.cannot_be_sent(path, line, "machine", "machine events go --via http 设备事件请用 --via http")
                continue
            found = whose(line)
            if found.source == "":
                tally.bad_source(path, line)
                continue
            key = found.unit_id.encode() or None
            headers = [(SOURCE_HEADER, (found.source or source).encode())]
            # Where the unit cannot be read any partition is right, but always the same one for the same bytes.
            to = partition_of(found.unit_id or line.value.decode("utf-8", "replace"), partitions)
            sent = tally.begin(path, line)
            acknowledged = await producer.send(SCANS.name, line.value, key=key, partition=to, headers=headers)
            waiting.append((sent, acknowledged))
            if len(waiting) >= AT_ONCE:
                await _settle(waiting, tally)
        await _settle(waiting, tally)
    except (KafkaError, TimeoutError) as error:
        raise NotSent(f"the broker at {brokers}: {type(error).__name__} {error}") from error
    finally:
        await producer.stop()


async def _settle(waiting: list[tuple[Sent, asyncio.Future[Any]]], tally: Tally) -> None:
    await asyncio.gather(*(acknowledged for _, acknowledged in waiting))
    tally.accepted += len(waiting)
    tally.settle([sent for sent, _ in waiting])
    waiting.clear()
