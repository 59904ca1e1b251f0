"""The machine lane on a broker: through kills, restarts and sleepers its states are those of one pass over the log."""

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from loadtest.lines import Line
from loadtest.machines import Machines, MachineSays
from loadtest.plant import Plant
from loadtest.shifts import MINUTE
from services import topology
from services.adapters import machines_wire
from services.adapters.clock import SystemClock
from services.adapters.plant_master import PlantRecord, plant_key, plant_value
from services.aggregate.machines import MachineLane, Place
from services.core.equipment import PlantModel
from services.core.identity import partition_of
from services.core.machine_plant import MachinePlant
from tests.integration.aggregate_process import AggregateProcesses
from tests.machine_floor import LINE_1, plant_of
from tests.parts import OPERATION_PARTITIONS, SCAN_PARTITIONS, until

pytestmark = pytest.mark.real_broker
HOUR = 60 * MINUTE
ROLLOVER = 2_500


class Record(NamedTuple):
    """A record as the lane reads it."""

    offset: int
    key: bytes | None
    value: bytes | None


class Floor:
    """A broker with a plant model in force, and what lies in its topics."""

    def __init__(self, broker: str, producer: AIOKafkaProducer) -> None:
        self._broker = broker
        self._producer = producer

    async def begin(self) -> None:
        """Version 1 of the plant model, and its markers."""
        record = PlantRecord(1, 0, "test", plant_of(LINE_1))
        await self._producer.send_and_wait(topology.MASTER.name, plant_value(record), key=plant_key(1), partition=0)
        for partition in range(SCAN_PARTITIONS):
            await self._producer.send_and_wait(
                topology.MACHINES.name, b'{"model":1}', key=topology.MARKER_KEY, partition=partition
            )

    async def say(self, said: list[MachineSays]) -> None:
        """Machine events as ingest writes them, some of them twice."""
        for each in said:
            partition = partition_of(each.work_unit, SCAN_PARTITIONS)
            for _ in range(1 + (each.number % 10 == 0)):
                await self._producer.send(
                    topology.MACHINES.name, each.message(), key=each.work_unit.encode(), partition=partition
                )
        await self._producer.flush()

    async def read(self, topic: str, partitions: int) -> dict[int, list[Record]]:
        """A whole topic as it is now, up to what a flushed marker of ours shows to be the end."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._broker, enable_auto_commit=False, fetch_max_wait_ms=50)
        await consumer.start()
        try:
            places = [TopicPartition(topic, number) for number in range(partitions)]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            found: dict[int, list[Record]] = {number: [] for number in range(partitions)}
            while True:
                batches = await consumer.getmany(timeout_ms=300)
                for place, records in batches.items():
                    found[place.partition] += [Record(r.offset, r.key, r.value) for r in records]
                if not batches:
                    return found
        finally:
            await consumer.stop()

    async def expected(self) -> dict[str, dict[str, Any]]:
        """What one pass over floor.machines says, as of now."""
        plants = {1: MachinePlant(PlantModel.from_document(plant_of(LINE_1), 1))}
        found: dict[str, dict[str, Any]] = {}
        for partition, records in (await self.read(topology.MACHINES.name, SCAN_PARTITIONS)).items():
            lane = MachineLane(Place(partition, SCAN_PARTITIONS, OPERATION_PARTITIONS), 1, 1 << 60, machines_wire)
            lane.take(records, plants)
            now = SystemClock().now_us()
            lane.begin(now)
            found |= {key.decode(): json.loads(value) for key, value, _ in lane.states(now, 1_000)}
        return found

    async def shown(self) -> dict[str, dict[str, Any]]:
        """The newest state of every work unit."""
        found: dict[str, dict[str, Any]] = {}
        for records in (await self.read(topology.WORK_UNITS.name, SCAN_PARTITIONS)).values():
            for record in records:
                if record.value is None or (record.key or b"").startswith(b"\x00"):
                    continue
                state = json.loads(record.value)
                known = found.get(state["work_unit_id"])
                if known is None or position(state) >= position(known):
                    found[state["work_unit_id"]] = state
        return found

    async def counted(self, operation: str) -> dict[str, Any] | None:
        """The counted WIP that was published last."""
        partition = partition_of(operation, OPERATION_PARTITIONS)
        records = (await self.read(topology.OPERATIONS.name, OPERATION_PARTITIONS))[partition]
        states = [json.loads(r.value) for r in records if r.key == operation.encode() and r.value]
        return states[-1]["counted"] if states else None

    async def equal(self) -> None:
        """Wait until what is shown is what one pass says."""

        async def is_equal() -> bool:
            return await self.shown() == await self.expected()

        await until(is_equal, "states of work units are those of one pass over the log", 60)


def position(state: dict[str, Any]) -> tuple[int, int, int]:
    return state["generation"], state["offset"], state["as_of_us"]


@pytest.fixture
async def floor(fresh_broker: str) -> AsyncIterator[Floor]:
    producer = AIOKafkaProducer(bootstrap_servers=fresh_broker, acks="all")
    await producer.start()
    floor = Floor(fresh_broker, producer)
    await floor.begin()
    yield floor
    await producer.stop()


@pytest.fixture
def workers(fresh_broker: str, broker_choice: str, tmp_path: Path) -> Iterator[AggregateProcesses]:
    profile = "embedded" if broker_choice == "embedded" else "kafka"
    processes = AggregateProcesses(fresh_broker, profile, tmp_path)
    yield processes
    processes.end()


def simulated() -> tuple[list[MachineSays], Machines]:
    """Six hours of line 1 that end now: rollovers, a reset, an hour without a gateway."""
    begin = SystemClock().now_us() - 6 * HOUR
    plant = Plant(11, [Line("CONTROLLER", ("L1.PRINT", "L1.PLACE", "L1.REFLOW"), begin, 3.6)], remember=False)
    machines = Machines(
        plant, ROLLOVER, {"L1-PLACER": begin + HOUR}, {"L1-PRINTER": (begin + 130 * MINUTE, begin + 190 * MINUTE)}
    )
    for _ in plant.reads(begin + 6 * HOUR):
        pass
    return list(machines.take()), machines


async def told(workers: AggregateProcesses, times: int) -> None:
    await until(lambda: ready(workers, times), f"{times} times that the worker takes work", 60)


async def ready(workers: AggregateProcesses, times: int) -> bool:
    return workers.log.count("takes work") >= times


@pytest.mark.row(2)
@pytest.mark.slow
async def test_killed_while_machines_talk_and_counted_wip_is_the_truth(
    workers: AggregateProcesses, floor: Floor
) -> None:
    said, machines = simulated()
    rnd, part = random.Random(5), len(said) // 4
    for kill in range(3):
        child = workers.start()
        await told(workers, kill + 1)
        talking = asyncio.create_task(floor.say(said[kill * part : (kill + 1) * part]))
        await asyncio.sleep(rnd.uniform(0, 0.8))
        child.kill()
        child.wait()
        await talking
    workers.start()
    await floor.say(said[3 * part :])
    await floor.equal()
    came_in, went_out = machines.told("L1-PRINTER"), machines.told("L1-PLACER")

    async def is_counted() -> bool:
        counted = await floor.counted("L1.PLACE")
        return counted is not None and (counted["wip"], counted["came_in"], counted["went_out"]) == (
            came_in - went_out,
            came_in,
            went_out,
        )

    await until(is_counted, f"{came_in} in, {went_out} out; shown: {await floor.counted('L1.PLACE')}")


async def test_a_worker_goes_on_from_what_is_written(workers: AggregateProcesses, floor: Floor) -> None:
    said, _ = simulated()
    child = workers.start()
    await told(workers, 1)
    await floor.say(said[:2000])
    await floor.equal()

    async def is_marked() -> bool:
        records = (await floor.read(topology.WORK_UNITS.name, SCAN_PARTITIONS)).values()
        return sum(r.key == topology.MARK_KEY for part in records for r in part) >= SCAN_PARTITIONS

    await until(is_marked, "every partition has a mark")
    child.kill()
    child.wait()
    workers.start()
    await told(workers, 2)
    await floor.say(said[2000:])
    await floor.equal()


@pytest.mark.row(35)
@pytest.mark.slow
async def test_a_sleeping_owner_harms_nothing(broker_choice: str, workers: AggregateProcesses, floor: Floor) -> None:
    if broker_choice == "embedded":  # it does not expire a stopped member
        pytest.skip("needs a real Kafka: --broker=apache")
    said, _ = simulated()
    first = workers.start("0")
    await told(workers, 1)
    await floor.say(said[:2000])
    await floor.equal()
    first.send_signal(signal.SIGSTOP)
    workers.start("1")
    await told(workers, 2)
    await floor.say(said[2000:])
    await floor.equal()
    first.send_signal(signal.SIGCONT)
    await told(workers, 4)
    await floor.equal()
