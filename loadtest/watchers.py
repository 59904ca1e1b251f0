"""How soon a scan is seen: as a visit on the wire, as a row, and in the live stream as a browser gets it.

    floor.visits   the end-of-frame marks: every effect up to an offset stands before them
    database       sink_positions.mark: every row up to an offset is committed
    /v1/live       `arrivals` of each operation

Delays are taken from the instant at which a scan was due, so that a sender held up does not hide anything.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import asyncpg
import httpx
import msgspec
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from loadtest.traffic import SECOND_US, Scan
from services import topology
from services.adapters.clock import SystemClock
from services.adapters.raw_records import raw

ROW_POLL_S = 0.02
MEMORY_POLL_S = 0.5
MEGABYTE = 1 << 20


class Delays:
    """Of the scans of each place (a partition, an operation), in order: when each was seen."""

    def __init__(self) -> None:
        self._due: dict[object, list[int]] = {}
        self._seen: dict[object, int] = {}
        self._clock = SystemClock()
        self.delays: list[tuple[int, float]] = []
        """(due µs, seconds until it was seen)"""

    def expect(self, place: object, due: int) -> None:
        """One more will come here."""
        self._due.setdefault(place, []).append(due)

    def seen(self, place: object, count: int) -> None:
        """The first `count` of this place are there."""
        at, due, now = self._seen.get(place, 0), self._due.get(place, ()), self._clock.now_us()
        if count > at:
            self.delays += [(instant, (now - instant) / SECOND_US) for instant in due[at:count]]
            self._seen[place] = count

    def of(self, begin_us: int, end_us: int) -> list[float]:
        """Delays of what was due in this time."""
        return [delay for due, delay in self.delays if begin_us <= due < end_us]


class Watch:
    """The three delays of the same scans."""

    def __init__(self, first: Mapping[int, int], partitions: int) -> None:
        """`first`: partition → offset of the first scan that is expected there."""
        self._first, self._partitions = first, partitions
        self.visit, self.row, self.browser = Delays(), Delays(), Delays()

    def expect(self, scans: Sequence[Scan]) -> None:
        """These will be sent."""
        for scan in scans:
            self.visit.expect(scan.partition, scan.due)
            self.row.expect(scan.partition, scan.due)
            if scan.arrival:
                self.browser.expect(scan.operation, scan.due)

    def reached(self, delays: Delays, partition: int, offset: int) -> None:
        """Everything up to this offset of floor.scans is there."""
        if partition in self._first:
            delays.seen(partition, offset - self._first[partition] + 1)

    @contextlib.asynccontextmanager
    async def watching(self, broker: str, database: str, address: str, *, visits: bool) -> AsyncIterator[None]:
        """Watch all three; the visits on the wire only if asked for, because that takes CPU from everybody."""
        work = [self._rows(database), self._browser(address)] + ([self._visits(broker)] if visits else [])
        tasks = [asyncio.create_task(each) for each in work]
        try:
            yield
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _visits(self, broker: str) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=broker, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=20,
            key_deserializer=raw,
        )  # fmt: skip
        await consumer.start()
        try:
            consumer.assign([TopicPartition(topology.VISITS.name, number) for number in range(self._partitions)])
            decode = msgspec.json.Decoder(_Mark).decode
            while True:
                for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                    for record in records:
                        if record.key == topology.MARK_KEY:
                            self.reached(self.visit, tp.partition, decode(record.value).mark)
        finally:
            await consumer.stop()

    async def _rows(self, database: str) -> None:
        conn = await asyncpg.connect(database)
        try:
            ask = await conn.prepare("SELECT partition, mark FROM sink_positions WHERE topic = $1")
            while True:
                for partition, mark in await ask.fetch(topology.VISITS.name):
                    self.reached(self.row, partition, mark)
                await asyncio.sleep(ROW_POLL_S)
        finally:
            await conn.close()

    async def _browser(self, address: str) -> None:
        decode = msgspec.json.Decoder(_Told).decode
        async with (
            httpx.AsyncClient(base_url=address, trust_env=False, timeout=None) as client,
            client.stream("GET", "/v1/live") as answer,
        ):
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    for operation in decode(line[6:]).operations:
                        self.browser.seen(operation.operation_id, operation.state.arrivals)


class _Mark(msgspec.Struct):
    mark: int


class _State(msgspec.Struct):
    arrivals: int


class _Operation(msgspec.Struct):
    operation_id: str
    state: _State


class _Told(msgspec.Struct):
    operations: list[_Operation] = []


class Memory:
    """The most resident memory (MB) that each process of a stack has had."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.most: dict[str, float] = {}

    async def watch(self) -> None:
        """Look at it for ever."""
        while True:
            for name, used in self._now().items():
                self.most[name] = max(used, self.most.get(name, 0.0))
            await asyncio.sleep(MEMORY_POLL_S)

    def _now(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for child in psutil.Process(self._pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                name = _name(child.cmdline())
                shared = child.memory_info().shared if name == "postgres" else 0
                used = (child.memory_info().rss - shared) / MEGABYTE
                found[name] = found.get(name, 0.0) + used
        return found


def _name(command: Sequence[str]) -> str:
    """What the process is, from its command line."""
    module = next((word for word in command if word.startswith("services.")), None)
    if module is not None:
        return module.rpartition(".")[2]
    return "kafka" if command and Path(command[0]).name == "java" else "postgres"
