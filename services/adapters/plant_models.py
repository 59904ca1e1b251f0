"""The plant-model versions of floor.master, as a worker needs them: all that were ever published, in order."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services import topology
from services.core.equipment import PlantModel
from services.settings import KafkaSettings

log = logging.getLogger(__name__)
KEY_PREFIX = b"plant/"
WAITING_S = 10.0
"""After so long a missing version is worth a line in the log."""


class PlantModels:
    """Reads floor.master from its beginning for as long as the process lives."""

    def __init__(self, settings: KafkaSettings) -> None:
        """Connects in start()."""
        self.models: dict[int, PlantModel] = {}
        self._more = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.brokers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
        )

    async def start(self) -> None:
        """Connect and read in the background. Raises KafkaError when there is no broker."""
        await self._consumer.start()
        where = TopicPartition(topology.MASTER.name, 0)
        self._consumer.assign([where])
        await self._consumer.seek_to_beginning(where)
        self._reading = asyncio.create_task(self._read())

    async def stop(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        await self._consumer.stop()

    async def get(self, version: int, said: Callable[..., None] = log.warning) -> PlantModel:
        """This version, waiting until it is there: what its marker brought into force cannot be folded without it."""
        while True:
            async with self._more:
                if version in self.models:
                    return self.models[version]
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(WAITING_S):
                        await self._more.wait()
                    continue
            said("still waiting for plant model version %d in %s", version, topology.MASTER.name)

    async def _read(self) -> None:
        while True:
            try:
                found = await self._consumer.getmany(timeout_ms=1000)
            except KafkaError as error:
                log.warning("reading %s failed (%s); trying again", topology.MASTER.name, error)
                await asyncio.sleep(1)
                continue
            for records in found.values():
                for record in records:
                    if record.key and record.key.startswith(KEY_PREFIX) and record.value:
                        await self._take(record.value)

    async def _take(self, value: bytes) -> None:
        published = msgspec.json.decode(value)
        version = int(published["version"])
        async with self._more:
            # The first record of a version in the log wins: publishing is a compare-and-set.
            self.models.setdefault(version, PlantModel.from_document(published["model"], version))
            self._more.notify_all()
