"""The machine lanes of this process: recovered, fed in frames, published. machines.py decides, this file waits.

assigned ─► floor.work_units p, whole ─► restore ─► floor.machines p from there on, in frames ─► take
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from services import topology
from services.adapters import machines_wire
from services.adapters.batches import BatchProducer
from services.adapters.faust_app import frame_topic
from services.adapters.frame_whole import WholeTopic
from services.adapters.frames import acknowledged
from services.adapters.kafka_whole_log import WholeLog
from services.adapters.metrics import Metrics
from services.adapters.plant_models import PlantModels
from services.aggregate.machines import MachineLane, Place
from services.core.machine_plant import MachinePlant
from services.ports import Clock
from services.settings import StageSettings

log = logging.getLogger("floorstream.aggregate")

READ_SECONDS = 0.2
AT_ONCE = 200
"""States of work units in one round."""


class MachineLanes:
    """The partitions of floor.machines that are ours."""

    def __init__(
        self, app: Any, settings: StageSettings, again_after_us: int, models: PlantModels, producer: BatchProducer,
        metrics: Metrics, clock: Clock, fail: Callable[[BaseException], None],
    ) -> None:  # fmt: skip
        """`fail` ends the process: Faust would log what leaves an agent, and go on. Somebody else runs `models`."""
        self._kafka = settings.kafka
        self._generation = settings.generation
        self._again_after = again_after_us
        self._producer = producer
        self._metrics = metrics
        self._clock = clock
        self._fail = fail
        self._models = models
        self._plants: dict[int, MachinePlant] = {}
        self._lanes: dict[int, MachineLane] = {}
        self._recovering: dict[int, asyncio.Task[None]] = {}
        self._machines = WholeTopic(app, topology.MACHINES.name)
        app.agent(frame_topic(app, topology.MACHINES.name), name="machines")(self._read)

    def assign(self, partitions: Iterable[int]) -> None:
        """These are ours now; each begins with what its former owners have written."""
        self.let_go()
        for partition in partitions:
            self._recovering[partition] = asyncio.create_task(self._recover(partition))

    def let_go(self) -> None:
        """Partitions go; the group deals all of them anew."""
        for task in self._recovering.values():
            task.cancel()
        self._recovering, self._lanes = {}, {}
        self._machines.assign(())

    @property
    def ready(self) -> bool:
        """Have all our partitions been read?"""
        return not self._recovering and all(lane.ready for lane in self._lanes.values())

    async def _recover(self, partition: int) -> None:
        try:
            place = Place(partition, self._kafka.scan_partitions, self._kafka.operation_partitions)
            lane = MachineLane(place, self._generation, self._again_after, machines_wire)
            written = WholeLog(self._kafka.brokers, topology.WORK_UNITS.name, [partition])
            try:
                await written.start()
                while not written.at_end:
                    lane.restore(await written.read(READ_SECONDS))
            finally:
                await written.stop()
            await self._know(lane.needed(()))
            lane.take((), self._plants)
            self._lanes[partition] = lane
            await self._machines.assign_at(partition, lane.position)
            del self._recovering[partition]
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._fail(error)

    async def _know(self, versions: Iterable[int]) -> None:
        """Have these versions of the plant model, as soon as they are there."""
        for version in versions:
            if version not in self._plants:
                await self._models.get(version)
                self._plants[version] = MachinePlant(self._models.models[version])

    async def _read(self, stream: Any) -> None:
        """The agent: every frame, in order, partition by partition."""
        async for event in stream.noack().events():
            try:
                frame = await self._machines.next_frame(event)
                lane = None if frame is None else self._lanes.get(frame.partition)
                if frame is not None and lane is not None:
                    await self._take(lane, frame)
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                self._fail(error)

    async def _take(self, lane: MachineLane, frame: Any) -> None:
        where = f"{topology.MACHINES.name}/{lane.place.partition}"
        if frame.start > lane.position:
            log.error("%s no longer has the events at %d to %d: not counted", where, lane.position, frame.start - 1)
        await self._know(lane.needed(frame.records))
        for became, number in lane.take(frame.records, self._plants).items():
            self._metrics.machine_events.labels(became).inc(number)
        for refused in lane.refused:
            log.error("%s holds no machine event at %s: passed over", where, refused)
        self._metrics.machine_events.labels("unreadable").inc(len(lane.refused))
        lane.refused.clear()

    async def catch_up(self, now_s: float) -> None:
        """Let lanes begin whose partition has been read to the end it had when it was assigned."""
        for partition, lane in list(self._lanes.items()):
            if await self._machines.caught_up(partition, now_s) and not lane.ready:
                lane.begin(self._clock.now_us())
                log.info("machines of partition %d are known up to offset %d", partition, lane.position - 1)

    async def publish(self) -> None:
        """One round: states and partials; and now and then histories, then the mark that says that they are there."""
        acks: list[Any] = []
        marks = []
        now = self._clock.now_us()
        for partition, lane in list(self._lanes.items()):
            if self._lanes.get(partition) is not lane:
                continue  # the group has dealt anew while we waited
            states, (histories, mark) = lane.states(now, AT_ONCE), lane.histories(now)
            acks += await self._producer.send(topology.WORK_UNITS.name, partition, [*states, *histories])
            for number, items in lane.partials().items():
                acks += await self._producer.send(topology.PARTIALS.name, number, items)
            marks.append((partition, mark))
            self._metrics.work_unit_states.inc(len(states))
        await acknowledged(acks)
        for partition, mark in marks:
            await acknowledged(await self._producer.send(topology.WORK_UNITS.name, partition, mark))
