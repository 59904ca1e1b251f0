"""Wires alert: floor.operations and floor.alert_actions in frames ─► lanes (handler.py) ─► floor.alerts.

Faust gives the partitions and their frames; every assignment reads both topics from the beginning, and what was
raised before from floor.alerts. Nothing is decided before all of that, the rules and the states of the work units are
known. One loop decides: every 50 ms, and again at once while something is due.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import uvloop
from aiokafka.errors import KafkaError

from services import topology
from services.adapters import alert_wire
from services.adapters.alert_log import AlertLog
from services.adapters.batches import BatchProducer
from services.adapters.clock import SteadyClock, SystemClock
from services.adapters.faust_app import die, frame_topic, make_app, run_app
from services.adapters.frame_whole import WholeTopic
from services.adapters.last_words import say_why
from services.adapters.metrics import Metrics
from services.adapters.plant_master import follow
from services.adapters.pulse import Pulse
from services.adapters.runtime import tune_runtime
from services.adapters.topics import TopicsError, require_topics
from services.alert.feeds import Heartbeat, WorkUnits
from services.alert.handler import Lane
from services.alert.owned import Owned, Reached
from services.alert.report import Report
from services.core.alarm_rules import Rule, rules_of
from services.core.equipment import PlantModel
from services.core.errors import Lost, NotYet
from services.core.identity import partition_of
from services.settings import BadSetting, StageSettings

log = logging.getLogger("floorstream.alert")

TOPICS = [t.name for t in topology.TOPICS if "alert" in (*t.readers, *t.writers)]
TICK_SECONDS = 0.05
BATCH_BYTES = 800_000
"""Below the default max.message.bytes of a broker."""
LONG_PAUSE = 0.5
"""Of the session timeout: the last heartbeat may be a third of it older than the pause."""


class Alert:
    """One process of the alert stage."""

    def __init__(
        self, settings: StageSettings, metrics: Metrics, pulse: Pulse, reached: Reached = lambda step: None
    ) -> None:
        """Nothing happens before run(). `pulse` hears when all our partitions take work, and of every round."""
        kafka = self._kafka = settings.kafka
        self._pulse = pulse
        self._reached = reached
        self._report = Report(metrics)
        self._clock = SteadyClock(SystemClock())
        self._owned: dict[int, Owned] = {}
        self._model: PlantModel | None = None
        self._rules: dict[int, dict[str, Rule]] = {}
        self._master = follow(kafka.brokers)
        self._work_units = WorkUnits(kafka)
        self._heartbeat = Heartbeat(kafka, self._clock)
        self._producer = BatchProducer(kafka, topology.ALERT_GROUP, SystemClock(), BATCH_BYTES)
        self._log = AlertLog(kafka, self._producer)
        self._app = make_app(kafka, topology.ALERT_GROUP, settings.data_dir, settings.instance)
        self._operations = WholeTopic(self._app, topology.OPERATIONS.name)
        self._actions = WholeTopic(self._app, topology.ALERT_ACTIONS.name)
        self._app.agent(frame_topic(self._app, topology.OPERATIONS.name), name="judge")(self._read_operations)
        self._app.agent(frame_topic(self._app, topology.ALERT_ACTIONS.name), name="act")(self._read_actions)
        self._app.on_partitions_revoked.connect(self._let_go)
        self._app.on_partitions_assigned.connect(self._take_over)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; raises what makes going on impossible."""
        await require_topics(self._kafka, TOPICS)
        await self._producer.start()
        running: list[Coroutine[Any, Any, None]] = [
            run_app(self._app, stop), self._decide_on_and_on(), self._master.run(), self._work_units.run(),
            self._heartbeat.run(),
        ]  # fmt: skip
        tasks = [asyncio.create_task(each) for each in running]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._give_up()
            await self._producer.stop()

    async def _take_over(self, sender: Any, assigned: Any, **_: Any) -> None:
        """Partitions came: their alerts are restored while their states and actions are read."""
        await self._give_up()
        dealt = {
            topic: sorted(tp.partition for tp in assigned if tp.topic == topic)
            for topic in (topology.OPERATIONS.name, topology.ALERT_ACTIONS.name)
        }
        partitions = dealt[topology.OPERATIONS.name]
        if dealt[topology.ALERT_ACTIONS.name] != partitions:
            # The leader of the group did not know all partitions yet: with only one of the two nothing may be decided.
            end_process(NotYet(f"states and actions must be dealt alike, but we were given {dealt}: starting again"))
        self._owned = {p: Owned(Lane(p, alert_wire), self._log, self._producer, self._reached) for p in partitions}
        self._operations.assign(partitions)
        self._actions.assign(partitions)
        for owned in self._owned.values():
            owned.start()
        if not partitions:
            self._pulse.ready()

    async def _let_go(self, sender: Any, revoked: Any, **_: Any) -> None:
        """Partitions go; the group deals all of them anew."""
        await self._give_up()

    async def _give_up(self) -> None:
        owned, self._owned = self._owned, {}
        self._operations.assign(())
        self._actions.assign(())
        for each in owned.values():
            await each.close()

    async def _read_operations(self, stream: Any) -> None:
        await self._read(stream, self._operations, self._take_states)

    async def _read_actions(self, stream: Any) -> None:
        await self._read(stream, self._actions, lambda lane, records: lane.take_actions(records))

    def _take_states(self, lane: Lane, records: Any) -> None:
        self._report.states(lane.take_operations(records, self._clock.now_us()))

    async def _read(self, stream: Any, topic: WholeTopic, take: Callable[[Lane, Any], None]) -> None:
        """An agent: every frame, in order, partition by partition."""
        async for event in stream.noack().events():
            try:
                frame = await topic.next_frame(event)
                owned = None if frame is None else self._owned.get(frame.partition)
                if frame is not None and owned is not None:
                    take(owned.lane, frame.records)
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                # Faust would log an exception that leaves the agent, and go on behind the frame.
                end_process(error)

    async def _decide_on_and_on(self) -> None:
        loop = asyncio.get_running_loop()
        session = self._kafka.session_timeout_s
        last, quiet_until = loop.time(), 0.0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if loop.time() - last > session * LONG_PAUSE:
                # We may have lost our partitions: the group gets time to tell us.
                log.warning("not running for %.1f s: deciding waits for the group", loop.time() - last)
                quiet_until = loop.time() + session
            last = loop.time()
            await self._prepare(last)
            if last >= quiet_until:
                await self._decide()

    async def _prepare(self, now_s: float) -> None:
        """Rules, time and the states of work units as they are now; lanes that know everything begin."""
        self._follow_clock()
        self._follow_rules()
        self._follow_work_units()
        waiting = [owned for owned in self._owned.values() if not owned.lane.ready]
        for owned in waiting:
            await self._begin(owned, now_s)
        if waiting and all(owned.lane.ready for owned in self._owned.values()):
            log.info("takes work: partitions %s", sorted(self._owned))
            self._pulse.ready()
        for owned in list(self._owned.values()):
            # To be asked on and on: it also sees a log that was lost, and one that nothing comes from.
            await self._operations.caught_up(owned.lane.partition, now_s)
            await self._actions.caught_up(owned.lane.partition, now_s)

    async def _begin(self, owned: Owned, now_s: float) -> None:
        partition = owned.lane.partition
        read = await self._operations.caught_up(partition, now_s) and await self._actions.caught_up(partition, now_s)
        if not (read and owned.restored and self._work_units.complete and self._master.complete):
            return
        for work_unit, state in self._work_units.states.items():
            owned.lane.take_work_unit(work_unit, state)
        if self._model is not None:
            owned.lane.adopt(self._model.version, self._rules.get(partition, {}))
        owned.lane.ready = True

    def _follow_work_units(self) -> None:
        ready = [owned.lane for owned in self._owned.values() if owned.lane.ready]
        for work_unit, state in self._work_units.changed.items():
            for lane in ready:
                lane.take_work_unit(work_unit, state)
        self._work_units.changed.clear()

    def _follow_rules(self) -> None:
        newest = self._master.newest
        if not self._master.complete or newest == (self._model.version if self._model else 0):
            return
        self._model = PlantModel.from_document(self._master.versions[newest], newest)
        self._rules = {}
        for alert_id, rule in rules_of(self._model).items():
            partition = partition_of(rule.subject_id, self._kafka.operation_partitions)
            self._rules.setdefault(partition, {})[alert_id] = rule
        for partition, owned in self._owned.items():
            if owned.lane.ready:
                owned.lane.adopt(newest, self._rules.get(partition, {}))

    def _follow_clock(self) -> None:
        followed = self._clock.look()
        if followed is not None:
            log.warning(
                "this machine's clock was set by %.1f s; alerts follow it now, and what is over only because of that "
                "calls nobody", (followed.until - followed.since) / 1_000_000,
            )  # fmt: skip
            for owned in self._owned.values():
                owned.lane.skip(followed.since, followed.until)

    async def _decide(self) -> None:
        """Rounds for every lane until nothing is due."""
        lanes = [owned for owned in self._owned.values() if owned.lane.ready and owned.lane.model]
        for owned in lanes:
            lane = owned.lane
            lane.hear(self._clock.now_us(), self._heartbeat.alive, self._heartbeat.counted)
            more = True
            while more and self._owned.get(lane.partition) is owned:
                await owned.keep()
                with self._report.round():
                    self._report.judged(await owned.round(self._clock.now_us()))
                more = lane.due_now
                await asyncio.sleep(0)
            if self._owned.get(lane.partition) is owned:
                await owned.sign(self._clock.now_us())
        self._report.stands([owned.lane for owned in lanes], self._clock.off_us, self._heartbeat.missing)
        if all(owned.lane.ready for owned in self._owned.values()):
            self._pulse.beat()


def exit_code(error: BaseException) -> int:
    """2 for a wrong setting, 1 where starting again is right, 70 where nobody expected this or alerts may be wrong."""
    if isinstance(error, TopicsError):
        return 2
    return 1 if isinstance(error, KafkaError | NotYet | Lost | OSError) else 70


def end_process(error: BaseException) -> None:
    """Say why and end."""
    code = exit_code(error)
    say_why(log, code, error, "alerts could be wrong or missing")
    die(code)


async def serve(settings: StageSettings, ready_file: str, reached: Reached = lambda step: None) -> int:
    """Run the stage until SIGINT or SIGTERM; the exit code."""
    stop, metrics = asyncio.Event(), Metrics()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        metrics.listen(settings.host, settings.metrics_port)
        await Alert(settings, metrics, Pulse(ready_file), reached).run(stop)
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
