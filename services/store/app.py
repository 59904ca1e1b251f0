"""Wires the store: partitions from the group, positions from the database, rows into it.

read loop    records ──► lanes (handler.py)            stops reading while too much waits to be written
write loop   lanes ──► one Flush ──► one transaction   every 10,000 rows or 200 ms; again and again while the
                                                       database is away
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Mapping

import asyncpg
import uvloop
from aiokafka.errors import KafkaError

from services import topology
from services.adapters.kafka_consumer import Assignment, GroupFeed
from services.adapters.last_words import say_why
from services.adapters.metrics import Metrics
from services.adapters.pulse import Pulse
from services.adapters.runtime import tune_runtime
from services.adapters.timescale_pool import open_pool
from services.adapters.timescale_retry import until_done
from services.adapters.timescale_write import Claim, Fenced, Flush, SinkWriter, make_staging
from services.settings import BadSetting, StageSettings
from services.store.lanes import Lanes, first_positions

log = logging.getLogger("floorstream.store")

TOPICS = tuple(t.name for t in topology.TOPICS if "store" in t.readers)
VISITS = topology.VISITS.name
FLUSH_ROWS = 10_000
FLUSH_BYTES = 8 << 20
FLUSH_SECONDS = 0.2
MOST_ROWS = 4 * FLUSH_ROWS
MOST_BYTES = 4 * FLUSH_BYTES
READ_RECORDS = 2_000
READ_SECONDS = 0.2
TURN_RECORDS = 250  # taken before the transaction under way has its turn: it waits for a dozen answers
REVOKE_SECONDS = 2.0
STOP_SECONDS = 3.0


class Store:
    """One process of the store stage."""

    def __init__(self, settings: StageSettings, writer: SinkWriter, metrics: Metrics, pulse: Pulse) -> None:
        """Nothing happens before run(). `pulse` hears when it begins to take work, and that nothing waits for long."""
        self._settings = settings
        self._metrics = metrics
        self._pulse = pulse
        self._writer = writer
        self._feed = GroupFeed(settings.kafka, topology.STORE_GROUP, TOPICS, self._let_go)
        self._lanes = Lanes(settings.generation, {})
        self._writing: asyncio.Task[None] | None = None
        self._due = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises BrokenGuarantee, Fenced, or whatever nobody expected."""
        static = f"store-{self._settings.instance}" if self._settings.kafka.embedded else None
        stopped = asyncio.create_task(stop.wait())
        working: list[asyncio.Task[None]] = [asyncio.create_task(self._feed.start(static))]
        try:
            await asyncio.wait([stopped, *working], return_when=asyncio.FIRST_COMPLETED)
            if working[0].done():
                working[0].result()
                loops = (self._read_loop(), self._feed.remain(), self._write_loop())
                working = [asyncio.create_task(loop) for loop in loops]
                await asyncio.wait([stopped, *working], return_when=asyncio.FIRST_COMPLETED)
            if stopped.done():
                await self._finish(working)
        finally:
            for task in (stopped, *working):
                task.cancel()
            ended = await asyncio.gather(*working, return_exceptions=True)
            await self._leave()
        for result in ended:
            if isinstance(result, Exception):
                raise result

    async def _finish(self, working: list[asyncio.Task[None]]) -> None:
        """Read no more, write what is ready; what does not get done in time is left to the next start."""
        self._stopping = True
        self._due.set()
        for task in working[:-1] or working:
            task.cancel()
        await asyncio.wait(working, timeout=STOP_SECONDS)

    async def _leave(self) -> None:
        await self._settle()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._feed.stop()
        except TimeoutError:
            log.warning("the broker did not answer the farewell; it will notice by itself")

    async def _read_loop(self) -> None:
        while True:
            await self._room.wait()
            self._feed.hold(self._lanes.waiting_for_scans())
            batches = await self._feed.read(READ_RECORDS, READ_SECONDS)
            lanes = self._lanes
            for (topic, partition), records in batches.items():
                for start in range(0, len(records), TURN_RECORDS):
                    lanes.take(topic, partition, records[start : start + TURN_RECORDS])
                    self._judge_fill()
                    await asyncio.sleep(0)  # a full buffer answers at once: the write loop needs its turn
            self._judge_fill()

    def _judge_fill(self) -> None:
        rows, size = self._lanes.ready_rows, self._lanes.ready_bytes
        self._metrics.store_waiting.set(rows)
        if rows >= FLUSH_ROWS or size >= FLUSH_BYTES:
            self._due.set()
        if rows >= MOST_ROWS or size >= MOST_BYTES:
            self._room.clear()

    async def _write_loop(self) -> None:
        last = False
        while not last:
            last = self._stopping
            if self._feed.assigned_now.is_set():
                self._feed.assigned_now.clear()
                await self._take_over(self._feed.assigned)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._due.wait()
            self._due.clear()
            if self._lanes.ready_rows:
                await self._write()
            self._pulse.beat()

    async def _write(self) -> None:
        serial, flush = self._feed.assigned.serial, self._lanes.cut()
        self._room.set()
        self._writing = asyncio.create_task(until_done(lambda: self._attempt(flush), "writing"))
        try:
            await asyncio.wait([self._writing])
            if not self._writing.cancelled():
                self._writing.result()
        except Fenced:
            if serial == self._feed.assigned.serial:
                raise
            # Already handed over by the group: the new owner has the same records.
        finally:
            await self._settle()
        self._judge_fill()

    async def _attempt(self, flush: Flush) -> None:
        metrics = self._metrics
        with metrics.flush_seconds.time(), metrics.flush_failures.count_exceptions():
            await self._writer.write(flush)
        for table, rows in flush.rows.items():
            metrics.store_rows.labels(table).inc(len(rows))
        for advance in flush.advances:
            self._stands(advance.topic, advance.partition, advance.position, advance.mark)

    def _stands(self, topic: str, partition: int, position: int, mark: int) -> None:
        self._metrics.store_position.labels(topic, partition).set(position)
        if topic == VISITS:
            self._metrics.store_mark.labels(partition).set(mark)

    async def _settle(self) -> None:
        """End what is being written, if it has not ended."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])

    async def _let_go(self) -> None:
        """Partitions are about to go to others: finish the transaction under way, drop everything else."""
        self._lanes = Lanes(self._settings.generation, {})
        self._room.set()
        if self._writing is not None and not self._writing.done():
            await asyncio.wait([self._writing], timeout=REVOKE_SECONDS)
            await self._settle()
        self._metrics.store_position.clear()
        self._metrics.store_mark.clear()

    async def _take_over(self, assignment: Assignment) -> None:
        """Become the owner of the partitions in the database, and go on from its positions."""
        partitions = sorted(assignment.partitions)
        topics = {topic for topic, _ in partitions}
        if len(topics & {topology.SCANS.name, topology.VISITS.name}) == 1:
            log.warning("only %s is there yet; waiting for the other topics", ", ".join(sorted(topics)))
            return

        async def claim() -> dict[tuple[str, int], Claim]:
            await self._writer.require_life()
            # Not for partitions that are no longer ours: it would fence their owner.
            return await self._writer.claim(partitions) if assignment == self._feed.assigned else {}

        claims = await until_done(claim, "taking over partitions")
        starts = await self._feed.log_starts(assignment)
        if starts is None or assignment != self._feed.assigned:
            return  # the group has dealt anew meanwhile; the next round takes over
        positions = first_positions({partition: claim.position for partition, claim in claims.items()}, starts)
        self._lanes = Lanes(self._settings.generation, claims, positions)
        for (topic, partition), position in positions.items():
            self._stands(topic, partition, position, claims[topic, partition].mark)
        self._feed.go_on(positions)
        log.info("takes work: %s", ", ".join(f"{topic}/{number}@{at}" for (topic, number), at in positions.items()))
        self._pulse.ready()


async def serve(
    settings: StageSettings, reached: Callable[[str], None] = lambda point: None, ready_file: str = ""
) -> int:
    """Run the store until SIGINT or SIGTERM; the exit code. `ready_file` is touched when it takes work."""
    stop, metrics = asyncio.Event(), Metrics()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics.listen(settings.host, settings.metrics_port)
    pool = await open_pool(settings.database_url, application="floorstream store", maximum=2, setup=make_staging)
    try:
        await Store(settings, SinkWriter(pool, settings.generation, reached), metrics, Pulse(ready_file)).run(stop)
    except BadSetting as error:
        log.error("stopping: %s", error)
        return 2
    except Fenced as error:
        log.error("stopping: %s. Nothing of it was written here; a restart joins again", error)
        return 1
    except KafkaError as error:
        # Also what a broker answers to a member whose name somebody else has taken. The positions are in the database.
        log.error("stopping: the broker refuses us (%s); a restart goes on from the database's positions", error)
        return 1
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        log.error("stopping: the database has another schema (%s): run `floorstream migrate`", error)
        return 1
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        log.error("stopping: the database refuses us (%s): check FLOORSTREAM_DATABASE_URL", error)
        return 2
    except Exception as error:
        say_why(log, 70, error, "going on could lose rows")
        return 70
    finally:
        pool.terminate()
    return 0


def configure_logs() -> None:
    """Our lines to standard error; of the Kafka client only what goes wrong."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.WARNING)


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
    tune_runtime()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(settings, ready_file=environment.get("FLOORSTREAM_READY_FILE", "")))
