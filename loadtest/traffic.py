"""Scans at a given rate, each of which can be told apart in what comes of them.

A line's units all lie in one partition of floor.scans and nobody else's do: so the nth arrival at an operation is the
nth that was sent there, and whoever sees `arrivals` reach n has seen it. All values are made before the start, because
making them takes longer than sending them.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice

from loadtest.load import Profile
from services import topology
from services.adapters.batches import BatchProducer, Item
from services.adapters.clock import SystemClock
from services.core.identity import partition_of
from services.core.instant import format_instant
from services.settings import KafkaSettings

BESIDE = 40
"""Units of a line beside each other."""
TICK_S = 0.02
BATCH_BYTES = 1 << 20
SECOND_US = 1_000_000
HEADERS = [(topology.SOURCE_HEADER, b"mes")]


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan: when it is due (µs), where it goes, and as the nth arrival where (`""`: it is none)."""

    due: int
    partition: int
    key: bytes
    value: bytes
    operation: str
    arrival: int


@dataclass(slots=True)
class Line:
    """Units going through the operations of one line, step by step."""

    name: str
    operations: Sequence[str]
    partition: int
    partitions: int
    arrivals: list[int] = field(init=False)
    _names: Iterator[str] = field(init=False)
    _units: list[str] = field(default_factory=list)
    _sent: int = 0

    def __post_init__(self) -> None:
        self.arrivals = [0] * len(self.operations)
        named = (f"{self.name}-{number:07d}" for number in count())
        self._names = (name for name in named if partition_of(name, self.partitions) == self.partition)

    def next(self, due: int) -> Scan:
        """Its next scan: all units arrive at one operation after the other, then all are completed."""
        turn, beside = divmod(self._sent, BESIDE)
        step = turn % (len(self.operations) + 1)
        if step == 0 and beside == 0:
            self._units = list(islice(self._names, BESIDE))
        unit = self._units[beside]
        what, operation, arrival = '"action":"complete"', "", 0
        if step < len(self.operations):
            operation = self.operations[step]
            self.arrivals[step] += 1
            arrival = self.arrivals[step]
            what = f'"read_point_id":"{operation}.arrive"'
        value = (
            f'{{"event_id":"{self.name}-{self._sent}","unit_id":"{unit}",{what},"event_time":"{format_instant(due)}"}}'
        )
        self._sent += 1
        return Scan(due, self.partition, unit.encode(), value.encode(), operation, arrival)


class Traffic:
    """All lines of a plant in turn."""

    def __init__(self, profile: Profile) -> None:
        self._lines = [
            Line(
                f"L{line:02d}",
                [f"L{line:02d}.OP{10 * step:03d}" for step in range(1, profile.routing + 1)],
                line % profile.partitions,
                profile.partitions,
            )
            for line in range(profile.products)
        ]
        self._made = 0

    def scans(self, begin_us: int, rate: float, seconds: float) -> list[Scan]:
        """So many a second for so long, from this instant on."""
        made = []
        for number in range(round(rate * seconds)):
            line = self._lines[self._made % len(self._lines)]
            self._made += 1
            made.append(line.next(begin_us + round(number * SECOND_US / rate)))
        return made


class Sender:
    """Sends scans when they are due, or as soon as the broker takes them; knows their offsets."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._producer = BatchProducer(kafka, "bench", SystemClock(), BATCH_BYTES)
        self._clock = SystemClock()
        self.sent = 0
        self.acknowledged = 0
        self.first: dict[int, int] = {}
        """Partition → offset of its first scan; the others follow without a gap, for nobody else writes."""

    async def __aenter__(self) -> "Sender":
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def send(self, scans: Sequence[Scan], enough: asyncio.Event | None = None) -> None:
        """All of them, or until `enough`; returns when the broker has acknowledged them."""
        at, acks = 0, []
        while at < len(scans) and not (enough and enough.is_set()):
            now, begun = self._clock.now_us(), at
            while at < len(scans) and scans[at].due <= now:
                at += 1
            by_partition: dict[int, list[Item]] = {}
            for scan in scans[begun:at]:
                by_partition.setdefault(scan.partition, []).append((scan.key, scan.value, HEADERS))
            for partition, items in by_partition.items():
                futures = await self._producer.send(topology.SCANS.name, partition, items)
                if partition not in self.first:
                    self.first[partition] = int((await futures[0]).offset)
                acks += futures
            self.sent += at - begun
            await asyncio.sleep(TICK_S)
        for ack in acks:
            await ack
        self.acknowledged += at
