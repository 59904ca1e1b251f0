"""A source topic, workers on it, and the state they leave, for the tests of frames."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.adapters.frame_replay import EPOCH_KEY, MARK_KEY, PREFIX
from tests.integration.frame_worker import PARTITIONS
from tests.parts import until

ROOT = Path(__file__).parents[2]
State = dict[bytes, list[int]]


@dataclass
class FrameFloor:
    """Topics of one group on a broker, and its workers."""

    broker: str
    group: str
    directory: Path
    idempotent: bool
    sent: list[tuple[bytes, int, int]] = field(default_factory=list)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def source(self) -> str:
        return f"{self.group}-in"

    @property
    def changelog(self) -> str:
        return f"{self.group}-counts-changelog"

    @property
    def log(self) -> str:
        """Everything the workers have said."""
        return (self.directory / "worker.log").read_text(encoding="utf-8")

    async def create(self) -> None:
        """Make the topics."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await admin.start()
        try:
            names = (self.source, f"{self.group}-out", self.changelog)
            await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
        finally:
            await admin.close()

    async def empty_changelog(self) -> None:
        """Delete the state topic and make it again."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await admin.start()

        async def gone() -> bool:
            return self.changelog not in await admin.list_topics()

        try:
            await admin.delete_topics([self.changelog])
            await until(gone, "the changelog is deleted")
            await admin.create_topics([NewTopic(self.changelog, PARTITIONS, 1)])
        finally:
            await admin.close()

    async def produce(self, count: int, seed: int) -> None:
        """Append `count` records of random keys and numbers."""
        choose = random.Random(seed)
        async with AIOKafkaProducer(bootstrap_servers=self.broker) as producer:
            for _ in range(count):
                key, number = b"u%d" % choose.randrange(500), choose.randrange(1_000)
                partition = key[-1] % PARTITIONS
                await producer.send(self.source, b"%d" % number, key=key, partition=partition)
                self.sent.append((key, number, partition))

    async def transact(self, sends: Iterable[tuple[bytes, int, bool]]) -> None:
        """One transaction per record (key, number, whether it is committed), all to partition 0."""
        async with AIOKafkaProducer(bootstrap_servers=self.broker, transactional_id=self.group) as producer:
            for key, number, committed in sends:
                await producer.begin_transaction()
                await producer.send_and_wait(self.source, b"%d" % number, key=key, partition=0)
                await (producer.commit_transaction() if committed else producer.abort_transaction())
                if committed:
                    self.sent.append((key, number, 0))

    async def append(self, topic: str, partition: int, records: Iterable[tuple[bytes, bytes]]) -> int:
        """Append records one by one as a stranger would; the offset of the last."""
        async with AIOKafkaProducer(bootstrap_servers=self.broker) as producer:
            for key, value in records:
                offset: int = (await producer.send_and_wait(topic, value, key=key, partition=partition)).offset
        return offset

    def start(self) -> subprocess.Popen[bytes]:
        """One more worker."""
        with (self.directory / "worker.log").open("ab") as output:
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.frame_worker", self.broker, self.group,
                 str(self.directory), str(int(self.idempotent))],
                cwd=ROOT, env=dict(os.environ), stdout=output, stderr=output,
            )  # fmt: skip
        self.workers.append(worker)
        return worker

    def end(self) -> None:
        """Kill the workers that still run."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()

    def folded(self) -> State:
        """What the state has to be: an offline fold of what was sent."""
        state: State = {}
        for key, number, _ in self.sent:
            count, total = state.get(key, [0, 0])
            state[key] = [count + 1, total + number]
        return state

    async def state(self) -> tuple[State, dict[int, int]]:
        """Values and marks as the changelog has them now; what a former owner wrote late does not count."""
        values: State = {}
        marks: dict[int, int] = {}
        owners = dict.fromkeys(range(PARTITIONS), -1)
        for record in await self._records():
            if record.key == EPOCH_KEY:
                owners[record.partition] = record.offset
            elif PREFIX.unpack_from(record.value)[0] < owners[record.partition]:
                continue
            elif record.key == MARK_KEY:
                marks[record.partition] = json.loads(record.value[PREFIX.size :])["offset"]
            elif record.key[:1] != b"\x00":
                values[record.key] = json.loads(record.value[PREFIX.size :])
        return values, marks

    async def epochs(self, partition: int) -> list[int]:
        """Offsets of the epoch records."""
        return [r.offset for r in await self._records() if r.partition == partition and r.key == EPOCH_KEY]

    async def _records(self) -> list[Any]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.broker, fetch_max_wait_ms=50)
        await consumer.start()
        try:
            partitions = [TopicPartition(self.changelog, number) for number in range(PARTITIONS)]
            consumer.assign(partitions)
            for partition in partitions:
                consumer.seek(partition, 0)
            records: list[Any] = []
            while found := await consumer.getmany(timeout_ms=300):
                records += [record for some in found.values() for record in some]
            return records
        finally:
            await consumer.stop()

    async def committed(self) -> int:
        """How many records the group has acknowledged."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.broker, group_id=self.group, enable_auto_commit=False)
        await consumer.start()
        try:
            found = [await consumer.committed(TopicPartition(self.source, number)) for number in range(PARTITIONS)]
            return sum(offset or 0 for offset in found)
        finally:
            await consumer.stop()

    async def until_committed(self, count: int, seconds: float = 90) -> None:
        """Wait until so many records are acknowledged."""

        async def enough() -> bool:
            return await self.committed() >= count

        await until(enough, f"{count} records are acknowledged", seconds)

    async def until_said(self, text: str, seconds: float = 60) -> None:
        """Wait for a line in the workers' log."""

        async def said() -> bool:
            return text in self.log

        await until(said, f"a worker says {text!r}", seconds)

    async def until_ended(self, worker: subprocess.Popen[bytes], seconds: float = 60) -> int:
        """The exit code."""

        async def gone() -> bool:
            return worker.poll() is not None

        await until(gone, "the worker has ended", seconds)
        return int(worker.returncode)
