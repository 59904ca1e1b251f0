"""A broker with the benchmark's load in floor.scans, and the proof that a timed run made of it what the fold makes.

Every run gets a broker of its own: new topics, no group, no memory of the run before.
"""

import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.fold_alone import fold_through, new_lanes
from loadtest.load import MARKER, Profile, ScanRecord, by_partition, plant_document, plant_model
from loadtest.measured import ENDS, RESULT
from services import topology
from services.adapters.batches import BatchProducer, Item
from services.adapters.clock import SystemClock
from services.adapters.frames import MOST_RECORDS
from services.adapters.raw_records import raw
from services.adapters.topics import create_topics
from services.adapters.wire import UnitChanged, VisitRow, decode_event, encode, visit_row
from services.core.log import LogFold
from services.embedded.apache_kafka import ApacheKafka
from services.embedded.broker import Broker
from services.settings import KafkaSettings
from services.track.handler import origin
from services.track.wire import UNIT

BATCH_BYTES = 1 << 20
OPERATION_PARTITIONS = 2
SESSION_S = 6
EPOCH_BYTES = 8
"""In front of every value of track's changelog; the bare loops have no epochs."""

Visits = dict[tuple[str, int], VisitRow]


class WrongResult(Exception):
    """A timed run did not make of the log what the fold makes of it: its figure counts for nothing."""


@dataclass(frozen=True)
class Written:
    """What a run has written, in bytes of keys and values."""

    changelog_bytes: int
    visits_bytes: int
    partials_bytes: int


class Expected:
    """What every run must come to: visits and last offsets, and a checksum over the last state of every unit.

    The visits are those of the offline fold; the states, which only the stage has, those of its lanes in memory.
    """

    def __init__(self, profile: Profile, records: Sequence[ScanRecord]) -> None:
        models = {1: plant_model(profile)}
        folds = [LogFold(models) for _ in range(profile.partitions)]
        for record in records:
            fold, came = folds[record.partition], origin(record)
            if record.value == MARKER:
                fold.marker(1)
            else:
                fold.take(decode_event(record.value), came.source, came.recorded)
        self.visits: Visits = {
            (unit, seq): visit_row(visit)
            for fold in folds
            for unit, rows in fold.visits.items()
            for seq, visit in rows.items()
        }
        parts = by_partition(profile, records)
        self.ends = tuple(len(part) - 1 for part in parts)
        lanes = new_lanes(profile)
        fold_through(lanes, parts, MOST_RECORDS)
        self.units = _checksum({k: v for lane in lanes for k, v in lane.table.items() if k[:1] == UNIT})


class BenchFloor:
    """One broker for one run, the embedded one unless another is given; `async with` starts it, fills it, and ends it.

    `empty`: without scans, until fill() is called.
    """

    def __init__(
        self,
        profile: Profile,
        records: Sequence[ScanRecord],
        data_dir: Path,
        broker: Broker | ApacheKafka | None = None,
        *,
        empty: bool = False,
    ) -> None:
        self._profile, self._records, self._data_dir, self._empty = profile, records, data_dir, empty
        self._broker = broker or Broker()
        self.address = ""

    async def __aenter__(self) -> Self:
        self.address = self._broker.start(self._data_dir)
        try:
            await self._prepare()
            if not self._empty:
                await self.fill()
        except BaseException:
            self._broker.kill()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._broker.stop()

    @property
    def _kafka(self) -> KafkaSettings:
        return KafkaSettings(self.address, True, 1, self._profile.partitions, OPERATION_PARTITIONS, SESSION_S)

    async def _prepare(self) -> None:
        """Topics, and the plant model."""
        await create_topics(self._kafka)
        plant = {"version": 1, "created_us": 0, "created_by": "bench", "model": plant_document(self._profile)}
        await self._write(topology.MASTER.name, [[(b"plant/1", json.dumps(plant).encode(), ())]])

    async def fill(self) -> None:
        """All scans, as fast as they can be written."""
        parts = by_partition(self._profile, self._records)
        await self._write(topology.SCANS.name, [[(r.key, r.value, r.headers) for r in part] for part in parts])

    async def _write(self, topic: str, parts: Sequence[Sequence[Item]]) -> None:
        producer = BatchProducer(self._kafka, "bench", SystemClock(), BATCH_BYTES)
        await producer.start()
        acks = [ack for number, part in enumerate(parts) for ack in await producer.send(topic, number, part)]
        for ack in acks:
            await ack
        await producer.stop()

    async def check(self, expected: Expected, epochs: bool) -> Written:
        """Read everything that was written; raises WrongResult where it is not what the fold makes."""
        found, visits_bytes = await self._read_visits()
        if found != expected.visits:
            raise WrongResult(f"{_differing(found, expected.visits)} of {len(expected.visits)} visits differ")
        changelog_bytes, units = 0, {}
        async for record in self.records(topology.UNITS_CHANGELOG):
            changelog_bytes += _size(record)
            if record.key[:1] == UNIT:
                units[record.key] = record.value[EPOCH_BYTES if epochs else 0 :]
        if _checksum(units) != expected.units:
            raise WrongResult(f"the states of {len(units)} units are not those of the fold")
        partials = sum([_size(record) async for record in self.records(topology.PARTIALS.name)])
        return Written(changelog_bytes, visits_bytes, partials)

    async def _read_visits(self) -> tuple[Visits, int]:
        """The newest revision of every visit, and the bytes of the topic."""
        visits: dict[tuple[str, int], tuple[int, VisitRow | None]] = {}
        size = 0
        decode = msgspec.json.Decoder(UnitChanged).decode
        async for record in self.records(topology.VISITS.name):
            size += _size(record)
            if record.key == topology.MARK_KEY:
                continue
            told = decode(record.value)
            for seq, row in [*((row.visit_seq, row) for row in told.visits), *((seq, None) for seq in told.deleted)]:
                if told.accepted > visits.get((told.unit_id, seq), (0, None))[0]:
                    visits[told.unit_id, seq] = told.accepted, row
        return {where: row for where, (_, row) in visits.items() if row is not None}, size

    async def records(self, topic: str) -> AsyncIterator[Any]:
        """Every record of the topic: nobody writes any more, so it ends where nothing comes."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.address, enable_auto_commit=False, auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 << 20, fetch_max_wait_ms=50, key_deserializer=raw,
        )  # fmt: skip
        await consumer.start()
        try:
            count = len(await _partitions(consumer, topic))
            consumer.assign([TopicPartition(topic, partition) for partition in range(count)])
            silent = 0
            while silent < 4:
                fetched = await consumer.getmany(timeout_ms=400)
                silent = 0 if fetched else silent + 1
                for records in fetched.values():
                    for record in records:
                        yield record
        finally:
            await consumer.stop()


def environment(floor: BenchFloor, profile: Profile, ends: Sequence[int], directory: Path) -> dict[str, str]:
    """Settings of a run on this floor, the same for all; its result comes into `directory`."""
    return {
        **os.environ,
        "FLOORSTREAM_KAFKA": floor.address, "FLOORSTREAM_PROFILE": "embedded", "FLOORSTREAM_DATA_DIR": str(directory),
        "FLOORSTREAM_PARTITIONS": str(profile.partitions), "FLOORSTREAM_SESSION_TIMEOUT_S": str(SESSION_S),
        "FLOORSTREAM_OPERATION_PARTITIONS": str(OPERATION_PARTITIONS),
        ENDS: json.dumps(list(ends)), RESULT: str(directory / "result.json"),
    }  # fmt: skip


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer.topics()
    return set(consumer.partitions_for_topic(topic) or ())


def _checksum(units: Mapping[bytes, bytes]) -> str:
    return sha256(encode(sorted(units.items()))).hexdigest()


def _size(record: Any) -> int:
    return len(record.key or b"") + len(record.value or b"")


def _differing(found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> int:
    return sum(found.get(where) != expected.get(where) for where in {*found, *expected})
