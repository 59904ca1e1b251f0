"""Wires track: floor.scans in frames ─► lanes ─► floor.visits, floor.rejects, floor.partials; state in a changelog.

Faust gives frames in order and group membership; a partition that comes to us is recovered before its first frame is
folded, one that goes is dropped. Anything unexpected ends the process before it could acknowledge.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping
from typing import Any

import uvloop
from aiokafka.errors import KafkaError
from faust.types import TP

from services import topology
from services.adapters import track_wire
from services.adapters.batches import BatchProducer
from services.adapters.changelog import Changelog
from services.adapters.clock import SystemClock
from services.adapters.faust_app import die, frame_topic, make_app, run_app
from services.adapters.frames import Frame
from services.adapters.kafka_end import LogEnds
from services.adapters.last_words import say_why
from services.adapters.metrics import Metrics
from services.adapters.plant_models import PlantModels, ended
from services.adapters.pulse import Pulse
from services.adapters.runtime import give_back_memory, tune_runtime
from services.adapters.topics import TopicsError, require_topics
from services.core.errors import Lost, NotYet
from services.core.identity import partition_of
from services.settings import BadSetting, StageSettings
from services.track.handler import Lane
from services.track.owned import Owned, Reached
from services.track.progress import Judgement, Progress, Rounds
from services.track.publisher import Publisher
from services.track.report import Report

log = logging.getLogger("floorstream.track")

OUTPUT_BYTES = 1 << 20
CHANGELOG_BYTES = 8 * (1 << 20) * 8 // 10
FORMER_OWNER_SESSIONS = 2
"""After so many sessions a former owner has noticed that it is one, and what it published late is written over."""
WATCH_S = 0.2


class Track:
    """One process of the track stage."""

    def __init__(self, settings: StageSettings, reached: Reached, metrics: Metrics | None = None) -> None:
        """Nothing happens before run()."""
        kafka = settings.kafka
        clock = SystemClock()
        self._settings = settings
        self._reached = reached
        self._outputs = BatchProducer(kafka, "floor-track-outputs", clock, OUTPUT_BYTES)
        self._states = BatchProducer(kafka, "floor-track-state", clock, CHANGELOG_BYTES)
        self._changelog = Changelog(kafka, topology.UNITS_CHANGELOG, self._states)
        self._plants = PlantModels(kafka.brokers)
        self._progress, self._rounds = Progress(), Rounds()
        self._ends = LogEnds()
        self._report = Report(metrics or Metrics())
        self._owned: dict[int, Owned] = {}
        self._recovering: dict[int, asyncio.Task[Owned]] = {}
        self._publisher = Publisher(self._owned, self._outputs, kafka.operation_partitions)
        self._app = make_app(kafka, topology.TRACK_GROUP, settings.data_dir, settings.instance)
        self._app.agent(frame_topic(self._app, topology.SCANS.name), name="track")(self._track)
        self._app.on_partitions_revoked.connect(self._let_go)
        self._app.on_partitions_assigned.connect(self._take_over)

    async def run(self, stop: asyncio.Event, pulse: Pulse) -> None:
        """Until `stop`; raises what makes going on impossible."""
        await require_topics(self._settings.kafka)
        await self._outputs.start()
        await self._states.start()
        self._pulse = pulse
        tasks = [
            asyncio.create_task(run_app(self._app, stop)),
            asyncio.create_task(self._publisher.run()),
            asyncio.create_task(self._watch()),
            asyncio.create_task(self._plants.run()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks[1:]:
                await ended(task)
            await self._give_up(set(self._recovering))
            await self._outputs.stop()
            await self._states.stop()

    @property
    def acknowledged(self) -> dict[int, int]:
        """Partition → last source offset whose effects and state the broker has."""
        return {partition: owned.acknowledged for partition, owned in self._owned.items()}

    async def _track(self, stream: Any) -> None:
        """The agent: every frame, in order, partition by partition."""
        async for event in stream.noack().events():
            try:
                await self._take(event)
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                # An exception that leaves the agent would acknowledge the frame.
                end_process(error)

    async def _take(self, event: Any) -> None:
        frame: Frame = event.value
        consumer = self._app.consumer
        tp = event.message.tp
        self._rounds.taken(frame.round, asyncio.get_running_loop().time())
        owned = await self._owner(frame.partition)
        if owned is None:
            consumer.drop(event.message)
            return
        stale = frame.serial < consumer.serial(tp)
        owned.require_state(consumer.committed_before(tp))
        if owned.lane.offset < 0 < frame.start:
            # Only the broker knows whether the head of the log is gone or was lost on its way to us.
            owned.begin_behind(min(frame.start, (await consumer.earliest_offsets(tp))[tp]))
        if owned.hole_before(frame, stale):
            consumer.drop(event.message)
            if not stale:
                log.warning("partition %d: at %d, got %d; reads again", tp.partition, owned.lane.offset, frame.start)
                await consumer.rewind(tp, owned.lane.offset + 1)
            return
        if frame.end <= owned.lane.offset:
            owned.require_whole_log(consumer.newest_fetch(tp))
        for version in owned.lane.models_needed(frame.records):
            await self._plants.get(version)
        await owned.take(event, frame)

    async def _owner(self, partition: int) -> Owned | None:
        recovering = self._recovering.get(partition)
        if recovering is None:
            return None
        # Not awaited itself: a recovery that is called off must not call off the agent.
        await asyncio.wait([recovering])
        return None if recovering.cancelled() else recovering.result()

    async def _take_over(self, sender: Any, assigned: Any, **_: Any) -> None:
        """Partitions came: recover them beside each other; their first frames wait for it."""
        await self._give_up(set(self._recovering))
        for partition in sorted(tp.partition for tp in assigned if tp.topic == topology.SCANS.name):
            self._recovering[partition] = asyncio.create_task(self._recover(partition))
        if not self._recovering:
            self._pulse.ready()

    async def _recover(self, partition: int) -> Owned:
        try:
            lane = self._new_lane(partition)
            owned = Owned(lane, self._changelog, self._outputs, self._reached, self._report)
            await owned.recover()
            session, now = self._settings.kafka.session_timeout_s, asyncio.get_running_loop().time()
            owned.publish_all_at = now + FORMER_OWNER_SESSIONS * session
            owned.write_again_at = now + topology.WRITTEN_AGAIN_S
            if lane.version:
                await self._plants.get(lane.version)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            end_process(error)
        self._progress.forget(partition)
        self._owned[partition] = owned
        if len(self._owned) == len(self._recovering):
            give_back_memory()
            log.info("takes work: partitions %s", sorted(self._owned))
            self._pulse.ready()
        return owned

    def _new_lane(self, partition: int) -> Lane:
        """Nothing in it yet. What is folded is the lane's matter alone; the engine around it folds anything."""
        return Lane(
            partition, self._partition_of, self._settings.generation, self._plants.models, {}, track_wire,
            CHANGELOG_BYTES * 3 // 4,
        )  # fmt: skip

    def _partition_of(self, unit_id: str) -> int:
        return partition_of(unit_id, self._settings.kafka.scan_partitions)

    async def _let_go(self, sender: Any, revoked: Any, **_: Any) -> None:
        """Partitions go; Faust has waited for the frames under way to be acknowledged."""
        await self._give_up({tp.partition for tp in revoked if tp.topic == topology.SCANS.name})

    async def _give_up(self, partitions: set[int]) -> None:
        for partition in partitions:
            recovering = self._recovering.pop(partition, None)
            owned = self._owned.pop(partition, None)
            if recovering is not None:
                recovering.cancel()
            if owned is not None:
                await owned.close()
            self._report.forget(partition)

    async def _watch(self) -> None:
        """Notice at once what ended the acknowledging of a partition, and one that stands still."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(WATCH_S)
            for partition, owned in list(self._owned.items()):
                error = owned.failed()
                if error is not None:
                    raise error
                await self._keep_moving(partition, owned, loop.time())
                if loop.time() > owned.write_again_at:
                    owned.write_again_at += topology.WRITTEN_AGAIN_S
                    owned.lane.publish_again()
                if loop.time() > owned.publish_all_at:
                    owned.publish_all_at = float("inf")
                    owned.lane.publish_all()
            if len(self._owned) == len(self._recovering):
                self._pulse.beat()

    async def _keep_moving(self, partition: int, owned: Owned, now: float) -> None:
        tp = TP(topology.SCANS.name, partition)
        consumer, offset = self._app.consumer, owned.lane.offset
        newest = consumer.newest_fetch(tp)
        end = None if newest is None else newest.end
        self._report.stands(owned.lane, end, owned.under_way)
        owned.require_state(consumer.committed_before(tp))
        if self._ends.lost(tp, offset + 1, newest):
            owned.require_whole_log(newest)
        judgement = self._progress.judge(partition, offset, end, self._rounds.through(consumer.rounds, now), now)
        if judgement is Judgement.READ_AGAIN:
            log.warning("partition %d: records wait after offset %d and none come; reads again", partition, offset)
            await consumer.rewind(tp, offset + 1)
        elif judgement is Judgement.STUCK:
            raise NotYet(
                f"partition {partition} stands at offset {offset} although records wait; a new process may help"
            )


def exit_code(error: BaseException) -> int:
    """2 for a wrong setting, 1 where trying again is right, else 70: a guarantee is at stake."""
    if isinstance(error, TopicsError):
        return 2
    if isinstance(error, KafkaError | NotYet | Lost | OSError):
        return 1
    return 70


def end_process(error: BaseException) -> None:
    """Say why and end before anything is acknowledged that was not done."""
    code = exit_code(error)
    say_why(log, code, error, "going on could lose or double events")
    die(code)


async def serve(settings: StageSettings, ready_file: str, reached: Reached = lambda step: None) -> int:
    """Run the stage until SIGINT or SIGTERM; the exit code."""
    stop, metrics = asyncio.Event(), Metrics()
    metrics.listen(settings.host, settings.metrics_port)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await Track(settings, reached, metrics).run(stop, Pulse(ready_file))
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
