"""The aggregate stage as processes of their own, and what lies in its topics."""

import json
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services import topology
from services.adapters import aggregate_wire
from services.core.identity import partition_of
from services.core.operations import Operations
from services.core.partials import Partials
from tests.partials import Sent
from tests.parts import OPERATION_PARTITIONS, SCAN_PARTITIONS
from tests.stage_process import StageProcesses

ROOT = Path(__file__).parents[2]
THE_PLANT = "the plant"


class AggregateProcesses(StageProcesses):
    """Starts and ends workers on one broker."""

    def __init__(self, broker: str, profile: str, directory: Path) -> None:
        environment = {
            "FLOORSTREAM_KAFKA": broker,
            "FLOORSTREAM_PROFILE": profile,
            "FLOORSTREAM_SESSION_TIMEOUT_S": "6",
            "FLOORSTREAM_DATA_DIR": str(directory),
            "FLOORSTREAM_PARTITIONS": str(SCAN_PARTITIONS),
            "FLOORSTREAM_OPERATION_PARTITIONS": str(OPERATION_PARTITIONS),
        }
        super().__init__("services.aggregate", directory / "aggregate.log", environment)


def places(key: bytes) -> range | list[int]:
    """The partitions of floor.partials that a partial goes to."""
    kind, *rest = key.decode().split("|", 2)
    if kind == "pt":
        return range(OPERATION_PARTITIONS)
    operation = rest[1] if kind == "op" else rest[1].split("|", 2)[2]
    return [partition_of(operation, OPERATION_PARTITIONS)]


async def feed(producer: AIOKafkaProducer, sent: list[Sent]) -> None:
    """Partials as track sends them."""
    for key, value in sent:
        for partition in places(key):
            await producer.send_and_wait(topology.PARTIALS.name, value, key=key, partition=partition)


class Shown:
    """floor.operations as a reader knows it: the latest value of every key, by partition."""

    def __init__(self, broker: str) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=broker, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=50
        )
        self.latest: dict[tuple[int, bytes], bytes] = {}
        self.count = 0

    async def start(self) -> None:
        """Connect."""
        await self._consumer.start()
        where = [TopicPartition(topology.OPERATIONS.name, number) for number in range(OPERATION_PARTITIONS)]
        self._consumer.assign(where)
        await self._consumer.seek_to_beginning(*where)

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def read(self) -> None:
        """What has come meanwhile."""
        for tp, records in (await self._consumer.getmany(timeout_ms=100)).items():
            for record in records:
                self.latest[tp.partition, record.key] = record.value
                self.count += 1

    def states(self) -> dict[str, dict[str, Any]]:
        """Operation states by operation, from the partition where each belongs."""
        return {
            key.decode(): json.loads(value)
            for (partition, key), value in self.latest.items()
            if key != topology.PLANT_KEY and partition == partition_of(key.decode(), OPERATION_PARTITIONS)
        }

    def summed_at(self, name: str) -> int:
        """As of when the state of an operation, or of THE_PLANT, was summed up: microseconds since 1970."""
        state = self.plant() if name == THE_PLANT else self.states()[name]
        assert state is not None, f"nothing was published of {name}"
        return int(state["as_of_us"])

    def plant(self) -> dict[str, Any] | None:
        """The plant's state."""
        value = self.latest.get((0, topology.PLANT_KEY))
        return None if value is None else json.loads(value)


class Expected:
    """The pure sum of partials, asked for as of the instants at which states were published."""

    def __init__(self, sent: list[Sent]) -> None:
        self.partials = Partials()
        for key, value in sent:
            self.partials.put(aggregate_wire.decode_partial(key, value))

    def differing(self, shown: Shown) -> list[str]:
        """Operations (and the plant) whose published state is not the sum, byte for byte once decoded."""
        operations, states = Operations(self.partials), shown.states()
        wrong = [
            name
            for name in self.partials.operations | states.keys()
            if name not in states
            or states[name]
            != json.loads(aggregate_wire.operation_state(operations.state(name, states[name]["as_of_us"])))
        ]
        plant = shown.plant()
        if plant is None or plant != json.loads(aggregate_wire.plant_state(operations.plant(plant["as_of_us"]))):
            wrong.append(THE_PLANT)
        return wrong
