"""The alert stage as processes of their own, a floor that feeds it, and what lies in floor.alerts.

KILL_AT / PAUSE_AT = STEP:N — at the N-th time the step is reached, SIGKILL or SIGSTOP to itself.
Steps: claimed, restored, decided, sent, acked. WITHOUT names a defence that is taken away here, in the test.
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.plant import load_plant
from services import settings, topology
from services.adapters.clock import SystemClock
from services.adapters.plant_master import PlantRecord, plant_key, plant_value
from services.alert.app import serve
from services.core.identity import partition_of
from tests.faults.alert_defences import take_away
from tests.integration.store_process import at_points
from tests.parts import OPERATION_PARTITIONS, SCAN_PARTITIONS, until
from tests.stage_process import StageProcesses

ROOT = Path(__file__).parents[2]
STEPS = ("claimed", "restored", "decided", "sent", "acked")
SECOND = 1_000_000


class AlertProcesses(StageProcesses):
    """Starts and ends workers on one broker."""

    def __init__(self, broker: str, profile: str, directory: Path) -> None:
        self._embedded = profile == "embedded"
        environment = {
            "FLOORSTREAM_KAFKA": broker,
            "FLOORSTREAM_PROFILE": profile,
            "FLOORSTREAM_PARTITIONS": str(SCAN_PARTITIONS),
            "FLOORSTREAM_OPERATION_PARTITIONS": str(OPERATION_PARTITIONS),
            # The embedded broker lets a lone member that nobody waits for join in half a session.
            "FLOORSTREAM_SESSION_TIMEOUT_S": "1" if self._embedded else "6",
            "FLOORSTREAM_DATA_DIR": str(directory),
        }
        super().__init__("tests.integration.alert_process", directory / "alert.log", environment)

    def start(self, instance: str = "0", **environment: str) -> subprocess.Popen[bytes]:
        """One more worker."""
        return super().start("" if self._embedded else instance, **environment)


@dataclass
class Floor:
    """Publishes plant models, states of operations, signs of life and actions as the other stages do."""

    producer: AIOKafkaProducer
    clock: SystemClock = field(default_factory=SystemClock)
    beating: "asyncio.Task[None] | None" = None
    covered: dict[str, tuple[int, int]] = field(default_factory=dict)
    """What the signs of life say is counted."""

    async def plant(self, text: str, version: int = 1) -> None:
        """A version of the plant model."""
        record = PlantRecord(version, self.clock.now_us(), "test", load_plant(text))
        await self._send(topology.MASTER.name, 0, plant_key(version), plant_value(record))

    async def state(self, operation: str, wip: int = 0, arrived: Iterable[int] = (), **more: Any) -> None:
        """The state of an operation now."""
        await self._send(*operation_record(operation, self.clock.now_us(), wip, arrived, **more))

    async def beat(self) -> None:
        """A sign of life of aggregate."""
        value = json.dumps({"as_of_us": self.clock.now_us(), "coverage": self.covered}).encode()
        await self._send(topology.OPERATIONS.name, 0, topology.PLANT_KEY, value)

    def keep_beating(self) -> None:
        """A sign of life every second until stop()."""

        async def beats() -> None:
            while True:
                await self.beat()
                await asyncio.sleep(1)

        self.beating = asyncio.create_task(beats())

    async def stop(self) -> None:
        """No more signs of life."""
        if self.beating is not None:
            self.beating.cancel()
            await asyncio.wait([self.beating])

    async def machine(self, work_unit: str, condition: str, since: int, offset: int) -> None:
        """The state of a work unit."""
        value = {
            "work_unit_id": work_unit, "generation": 1, "partition": 0, "offset": offset, "condition": condition,
            "since_us": since, "newest_event_us": since,
        }  # fmt: skip
        partition = partition_of(work_unit, SCAN_PARTITIONS)
        await self._send(topology.WORK_UNITS.name, partition, work_unit.encode(), json.dumps(value).encode())

    async def act(self, alert_id: str, action: str, incident: int, **more: Any) -> None:
        """Somebody does something about an alert."""
        value = {
            "action_id": f"{alert_id}/{action}/{incident}", "alert_id": alert_id, "incident": incident,
            "action": action, "by": "zhang", "via": "key", "at_us": self.clock.now_us(), **more,
        }  # fmt: skip
        partition = partition_of(alert_id.partition("|")[2], OPERATION_PARTITIONS)
        await self._send(topology.ALERT_ACTIONS.name, partition, alert_id.encode(), json.dumps(value).encode())

    async def _send(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        await self.producer.send_and_wait(topic, value, key=key, partition=partition)


async def led(producer: AIOKafkaProducer) -> None:
    """Wait until every partition that alert reads or writes has a leader: just made ones may have none yet."""
    topics = (topology.OPERATIONS, topology.ALERT_ACTIONS, topology.ALERTS, topology.WORK_UNITS)
    counts = {topic.name: topology.partitions(topic, SCAN_PARTITIONS, OPERATION_PARTITIONS) for topic in topics}

    async def all_led() -> bool:
        for name in counts:
            await producer.partitions_for(name)
        await producer.client.force_metadata_update()
        cluster = producer.client.cluster
        return all(len(cluster.available_partitions_for_topic(name) or ()) == count for name, count in counts.items())

    await until(all_led, "every partition has a leader")


def operation_record(
    operation: str, now: int, wip: int = 0, arrived: Iterable[int] = (), **more: Any
) -> tuple[str, int, bytes, bytes]:
    """Topic, partition, key and value of the state of an operation."""
    stays = [{"unit_id": f"u{at}", "visit_id": f"v{at}", "arrived_us": at} for at in sorted(arrived)]
    value = {
        "operation_id": operation, "as_of_us": now, "wip": wip or len(stays), "oldest": stays[:10],
        "newest_event_us": now, "backfilled": 0, **more,
    }  # fmt: skip
    partition = partition_of(operation, OPERATION_PARTITIONS)
    return topology.OPERATIONS.name, partition, operation.encode(), json.dumps(value).encode()


class Told:
    """floor.alerts as a reader knows it: versions by alert, in order, records of lower epochs passed over."""

    def __init__(self, broker: str) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=broker, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=50
        )
        self._epochs: dict[int, int] = {}
        self.versions: dict[str, dict[int, dict[str, Any]]] = {}
        self.written: dict[tuple[str, int], int] = {}
        """When the broker got a version, ms."""
        self.passed_over = 0
        self.last_epochs: dict[bytes, int] = {}
        """Epoch of the last record of every key, whether it counts or not: what compaction keeps."""
        self.epochs = 0

    async def start(self) -> None:
        """Connect."""
        await self._consumer.start()
        where = [TopicPartition(topology.ALERTS.name, number) for number in range(OPERATION_PARTITIONS)]
        self._consumer.assign(where)
        await self._consumer.seek_to_beginning(*where)

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def read(self) -> None:
        """What has come meanwhile."""
        for tp, records in (await self._consumer.getmany(timeout_ms=50)).items():
            for record in records:
                if record.key == topology.EPOCH_KEY:
                    self._epochs[tp.partition] = record.offset
                    self.epochs += 1
                elif record.value is not None:
                    self._take(tp.partition, record)

    def _take(self, partition: int, record: Any) -> None:
        value = json.loads(record.value)
        self.last_epochs[record.key] = value["epoch"]
        if value["epoch"] < self._epochs.get(partition, -1):
            self.passed_over += 1
            return
        if record.key.startswith(topology.PENDING_PREFIX):
            return
        known = self.versions.setdefault(value["alert_id"], {})
        before = known.get(value["version"])
        assert before is None or without_epoch(before) == without_epoch(value), "a version never changes"
        known[value["version"]] = value
        self.written.setdefault((value["alert_id"], value["version"]), record.timestamp)

    def changes(self, alert_id: str) -> list[str]:
        """Every change of an alert but updates, in the order of versions, which have no gap."""
        known = self.versions.get(alert_id, {})
        assert sorted(known) == list(range(1, len(known) + 1)), f"{alert_id}: versions {sorted(known)}"
        return [known[version]["change"] for version in sorted(known) if known[version]["change"] != "updated"]

    async def shows(self, alert_id: str, changes: list[str], seconds: float = 60) -> None:
        """Wait for exactly these changes."""

        async def shown() -> bool:
            await self.read()
            return self.changes(alert_id) == changes

        await until(shown, f"{alert_id} is {changes}", seconds)


def without_epoch(value: dict[str, Any]) -> dict[str, Any]:
    """A version without who wrote it."""
    return {key: item for key, item in value.items() if key not in ("epoch", "model")}


def main() -> int:
    """Run the stage with the crash points the environment names."""

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    environment = dict(os.environ)
    take_away(environment.get("WITHOUT", ""))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ready = environment.get("FLOORSTREAM_READY_FILE", "")
        return runner.run(serve(settings.read(environment), ready, at_points(environment)))


if __name__ == "__main__":
    sys.exit(main())
