"""The bare loops that track is measured against: the same fold, the same outputs, and nothing that makes it safe.

    records ─► services.track.handler.Lane ─► visits, state, partials ─► producer

No group, no epochs, no recovery, no commits; no frame waits for the acknowledgement of the one before it. Each client
library is used as fast as we know how: raw records and whole batches for aiokafka, one message per call for librdkafka,
whose threads build the batches.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.load import Profile, plant_model
from loadtest.measured import Run
from services import settings, topology
from services.adapters import track_wire
from services.adapters.batches import BatchProducer, Item
from services.adapters.clock import SystemClock
from services.adapters.faust_app import FETCH_BYTES
from services.adapters.frames import FETCH_WAIT_MS, MOST_RECORDS
from services.adapters.raw_records import raw
from services.adapters.runtime import tune_runtime
from services.core.identity import partition_of
from services.core.pace import Pace
from services.settings import KafkaSettings
from services.track.app import CHANGELOG_BYTES, OUTPUT_BYTES
from services.track.handler import Lane

Batch = tuple[str, int, Sequence[Item]]
"""Topic, partition, records."""


Table = MutableMapping[bytes, bytes]
Tables = Callable[[int], Sequence[Table]]


def new_tables(partitions: int) -> Sequence[Table]:
    """State in memory."""
    return [{} for _ in range(partitions)]


class BareFold:
    """All partitions folded by the product's own lanes, and partials at the product's own pace."""

    def __init__(self, kafka: KafkaSettings, profile: Profile, run: Run, tables: Tables = new_tables) -> None:
        """`tables`: where the lanes keep their state."""
        models, self._run, self._kafka = {1: plant_model(profile)}, run, kafka
        self.lanes = [
            Lane(partition, self._partition_of, 1, models, table, track_wire, CHANGELOG_BYTES * 3 // 4)
            for partition, table in enumerate(tables(kafka.scan_partitions))
        ]
        self._pace, self._published = Pace(), time.monotonic()

    @property
    def is_done(self) -> bool:
        """Whether everything was folded."""
        return self._run.is_at_end({lane.partition: lane.offset for lane in self.lanes})

    def fold(self, partition: int, records: Sequence[Any]) -> Iterator[Batch]:
        """What these records bring about."""
        lane, at, end = self.lanes[partition], 0, records[-1].offset
        while lane.offset < end:
            effects, at = lane.fold(records, at, end)
            self._run.folds += 1
            if effects.rejects:
                yield topology.REJECTS.name, partition, effects.rejects
            yield topology.VISITS.name, partition, effects.outputs
            yield topology.UNITS_CHANGELOG, partition, [(key, value, ()) for key, value in effects.changelog]

    def partials(self) -> Iterator[Batch]:
        """What is to be published now, nothing between two pauses."""
        begun = time.monotonic()
        if begun - self._published < self._pace.interval_us / 1_000_000:
            return
        found: dict[int, list[Item]] = {}
        for lane in self.lanes:
            for operation, key, value in lane.partials(self._pace.most):
                found.setdefault(partition_of(operation, self._kafka.operation_partitions), []).append((key, value, ()))
        for target, items in found.items():
            yield topology.PARTIALS.name, target, items
        self._published = time.monotonic()
        self._pace.took(int((self._published - begun) * 1_000_000))

    def _partition_of(self, unit_id: str) -> int:
        return partition_of(unit_id, self._kafka.scan_partitions)


def frames(records: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut as track cuts, so that a unit is written as often."""
    for at in range(0, len(records), MOST_RECORDS):
        yield records[at : at + MOST_RECORDS]


async def with_aiokafka(fold: BareFold, kafka: KafkaSettings, run: Run) -> None:
    """The loop with aiokafka."""
    producer = BatchProducer(kafka, "bare", SystemClock(), OUTPUT_BYTES)
    states = BatchProducer(kafka, "bare-state", SystemClock(), CHANGELOG_BYTES)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.brokers, enable_auto_commit=False, auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES, fetch_max_wait_ms=FETCH_WAIT_MS, key_deserializer=raw,
    )  # fmt: skip
    for client in (producer, states, consumer):
        await client.start()
    consumer.assign([TopicPartition(topology.SCANS.name, p) for p in range(kafka.scan_partitions)])
    acks: list[Any] = []
    run.begin()
    while not fold.is_done:
        for tp, fetched in (await consumer.getmany(timeout_ms=100)).items():
            for frame in frames(fetched):
                for topic, partition, items in (*fold.fold(tp.partition, frame), *fold.partials()):
                    to = states if topic == topology.UNITS_CHANGELOG else producer
                    acks += await to.send(topic, partition, items)
    for ack in acks:
        await ack
    run.done()
    for client in (consumer, producer, states):
        await client.stop()


class _Message:
    """A message of librdkafka as the handler reads records."""

    __slots__ = ("headers", "key", "offset", "timestamp", "value")

    def __init__(self, message: Any) -> None:
        self.offset = message.offset()
        self.timestamp = message.timestamp()[1]
        self.key = message.key()
        self.value = message.value()
        self.headers = message.headers() or ()


def with_confluent(fold: BareFold, kafka: KafkaSettings, run: Run) -> None:
    """The loop with confluent-kafka."""
    from confluent_kafka import Consumer, KafkaException, Producer
    from confluent_kafka import TopicPartition as Place

    consumer = Consumer({
        "bootstrap.servers": kafka.brokers, "group.id": "bare", "enable.auto.commit": False,
        "auto.offset.reset": "earliest", "fetch.wait.max.ms": FETCH_WAIT_MS, "max.partition.fetch.bytes": FETCH_BYTES,
        "check.crcs": True,
    })  # fmt: skip
    producer = Producer({
        "bootstrap.servers": kafka.brokers, "acks": "all", "enable.idempotence": not kafka.embedded, "linger.ms": 5,
        "batch.size": OUTPUT_BYTES, "message.max.bytes": OUTPUT_BYTES, "queue.buffering.max.messages": 2_000_000,
        "queue.buffering.max.kbytes": 2 << 20, "delivery.report.only.error": True,
    })  # fmt: skip
    consumer.assign([Place(topology.SCANS.name, p, 0) for p in range(kafka.scan_partitions)])
    waiting: list[list[_Message]] = [[] for _ in fold.lanes]
    run.begin()
    while not fold.is_done:
        messages = consumer.consume(MOST_RECORDS, 0.1)
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
            waiting[message.partition()].append(_Message(message))
        for partition, records in enumerate(waiting):
            if len(records) >= MOST_RECORDS or (records and not messages):
                waiting[partition] = []
                for frame in frames(records):
                    _produce(producer, fold.fold(partition, frame))
                    _produce(producer, fold.partials())
    if producer.flush(60):
        raise TimeoutError("the broker did not acknowledge everything within 60 s")
    run.done()
    consumer.close()


def _produce(producer: Any, batches: Iterator[Batch]) -> None:
    for topic, partition, items in batches:
        for key, value, _ in items:
            producer.produce(topic, value, key, partition)
        producer.poll(0)


def main(words: Sequence[str] = sys.argv[1:], environment: Mapping[str, str] = os.environ) -> int:
    """`aiokafka` or `confluent`, then the profile's size and events; the run is in the environment."""
    client, size, events = words
    tune_runtime()
    kafka, run = settings.read(environment).kafka, Run.from_environment(environment)
    fold = BareFold(kafka, Profile.read(size, {"events": int(events), "partitions": kafka.scan_partitions}), run)
    if client == "confluent":
        with_confluent(fold, kafka, run)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(with_aiokafka(fold, kafka, run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
