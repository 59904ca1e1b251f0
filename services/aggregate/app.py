"""Wires aggregate: floor.partials, whole, in frames ─► lanes (handler.py) ─► floor.operations.
                 floor.machines, in frames ─► machine lanes (machines.py) ─► floor.work_units, floor.partials

Faust gives the partitions and their frames; every assignment reads them from the beginning, so there is no state to
recover and nothing to acknowledge. One loop publishes: soon after news, so that they are seen soon, but at most every
100 ms, and less often, up to once a second, where that takes more than 5 % of the time.
"""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

import uvloop
from aiokafka.errors import KafkaError

from services import topology
from services.adapters import aggregate_wire
from services.adapters.batches import BatchProducer
from services.adapters.clock import SystemClock
from services.adapters.faust_app import die, frame_topic, make_app, run_app
from services.adapters.frame_whole import WholeTopic
from services.adapters.frames import acknowledged
from services.adapters.last_words import say_why
from services.adapters.metrics import Metrics
from services.adapters.plant_models import PlantModels
from services.adapters.pulse import Pulse
from services.adapters.runtime import tune_runtime
from services.aggregate.handler import Item, Lane
from services.aggregate.machine_lanes import MachineLanes
from services.core.errors import NotYet
from services.core.pace import Pace
from services.settings import BadSetting, StageSettings

log = logging.getLogger("floorstream.aggregate")

BATCH_BYTES = 800_000
"""Below the default max.message.bytes of a broker."""
AT_ONCE = 50
"""States summed up before others get a turn on the event loop."""
LONG_PAUSE = 0.5
"""Of the session timeout: the last heartbeat may be a third of it older than the pause."""
SOONEST_US = 100_000
"""From one round to the next, where there is news."""
UNASKED_S = 0.25
"""A round without news, for what the clock alone changes."""
GATHER_S = 0.03
"""What comes in together goes out together."""
LATE_WRITER_SESSIONS = 2
"""After so many session timeouts a former owner has noticed."""


class Aggregate:
    """One process of the aggregate stage."""

    def __init__(self, settings: StageSettings, metrics: Metrics, pulse: Pulse) -> None:
        """Nothing happens before run(). `pulse` hears when all our partitions have been read, and of every round."""
        kafka = settings.kafka
        self._generation = settings.generation
        self._session_s = kafka.session_timeout_s
        self._again_after = int(LATE_WRITER_SESSIONS * self._session_s * 1_000_000)
        self._pulse = pulse
        self._metrics = metrics
        self._clock = SystemClock()
        self._pace, self._news = Pace(SOONEST_US), asyncio.Event()
        self._plants = PlantModels(kafka.brokers)
        self._lanes: dict[int, Lane] = {}
        self._said: set[str] = set()
        self._told_ready = True
        self._producer = BatchProducer(kafka, topology.AGGREGATE_GROUP, self._clock, BATCH_BYTES)
        self._app = make_app(kafka, topology.AGGREGATE_GROUP, settings.data_dir, settings.instance)
        self._partials = WholeTopic(self._app, topology.PARTIALS.name)
        self._app.agent(frame_topic(self._app, topology.PARTIALS.name), name="aggregate")(self._read)
        self._machines = MachineLanes(
            self._app, settings, self._again_after, self._plants, self._producer, metrics, self._clock, end_process
        )
        self._app.on_partitions_revoked.connect(self._let_go)
        self._app.on_partitions_assigned.connect(self._take_over)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; raises what makes going on impossible."""
        await self._producer.start()
        works = (run_app(self._app, stop), self._plants.run(), self._publish_on_and_on())
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._producer.stop()

    async def _take_over(self, sender: Any, assigned: Any, **_: Any) -> None:
        """Partitions came: each is read from its beginning before anything of it is published."""
        partitions = sorted(tp.partition for tp in assigned if tp.topic == topology.PARTIALS.name)
        self._lanes = {p: Lane(p, self._generation, self._again_after, aggregate_wire) for p in partitions}
        self._partials.assign(partitions)
        self._machines.assign(sorted(tp.partition for tp in assigned if tp.topic == topology.MACHINES.name))
        self._told_ready = False

    async def _let_go(self, sender: Any, revoked: Any, **_: Any) -> None:
        """Partitions go; the group deals all of them anew."""
        self._lanes = {}
        self._partials.assign(())
        self._machines.let_go()

    async def _read(self, stream: Any) -> None:
        """The agent: every frame, in order, partition by partition."""
        async for event in stream.noack().events():
            try:
                frame = await self._partials.next_frame(event)
                lane = None if frame is None else self._lanes.get(frame.partition)
                if frame is not None and lane is not None:
                    self._metrics.partials.labels("yes").inc(lane.take(frame.records, self._clock.now_us()))
                    self._news.set()
                    self._report(lane)
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                # Faust would log an exception that leaves the agent, and go on behind the frame.
                end_process(error)

    def _report(self, lane: Lane) -> None:
        """Say what is wrong with what was read: once, not with every partial."""
        for refused in lane.refused:
            log.error("%s/%d holds no partial at %s: passed over", topology.PARTIALS.name, lane.partition, refused)
        self._metrics.partials.labels("no").inc(len(lane.refused))
        lane.refused.clear()
        for whose in lane.unbalanced.keys() - self._said:
            log.error("the books do not balance, which is a bug of ours: %s", lane.unbalanced[whose])
        self._said = {whose for each in self._lanes.values() for whose in each.unbalanced}
        self._metrics.imbalances.set(len(self._said))

    async def _publish_on_and_on(self) -> None:
        loop = asyncio.get_running_loop()
        last, quiet_until = loop.time(), 0.0
        while True:
            await self._next_round(last)
            if loop.time() - last > self._session_s * LONG_PAUSE:
                # We may have lost our partitions: the group gets time to tell us.
                log.warning("not running for %.1f s: publishing waits for the group", loop.time() - last)
                quiet_until = loop.time() + self._session_s
            last = loop.time()
            await self._catch_up(last)
            if last >= quiet_until:
                with self._metrics.round_seconds.time():
                    spent = await self._publish()
                self._pace.took(int(spent * 1_000_000))

    async def _next_round(self, last: float) -> None:
        """Wait until it is time, having begun the last one then."""
        earliest = last + self._pace.interval_us / 1_000_000
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(max(earliest, last + UNASKED_S)):
                await self._news.wait()
        await asyncio.sleep(max(GATHER_S, earliest - asyncio.get_running_loop().time()))
        self._news.clear()

    async def _catch_up(self, now_s: float) -> None:
        """Let lanes begin whose partition, and the plant model, have been read to the end they had when it came."""
        if not self._plants.complete:
            return
        for partition, lane in list(self._lanes.items()):
            lane.judge_by(self._plants.newest(), self._clock.now_us())
            if await self._partials.caught_up(partition, now_s) and not lane.ready:
                lane.begin(self._clock.now_us())
        await self._machines.catch_up(now_s)
        if not self._told_ready and self._machines.ready and all(lane.ready for lane in self._lanes.values()):
            self._told_ready = True
            self._pulse.ready()
            log.info("takes work: partitions %s", sorted(self._lanes))

    async def _publish(self) -> float:
        """One round; the seconds of the processor that summing up and sending took."""
        spent = 0.0
        acks: list[Any] = []
        lanes = [lane for lane in self._lanes.values() if lane.ready]
        room = self._pace.most // max(1, len(lanes))
        for lane in lanes:
            left = room
            while left > 0 and self._lanes.get(lane.partition) is lane:
                begun, now = time.thread_time(), self._clock.now_us()
                items: list[Item] = [*lane.states(now, min(left, AT_ONCE)), *lane.plant(now)]
                acks += await self._producer.send(topology.OPERATIONS.name, lane.partition, items)
                spent += time.thread_time() - begun
                self._metrics.states.inc(len(items))
                left = left - len(items) if lane.unsent else 0
                await asyncio.sleep(0)
        await acknowledged(acks)
        await self._machines.publish()
        now = self._clock.now_us()
        self._metrics.round_timestamp.set(now / 1_000_000)
        self._metrics.unsent_states.set(sum(lane.unsent for lane in lanes))
        self._metrics.unsent_seconds.set(max((lane.oldest_unsent_us(now) for lane in lanes), default=0) / 1_000_000)
        self._metrics.lanes.labels("ready").set(len(lanes))
        self._metrics.lanes.labels("catching_up").set(len(self._lanes) - len(lanes))
        if len(lanes) == len(self._lanes):
            self._pulse.beat()
        return spent


def exit_code(error: BaseException) -> int:
    """1 where starting again is right, 70 where nobody expected this or numbers may be wrong."""
    return 1 if isinstance(error, KafkaError | NotYet | OSError) else 70


def end_process(error: BaseException) -> None:
    """Say why and end."""
    code = exit_code(error)
    say_why(log, code, error, "what is shown could be wrong")
    die(code)


async def serve(settings: StageSettings, ready_file: str) -> int:
    """Run the stage until SIGINT or SIGTERM; the exit code."""
    stop, metrics = asyncio.Event(), Metrics()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        metrics.listen(settings.host, settings.metrics_port)
        await Aggregate(settings, metrics, Pulse(ready_file)).run(stop)
    except Exception as error:
        end_process(error)
    return 0


def main(environment: Mapping[str, str], read: Callable[[Mapping[str, str]], StageSettings]) -> int:
    """Start the stage from its settings; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = read(environment)
    except BadSetting as error:
        log.error("%s", error)
        return 2
    tune_runtime()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(settings, environment.get("FLOORSTREAM_READY_FILE", "")))
