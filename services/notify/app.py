"""Wires notify: floor.alerts ─► who is told (handler.py) ─► outbox in the database ─► one sender per channel.

intake    records ──► rows and the position after them, in one transaction: read again they ask for the same rows
senders   rows under a lease ──► channels; what was there at the start is read before, so that an incident that is
          over already calls nobody
visits    floor.visits ──► programs that are told of every visit, each with a group and places of its own
census    how much waits where, for metrics

Several processes may run: the group deals out partitions, the outbox rows.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from aiokafka.errors import KafkaError

from services import topology
from services.adapters import alert_links, notify_wire
from services.adapters.channels.file import BadChannels
from services.adapters.channels.opened import open_channels
from services.adapters.channels.subscribers import Subscriber, open_subscribers
from services.adapters.clock import SystemClock
from services.adapters.kafka_consumer import Assignment, GroupFeed
from services.adapters.last_words import say_why
from services.adapters.metrics import Metrics
from services.adapters.outbox_rows import OutboxRows, Position
from services.adapters.plant_master import PlantMaster, follow
from services.adapters.pulse import Pulse
from services.adapters.timescale_pool import open_pool
from services.adapters.timescale_retry import until_done
from services.adapters.visits_told_rows import VisitsToldRows
from services.core.equipment import PlantModel
from services.core.notices import Step, Tell
from services.notify.channels_file import ChannelsChanged, watch
from services.notify.handler import Desk
from services.notify.links import make_links
from services.notify.sender import Links, Sender
from services.notify.visits_out import VisitsOut
from services.ports import Channel
from services.settings import BadSetting, StageSettings

log = logging.getLogger("floorstream.notify")

READ_RECORDS = 500
READ_SECONDS = 0.2
QUIET_READS = 2
"""So many empty reads in a row: what was there at the start has been read."""
CATCH_UP_SESSIONS = 2.0
CENSUS_SECONDS = 5.0
FORGET_SECONDS = 3600.0
FINISH_SECONDS = 6.0
STOP_SECONDS = 2.0


class Notify:
    """One process of the notify stage."""

    def __init__(
        self, settings: StageSettings, channels: Mapping[str, Channel], links: Links, outbox: OutboxRows,
        metrics: Metrics, pulse: Pulse, reached: Callable[[str], None] = lambda point: None,
        visits: Sequence[VisitsOut] = (),
    ) -> None:  # fmt: skip
        """Nothing happens before run(). `pulse` hears when it begins to take work, and of every read."""
        self._visits = visits
        self._settings = settings
        self._channels = channels
        self._outbox = outbox
        self._metrics = metrics
        self._pulse = pulse
        self._master = follow(settings.kafka.brokers)
        self._feed = GroupFeed(settings.kafka, topology.NOTIFY_GROUP, (topology.ALERTS.name,), self._let_go)
        self._desk = Desk(notify_wire.counted, models(self._master), channels.__contains__)
        clock = SystemClock()
        self._senders = [
            Sender(name, channel, outbox, links, clock, metrics, reached) for name, channel in channels.items()
        ]
        self._positions: dict[int, Position] = {}
        self._quiet = 0
        self._caught_up = asyncio.Event()
        self._said: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; raises what makes going on impossible."""
        static = f"notify-{self._settings.instance}" if self._settings.kafka.embedded else None
        stopped = asyncio.create_task(stop.wait())
        work = (
            self._master.run(), self._intake(static), self._count_waiting(), watch(self._settings.channels_file)
        )  # fmt: skip
        sending = [asyncio.create_task(self._send(sender)) for sender in self._senders]
        sending += [asyncio.create_task(each.run()) for each in self._visits]
        tasks = [*map(asyncio.create_task, work), *sending]
        try:
            done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()
            await self._finish(sending)
        finally:
            for task in (stopped, *tasks):
                task.cancel()
            await asyncio.gather(stopped, *tasks, return_exceptions=True)
            await self._leave()

    async def _finish(self, sending: list[asyncio.Task[None]]) -> None:
        """Begin no further message, but end those under way: else they would have to be sent once more."""
        for sender in self._senders:
            sender.stop()
        for each in self._visits:
            each.stop()
        self._caught_up.set()
        if sending:
            await asyncio.wait(sending, timeout=FINISH_SECONDS)

    async def _leave(self) -> None:
        for channel in self._channels.values():
            await channel.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._feed.stop()
        except TimeoutError:
            log.warning("the broker did not answer the farewell; it will notice by itself")

    async def _intake(self, static: str | None) -> None:
        await self._feed.start(static)
        while True:
            if self._feed.assigned_now.is_set():
                self._feed.assigned_now.clear()
                await self._take_over(self._feed.assigned)
            batches = await self._feed.read(READ_RECORDS, READ_SECONDS)
            for (_, partition), records in batches.items():
                await self._take(partition, records)
            self._quiet = 0 if batches or not self._positions else self._quiet + 1
            if self._quiet >= QUIET_READS:
                self._caught_up.set()
            self._pulse.beat()

    async def _take_over(self, assignment: Assignment) -> None:
        """Go on with these partitions where the database stands; without any we only send."""
        partitions = sorted(number for _, number in assignment.partitions)
        found = await until_done(lambda: self._outbox.positions(partitions), "positions")
        if assignment != self._feed.assigned:
            return  # the group has dealt anew meanwhile; the next round takes over
        self._positions = {number: found.get(number, Position(0, -1)) for number in partitions}
        starts = await self._feed.log_starts(assignment)
        if starts is None:
            return
        self._feed.go_on(
            {(topic, number): max(self._positions[number].position, at) for (topic, number), at in starts.items()}
        )
        if not partitions:
            self._caught_up.set()
        log.info("takes work: partitions %s of %s", partitions, topology.ALERTS.name)
        self._pulse.ready()

    async def _take(self, partition: int, records: list[Any]) -> None:
        at = self._positions.get(partition)
        if at is None:
            return
        steps, epoch = await self._desk.plan(records, at.epoch)
        position = Position(records[-1].offset + 1, epoch)
        await until_done(lambda: self._outbox.write(steps, {partition: position}), "the outbox")
        if partition in self._positions:
            self._positions[partition] = position
        self._report(steps)
        for sender in self._senders:
            sender.news.set()

    def _report(self, steps: list[Step]) -> None:
        for refused in self._desk.refused:
            log.error("not an alert, passed over: %s", refused)
        self._desk.refused.clear()
        for step in steps:
            if isinstance(step, Tell) and step.state != "waiting":
                self._metrics.unreached.labels(step.state).inc()
                self._say_once(step)

    def _say_once(self, step: Tell) -> None:
        nobody = step.state == "nobody"
        what = step.facts.subject_id if nobody else step.recipient.channel
        if what in self._said:
            return
        self._said.add(what)
        if nobody:
            log.error("nobody is told of alerts of %s: no team takes care of it, or nobody is on duty", what)
        else:
            log.error("the channels file has no channel %s: what it would have sent is only recorded", what)

    async def _let_go(self) -> None:
        """Partitions go to others; what is being written may end, for it is the same that they would write."""
        self._positions = {}

    async def _send(self, sender: Sender) -> None:
        """Once caught up; without partitions to read, or a broker, what the outbox holds is sent all the same."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_SESSIONS * self._settings.kafka.session_timeout_s):
                await self._caught_up.wait()
        await sender.run()

    async def _count_waiting(self) -> None:
        loop, forgotten = asyncio.get_running_loop(), -FORGET_SECONDS
        while True:
            if loop.time() - forgotten > FORGET_SECONDS:
                forgotten = loop.time()
                await until_done(self._outbox.forget_old, "forgetting")
            census = await until_done(self._outbox.census, "census")
            self._metrics.show_census(census.waiting, census.breakers)
            await asyncio.sleep(CENSUS_SECONDS)


def models(master: PlantMaster) -> Callable[[int], Awaitable[PlantModel]]:
    """The plant model of a version, built once."""

    @lru_cache(maxsize=4)
    def built(version: int) -> PlantModel:
        return PlantModel.from_document(master.versions[version], version)

    async def model(version: int) -> PlantModel:
        await master.get(version)
        return built(version)

    return model


async def serve(
    settings: StageSettings, reached: Callable[[str], None] = lambda point: None, ready_file: str = ""
) -> int:
    """Run notify until SIGINT or SIGTERM; the exit code. `ready_file` is touched when it takes work."""
    stop, metrics = asyncio.Event(), Metrics()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        channels, subscribers = _open(settings)
        links = make_links(settings)
    except (BadChannels, BadSetting, alert_links.BadLinkKey) as error:
        log.error("%s", error)
        return 2
    if not (channels or subscribers):
        log.warning(
            "no channels (FLOORSTREAM_CHANNELS_FILE): nothing is sent, only recorded 未配置通道：只记录，不发送"
        )
    metrics.listen(settings.host, settings.metrics_port)
    pool = await open_pool(settings.database_url, application="floorstream notify", maximum=4)
    outbox, told = OutboxRows(pool, settings.generation), VisitsToldRows(pool, settings.generation)
    visits = [VisitsOut(settings, name, each, told, metrics, reached) for name, each in subscribers.items()]
    try:
        await Notify(settings, channels, links, outbox, metrics, Pulse(ready_file), reached, visits).run(stop)
    except Exception as error:
        return end_code(error)
    finally:
        pool.terminate()
    return 0


def _open(settings: StageSettings) -> tuple[Mapping[str, Channel], Mapping[str, Subscriber]]:
    """Channels and subscribers of the file. Raises BadChannels."""
    if not settings.channels_file:
        return {}, {}
    path = Path(settings.channels_file)
    return open_channels(path, SystemClock()), open_subscribers(path, SystemClock())


def end_code(error: Exception) -> int:
    """Say why it ends: 1 where starting again is right, 2 settings, 70 where nobody expected this."""
    if isinstance(error, ChannelsChanged):
        log.warning("stopping: the channels file has changed; a restart takes the new one 通道文件已更改")
        return 1
    if isinstance(error, KafkaError):
        log.error("stopping: the broker refuses us (%s); a restart goes on from the database's positions", error)
        return 1
    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError):
        log.error("stopping: the database has another schema (%s): run `floorstream migrate`", error)
        return 1
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError | asyncpg.InvalidCatalogNameError):
        log.error("stopping: the database refuses us (%s): check FLOORSTREAM_DATABASE_URL", error)
        return 2
    say_why(log, 70, error, "going on could call somebody wrongly")
    return 70


def configure_logs() -> None:
    """Our lines to standard error; of the Kafka and HTTP clients only what goes wrong (addresses hold tokens)."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for name in ("aiokafka", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def main(environment: Mapping[str, str], read: Callable[[Mapping[str, str]], StageSettings]) -> int:
    """Start the stage from its settings; the exit code."""
    configure_logs()
    try:
        settings = read(environment)
        if not settings.database_url:
            raise BadSetting("FLOORSTREAM_DATABASE_URL is not set: give it the address of the database")
    except BadSetting as error:
        log.error("%s", error)
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(settings, ready_file=environment.get("FLOORSTREAM_READY_FILE", "")))
