"""Plant-model versions into the log: claimed once, written to floor.master, then marked in every partition.

    claim v (database, or the log itself) ─► floor.master ─► a marker into each partition ─► in force
                                                             of floor.scans and floor.machines

Every ingest marks every version it learns of before it judges by it, so a version is marked even if its author died;
a marker that is there twice changes nothing.
"""

import asyncio
import logging
from typing import Protocol

import msgspec

from services.adapters.metrics import Metrics
from services.adapters.plant_master import Document, PlantMaster, PlantRecord, plant_key, plant_value
from services.core.equipment import PlantModel
from services.ports import BrokerAway, Clock, Outbox, Outgoing, TooManyPending
from services.topology import MACHINES, MARKER_HEADER, MARKER_KEY, MASTER, RECORDED_HEADER, SCANS

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.5
IN_FORCE_SECONDS = 10.0


class VersionConflict(Exception):
    """Another version was published meanwhile; `current` is the newest one."""

    def __init__(self, current: int) -> None:
        super().__init__(f"the plant model is at version {current}")
        self.current = current


class TablesAway(Exception):
    """The database does not answer, so no version can be claimed."""


class PlantTable(Protocol):
    """Where versions are claimed: the table plant_models."""

    async def claim(self, record: PlantRecord) -> bool:
        """Take this version number; False when somebody has it. Raises TablesAway."""
        ...

    async def after(self, version: int) -> list[PlantRecord]:
        """The versions claimed beyond this one, lowest first. Raises TablesAway."""
        ...


class PlantPublisher:
    """The plant model in force at this ingest, and how the next one comes into force."""

    def __init__(
        self, master: PlantMaster, outbox: Outbox, partitions: int, table: PlantTable | None, clock: Clock,
        metrics: Metrics,
    ) -> None:  # fmt: skip
        """`partitions` of floor.scans. Without a table there may be one ingest only: the log decides who was first."""
        self._master = master
        self._outbox = outbox
        self._partitions = partitions
        self._table = table
        self._clock = clock
        self._metrics = metrics
        self._publishing = asyncio.Lock()
        self._marked = asyncio.Condition()
        self.in_force: PlantModel | None = None

    async def run(self) -> None:
        """Bring every version that appears in the log into force, until cancelled."""
        await self._master.wait_for(lambda: self._master.complete)
        completing = asyncio.create_task(self._complete_claims())
        try:
            while True:
                await self._master.wait_for(self._has_newer)
                await self._bring_into_force(self._master.newest)
        finally:
            completing.cancel()

    def _has_newer(self) -> bool:
        return self._master.newest > (0 if self.in_force is None else self.in_force.version)

    async def _bring_into_force(self, version: int) -> None:
        model = PlantModel.from_document(self._master.versions[version], version)
        while True:
            try:
                await self._outbox.send(
                    [
                        self._marker(topic, partition, version)
                        for topic in (SCANS.name, MACHINES.name)
                        for partition in range(self._partitions)
                    ]
                )
                break
            except (BrokerAway, TooManyPending) as error:
                log.warning("plant model %d is not marked yet (%s); trying again", version, error)
                await asyncio.sleep(PAUSE_SECONDS)
        self.in_force = model
        self._metrics.plant_version.set(version)
        log.info("plant model %d is in force", version)
        async with self._marked:
            self._marked.notify_all()

    def _marker(self, topic: str, partition: int, version: int) -> Outgoing:
        recorded = str(self._clock.now_us()).encode()
        headers = ((MARKER_HEADER, b"1"), (RECORDED_HEADER, recorded))
        return Outgoing(topic, partition, MARKER_KEY, msgspec.json.encode({"model": version}), headers)

    async def _complete_claims(self) -> None:
        """Write what was claimed and never reached the log: by a process that died in between, or an older broker."""
        while self._table is not None:
            try:
                for record in await self._table.after(self._master.newest):
                    await self._write(record)
                return
            except (TablesAway, BrokerAway, TooManyPending) as error:
                log.warning("claimed plant models cannot be looked up yet (%s)", error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def publish(self, document: Document, author: str, expected: int | None) -> tuple[int, bool]:
        """Make this canonical document the plant model; its version, and whether that is a new one.

        `expected`: the version the author started from, 0: there is none yet, None: whichever. Returns once it is in
        force here. Raises VersionConflict, TablesAway, BrokerAway or TooManyPending.
        """
        async with self._publishing:
            current = self._master.newest
            if not self._master.complete:
                raise BrokerAway(f"{MASTER.name} has not been read yet")
            holds = current > 0 and self._master.versions[current] == document
            # A change whose answer was lost is sent again as it was: from the version that it has replaced.
            if expected not in (None, current) and not (holds and expected):
                raise VersionConflict(current)
            if holds:
                await self._until_in_force(current)
                return current, False
            record = PlantRecord(current + 1, self._clock.now_us(), author, document)
            if self._table is not None and not await self._table.claim(record):
                for claimed in await self._table.after(current):
                    await self._write(claimed)
                raise VersionConflict(record.version)
            await self._write(record, sole=self._table is not None)
            return record.version, True

    async def _write(self, record: PlantRecord, sole: bool = True) -> None:
        """Into the log, and until it is in force. Not `sole`: the first record in the log has the version."""
        key = plant_key(record.version)
        await self._outbox.send([Outgoing(MASTER.name, 0, key, plant_value(record))])
        await self._until_in_force(record.version)
        first = self._master.record(record.version)
        if not sole and first != record:
            # Compaction keeps the last record of a key: it has to hold what the first one does.
            await self._outbox.send([Outgoing(MASTER.name, 0, key, plant_value(first))])
            raise VersionConflict(record.version)

    async def _until_in_force(self, version: int) -> None:
        def reached() -> bool:
            return self.in_force is not None and self.in_force.version >= version

        try:
            async with asyncio.timeout(IN_FORCE_SECONDS), self._marked:
                await self._marked.wait_for(reached)
        except TimeoutError as error:
            raise BrokerAway(f"plant model {version} is written but not marked in every partition yet") from error
