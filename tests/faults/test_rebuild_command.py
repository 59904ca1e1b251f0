"""`floorstream rebuild` on a Kafka whose state was lost: the same rows in the next generation, however often killed."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services import topology
from services.adapters.plant_master import order_key
from services.commands.verify import verify
from tests.faults.scans import PARTITIONS, Floor, producing
from tests.faults.topics import empty
from tests.faults.track_process import TrackProcesses, ended
from tests.integration.store_process import StoreProcess
from tests.integration.up_process import command
from tests.parts import ask, orders_of, until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("real_kafka")]
UNITS = 60
MASTER = topology.MASTER.name
ROWS = {
    "visits": "SELECT unit_id, visit_seq, operation_id, arrived, departed, outcome, flags, repeats, dwell_us"
    " FROM visits WHERE NOT deleted AND generation = (SELECT generation FROM current_generation)",
    "rejects": "SELECT reason, value, recorded FROM rejects"
    " WHERE generation = (SELECT generation FROM current_generation)",
}


@pytest.fixture
def stores(fresh_broker: str, database: str, tmp_path: Path) -> Iterator[StoreProcess]:
    """Stores between the broker and the database, ended after the test."""
    processes = StoreProcess(fresh_broker, database, tmp_path / "store.log")
    yield processes
    processes.end()


@dataclass
class Plant:
    """Track and store on one Kafka and one database."""

    floor: Floor
    dsn: str
    workers: TrackProcesses
    stores: StoreProcess

    @asynccontextmanager
    async def at_work(self, generation: int) -> AsyncIterator[None]:
        """Both run, and afterwards are stopped as an operator would."""
        both = [each.start(FLOORSTREAM_GENERATION=str(generation)) for each in (self.workers, self.stores)]
        yield
        for child in both:
            child.send_signal(signal.SIGTERM)
        assert [await ended(child) for child in both] == [0, 0]

    async def order(self, revision: int) -> None:
        """A production order, as ingest writes it."""
        order = {"order_id": "O-1", "revision": revision}
        async with producing(self.floor.broker) as producer:
            await producer.send_and_wait(MASTER, json.dumps(order).encode(), key=order_key("O-1"), partition=0)

    async def stored(self, generation: int) -> None:
        """Wait until the rows cover all of floor.scans, with what track itself wrote there, and the orders."""
        query = "SELECT partition, mark FROM sink_positions WHERE topic = $1 AND generation = $2"

        async def covered() -> bool:
            marks = {row[0]: row[1] for row in await ask(self.dsn, query, topology.VISITS.name, generation)}
            ordered = await ask(self.dsn, "SELECT revision FROM orders")
            whole = all(marks.get(partition, -1) >= end - 1 for partition, end in (await self._ends()).items())
            return whole and [tuple(row) for row in ordered] == [(2,)]

        await until(covered, f"generation {generation} is stored", 120)

    async def _ends(self) -> dict[int, int]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.floor.broker)
        await consumer.start()
        try:
            ends = await consumer.end_offsets([TopicPartition(topology.SCANS.name, p) for p in range(PARTITIONS)])
        finally:
            await consumer.stop()
        return {where.partition: end for where, end in ends.items()}

    async def rows(self) -> dict[str, list[str]]:
        """What readers see."""
        return {name: sorted(map(repr, map(tuple, await ask(self.dsn, query)))) for name, query in ROWS.items()}

    async def verified(self) -> None:
        """The rows are the fold of what is stored."""
        assert list((await verify(self.dsn, "", 0)).differences.lines()) == []

    def rebuilding(self, *words: str) -> "subprocess.Popen[str]":
        """The command, in another terminal."""
        settings = {
            "FLOORSTREAM_KAFKA": self.floor.broker, "FLOORSTREAM_DATABASE_URL": self.dsn,
            "FLOORSTREAM_PARTITIONS": str(PARTITIONS),
        }  # fmt: skip
        return subprocess.Popen(
            command("rebuild", *words), env={**os.environ, **settings}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    async def rebuild(self, *words: str) -> tuple[int, str]:
        """Exit code and words of the command."""
        child = self.rebuilding(*words)
        said, _ = await asyncio.to_thread(child.communicate, timeout=120)
        return child.returncode, said


@pytest.fixture
async def plant(floor: Floor, database: str, workers: TrackProcesses, stores: StoreProcess) -> Plant:
    """A plant whose first generation is stored, and whose stages are stopped."""
    made = Plant(floor, database, workers, stores)
    async with made.at_work(1):
        await floor.produce(seed=8, units=UNITS, astray=1)
        await made.order(revision=1)
        await made.order(revision=2)
        await made.stored(1)
    return made


async def test_a_state_that_was_lost_comes_back_as_the_next_generation(plant: Plant) -> None:
    before = await plant.rows()
    await empty(plant.floor.broker, topology.UNITS_CHANGELOG)
    assert await ended(plant.workers.start()) == 70
    code, said = await plant.rebuild()
    assert (code, "--delete" in said, await plant.rows()) == (1, True, before), said
    code, said = await plant.rebuild("--delete")
    assert (code, "FLOORSTREAM_GENERATION=2" in said) == (0, True), said
    assert await ended(plant.stores.start(FLOORSTREAM_GENERATION="1")) == 2
    assert "FLOORSTREAM_GENERATION=2" in plant.stores.log
    async with plant.at_work(2):
        await plant.floor.produce(seed=9, units=UNITS)
        await plant.stored(2)
    assert await orders_of(plant.floor.broker) == {"O-1": {"order_id": "O-1", "revision": 2}}
    after = await plant.rows()
    assert set(before["visits"]) < set(after["visits"])
    assert set(before["rejects"]) < set(after["rejects"])
    await plant.verified()


async def test_killed_on_the_way_it_is_given_again(plant: Plant) -> None:
    before = await plant.rows()
    for words in ("made empty", "written 已写入: 0 /"):
        if not await killed_at(plant, words):
            break  # this machine was quicker than the signal
        assert await ended(plant.stores.start(FLOORSTREAM_GENERATION="1")) == 2
        assert "floorstream rebuild" in plant.stores.log
        assert await plant.rows() == before
    else:
        code, said = await plant.rebuild("--delete")
        assert (code, "FLOORSTREAM_GENERATION=2" in said) == (0, True), said
    async with plant.at_work(2):
        await plant.stored(2)
    assert await plant.rows() == before
    await plant.verified()


async def killed_at(plant: Plant, words: str) -> bool:
    """Kill the command when it says so; False if it had ended before."""
    child = plant.rebuilding("--delete")
    assert child.stdout is not None
    said = []
    for line in child.stdout:
        said.append(line)
        if words in line:
            child.kill()
            break
    child.communicate()
    assert any(words in line for line in said), "".join(said)
    return child.returncode != 0


async def test_what_speaks_against_it_is_said_and_nothing_is_changed(plant: Plant) -> None:
    before = await plant.rows()
    async with plant.at_work(1):
        await plant.stored(1)
        code, said = await plant.rebuild("--delete")
        assert (code, topology.STORE_GROUP in said, topology.TRACK_GROUP in said) == (1, True, True), said
    await plant.floor.send([{"event_id": "new", "unit_id": "NEW", "event_time": "2026-11-20T08:00:00Z",
                             "operation_id": "OP10", "action": "arrive"}])  # fmt: skip
    code, said = await plant.rebuild("--delete")
    assert (code, "1 records of the log are not in the database" in said) == (1, True), said
    await plant.order(revision=2)
    code, said = await plant.rebuild("--delete")
    assert (code, "2 records of the log are not in the database" in said) == (1, True), said
    async with plant.at_work(1):
        await plant.stored(1)
    code, said = await plant.rebuild("--delete")
    assert code == 0, said
    async with plant.at_work(2):
        await plant.stored(2)
    assert set(before["visits"]) < set((await plant.rows())["visits"])
    await plant.verified()
