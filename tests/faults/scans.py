"""A seeded load of scans straight into Kafka, and what track must have made of them: folded from the log itself."""

import asyncio
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.plant import load_plant
from services import topology
from services.adapters.wire import decode_event, visit_row
from services.core.equipment import PlantModel
from services.core.errors import BadScan
from services.core.identity import partition_of
from services.core.instant import format_instant
from services.core.log import LogFold
from services.core.rows import books_of
from tests.parts import until

PARTITIONS = 4
START_US = 1_795_400_000_000_000
OPERATIONS = ("OP10", "OP20", "OP30", "OP40", "OP50")
PLANT = """
tracking: {max_clock_ahead: 3650d, history_events: 8}
site: {id: S}
areas:
  - id: A
    work_centers:
      - id: L
        operations: [{id: OP10}, {id: OP20}, {id: OP30}, {id: OP40}, {id: OP50}]
products: [{id: P, unit_cost: 2.5, routing: [OP10, OP20, OP30, OP40, OP50]}]
"""
ACTIONS = ("arrive", "start", "finish", "depart")


def events(seed: int, units: int) -> Iterator[dict[str, Any]]:
    """Events of many units side by side: repeats, late ones, voids, holds, scraps and quantities among them."""
    rng = random.Random(seed)
    steps = [(f"U{seed}-{unit}", step) for unit in range(units) for step in range(len(OPERATIONS) * len(ACTIONS))]
    rng.shuffle(steps)
    steps.sort(key=lambda each: each[1] + rng.random() * 3)
    sent: list[dict[str, Any]] = []
    for unit, step in steps:
        event: dict[str, Any] = {
            "event_id": f"{unit}-{step}",
            "event_time": format_instant(START_US + step * 60_000_000 + rng.randrange(50_000_000)),
            "unit_id": unit,
            "operation_id": OPERATIONS[step // len(ACTIONS)],
            "action": ACTIONS[step % len(ACTIONS)],
        }
        if rng.random() < 0.1:
            event["product_id"] = "P"
        if rng.random() < 0.05:
            event |= {"action": rng.choice(("hold", "release", "scrap")), "quantity": str(rng.randrange(1, 9))}
        if rng.random() < 0.02:
            event = {k: event[k] for k in ("event_id", "event_time", "unit_id")} | {"action": "void", "voids": "x"}
        sent.append(event)
        yield event
        if rng.random() < 0.08:
            yield rng.choice(sent[-40:])
        if rng.random() < 0.01:
            yield {"unit_id": unit, "event_id": f"bad-{unit}-{step}", "event_time": "yesterday", "action": "arrive"}


def once_each(units: int, action: str) -> Iterator[dict[str, Any]]:
    """One event of each of many units, at the first operation."""
    at = format_instant(START_US + ACTIONS.index(action) * 60_000_000)
    for unit in (f"K{number}" for number in range(units)):
        yield {
            "event_id": f"{unit}-{action}", "event_time": at, "unit_id": unit, "operation_id": OPERATIONS[0],
            "action": action,
        }  # fmt: skip


@dataclass
class Floor:
    """floor.scans as a test fills it, and what the other topics must hold in the end."""

    broker: str
    last: dict[int, int] = field(default_factory=dict)
    refused: dict[tuple[int, int], str] = field(default_factory=dict)
    seeds: set[int] = field(default_factory=set)

    async def publish_plant(self) -> None:
        """Version 1 and its markers."""
        async with producing(self.broker) as producer:
            model = {"version": 1, "created_us": 0, "created_by": "test", "model": load_plant(PLANT)}
            await producer.send_and_wait(topology.MASTER.name, json.dumps(model).encode(), key=b"plant/1", partition=0)
            for partition in range(PARTITIONS):
                await producer.send_and_wait(
                    topology.SCANS.name,
                    b'{"model":1}',
                    key=topology.MARKER_KEY,
                    partition=partition,
                    headers=[(topology.MARKER_HEADER, b"1")],
                )

    async def produce(self, seed: int, units: int, pause_every: int = 0, astray: int = 0) -> None:
        """Send a load; every so many events wait for the acknowledgements, which spreads it over time.

        `astray`: so many partitions beside their own.
        """
        self.seeds.add(seed)
        await self.send(events(seed, units), pause_every, astray)

    async def send(self, load: Iterable[dict[str, Any]], pause_every: int = 0, astray: int = 0) -> None:
        """The same with these events."""
        async with producing(self.broker) as producer:
            acks = []
            for number, event in enumerate(load):
                unit = str(event["unit_id"])
                acks.append(
                    await producer.send(
                        topology.SCANS.name,
                        json.dumps(event).encode(),
                        key=unit.encode(),
                        partition=(partition_of(unit, PARTITIONS) + astray) % PARTITIONS,
                    )
                )
                if pause_every and number % pause_every == 0:
                    await acks[-1]
                    await asyncio.sleep(0)
            for ack in acks:
                told = await ack
                self.last[told.partition] = max(self.last.get(told.partition, -1), told.offset)

    async def tracked(self, seconds: float = 90) -> "Tracked":
        """Wait until every partition's mark covers what was sent, then all that track has published."""
        tracked = Tracked()
        async with consuming(self.broker, topology.VISITS.name, PARTITIONS) as consumer:

            async def covered() -> bool:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        tracked.take(record)
                return all(tracked.marks.get(p, -1) >= offset for p, offset in self.last.items())

            await until(covered, f"marks {tracked.marks} cover {self.last}", seconds)
        return tracked

    async def folded(self) -> list[LogFold]:
        """The log itself, folded partition by partition."""
        model = PlantModel.from_document(load_plant(PLANT), 1)
        folds = [LogFold({1: model}) for _ in range(PARTITIONS)]
        async for record in whole(self.broker, topology.SCANS.name, self.last):
            fold = folds[record.partition]
            if record.key == topology.MARKER_KEY:
                fold.marker(1)
                continue
            try:
                refusal = fold.take(decode_event(record.value), "kafka", record.timestamp * 1000).refusal
            except BadScan as unreadable:
                refusal = unreadable
            if refusal is not None:
                self.refused[record.partition, record.offset] = str(refusal.reason)
        return folds

    async def rejected(self) -> dict[tuple[int, int], str]:
        """What track has refused, by coordinates."""
        found = {}
        wanted = {p: max((o for q, o in self.refused if q == p), default=-1) for p in range(PARTITIONS)}
        async with consuming(self.broker, topology.REJECTS.name, PARTITIONS) as consumer:

            async def read() -> bool:
                batches = (await consumer.getmany(timeout_ms=200)).values()
                for record in (record for records in batches for record in records):
                    reject = json.loads(record.value)
                    found[reject["partition"], reject["offset"]] = reject["reason"]
                reached = {p: max((o for q, o in found if q == p), default=-1) for p in wanted}
                return not batches and all(reached[p] >= wanted[p] for p in wanted)

            await until(read, f"rejects up to {wanted}", 30)
        return found

    async def check(self) -> "Tracked":
        """All that was published equals the fold of the log, row by row."""
        tracked, folds = await self.tracked(), await self.folded()
        expected = {
            (unit, seq): encoded(visit_row(visit))
            for fold in folds
            for unit, visits in fold.visits.items()
            for seq, visit in visits.items()
        }
        assert tracked.visits() == expected, "the visits differ from the fold"
        assert await self.rejected() == self.refused, "the rejects differ from the fold"
        for fold in folds:
            books_of(fold)
        return tracked


class Tracked:
    """What a reader of floor.visits knows: the newest revision of every visit, and the marks."""

    def __init__(self) -> None:
        self.marks: dict[int, int] = {}
        self.repeats = 0
        self._rows: dict[tuple[str, int], tuple[int, dict[str, Any] | None]] = {}

    def take(self, record: Any) -> None:
        """One record of floor.visits."""
        message = json.loads(record.value)
        if "mark" in message:
            self.marks[message["partition"]] = max(message["mark"], self.marks.get(message["partition"], -1))
            return
        if "unit_id" not in message:
            return
        revision = message["accepted"]
        rows: list[tuple[int, dict[str, Any] | None]] = [(row["visit_seq"], row) for row in message["visits"]]
        for seq, row in [*rows, *((seq, None) for seq in message["deleted"])]:
            key = message["unit_id"], seq
            known = self._rows.get(key)
            if known is not None and known[0] == revision:
                self.repeats += 1
                assert known[1] == row, f"{key} has two contents under revision {revision}"
            if known is None or revision > known[0]:
                self._rows[key] = revision, row

    def visits(self) -> dict[tuple[str, int], dict[str, Any]]:
        """The rows as they stand."""
        return {key: row for key, (_, row) in self._rows.items() if row is not None}


def encoded(row: Any) -> dict[str, Any]:
    """A row as it looks after a journey as JSON."""
    return {name: getattr(row, name) for name in row.__struct_fields__}


class producing:
    """A started producer for a `async with`."""

    def __init__(self, broker: str) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all")

    async def __aenter__(self) -> AIOKafkaProducer:
        await self._producer.start()
        return self._producer

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()


class consuming:
    """A consumer of a whole topic from its beginning, for a `async with`."""

    def __init__(self, broker: str, topic: str, partitions: int) -> None:
        self._where = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=broker,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )

    async def __aenter__(self) -> AIOKafkaConsumer:
        await self._consumer.start()
        self._consumer.assign(self._where)
        await self._consumer.seek_to_beginning(*self._where)
        return self._consumer

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()


async def whole(broker: str, topic: str, last: dict[int, int]) -> Any:
    """All records of a topic up to these offsets, partition by partition in order."""
    reached: dict[int, int] = {}
    async with consuming(broker, topic, PARTITIONS) as consumer:
        while any(reached.get(partition, -1) < offset for partition, offset in last.items()):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    reached[record.partition] = record.offset
                    yield record
