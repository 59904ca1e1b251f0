"""Notify as a process of its own, which a test can have killed or paused at a named point, or a defence taken away.

KILL_AT / PAUSE_AT = POINT:N — at the N-th time the point is reached, SIGKILL or SIGSTOP to itself.
Points: leased, before_send, after_send, after_mark; of visits before_post, after_post, after_advance.
WITHOUT = a defence of `tests.integration.notify_defences`;
SHORT_LEASE: leases of two seconds; SHORT_PAUSES: a target that failed is asked again within a second.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.plant import load_plant
from services import settings
from services.adapters.plant_master import PlantRecord, plant_key, plant_value
from services.core.identity import partition_of
from services.notify.app import configure_logs, serve
from services.topology import ALERTS, EPOCH_KEY, MASTER
from tests.integration.notify_defences import DEFENCES, short_lease, short_pauses
from tests.integration.store_process import at_points
from tests.notify_alerts import encoded
from tests.parts import OPERATION_PARTITIONS
from tests.stage_process import StageProcesses

ROOT = Path(__file__).parents[2]


class NotifyProcesses(StageProcesses):
    """Starts and ends notifiers on one broker and database."""

    def __init__(self, broker: str, dsn: str, folder: Path, channels: str) -> None:
        """`channels`: the text of the channels file."""
        file = folder / "channels.yaml"
        file.touch(0o600)
        file.write_text(channels, encoding="utf-8")
        environment = {
            "FLOORSTREAM_KAFKA": broker,
            "FLOORSTREAM_DATABASE_URL": dsn,
            "FLOORSTREAM_PROFILE": "embedded",
            "FLOORSTREAM_CHANNELS_FILE": str(file),
        }
        super().__init__("tests.integration.notify_process", folder / "notify.log", environment)


class Alerts:
    """Writes floor.alerts as its owner does, with an epoch record first."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._epochs: dict[int, int] = {}

    async def own(self, partition: int) -> int:
        """Become the owner of a partition; the epoch."""
        sent = await self._producer.send_and_wait(ALERTS.name, b"{}", EPOCH_KEY, partition=partition)
        self._epochs[partition] = int(sent.offset)
        return int(sent.offset)

    async def write(self, *alerts: dict[str, Any], epoch: int | None = None) -> None:
        """Write versions, under the owner's epoch unless another is given."""
        for alert in alerts:
            partition = partition_of(alert["subject_id"], OPERATION_PARTITIONS)
            if partition not in self._epochs:
                await self.own(partition)
            own = {**alert, "epoch": self._epochs[partition] if epoch is None else epoch}
            await self._producer.send_and_wait(
                ALERTS.name, encoded(own), alert["alert_id"].encode(), partition=partition
            )


@asynccontextmanager
async def alerts_on(broker: str, plant: str) -> AsyncIterator[Alerts]:
    """The writer of alerts on a broker that has this plant model as version 1."""
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    try:
        record = PlantRecord(1, 0, "test", load_plant(plant))
        await producer.send_and_wait(MASTER.name, plant_value(record), plant_key(1))
        yield Alerts(producer)
    finally:
        await producer.stop()


if __name__ == "__main__":
    configure_logs()
    if os.environ.get("WITHOUT"):
        DEFENCES[os.environ["WITHOUT"]]()
    if os.environ.get("SHORT_LEASE"):
        short_lease()
    if os.environ.get("SHORT_PAUSES"):
        short_pauses()
    sys.exit(asyncio.run(serve(settings.read(os.environ), at_points(dict(os.environ)))))
