"""The Faust app of a stage that works in frames: safe settings, and an end that never lies.

    app = make_app("floor-track", "127.0.0.1:9092", data_dir=…, partitions=8)
    table = app.frame_table("units", source="floor.scans", on_recovered=…, on_lost=…)

    @app.agent(app.frame_topic("floor.scans"))
    async def fold(stream):
        async for event in stream.noack().events():
            frame = event.message.value             # frame_records.Frame
            if frame.start > stands_at + 1:
                await app.consumer.rewind(event, stands_at + 1)
                continue
            for sent in app.producer.batches(…): await sent
            await table.write(…)
            event.ack()                             # in order per partition; commits the frame's end

    tune_runtime(); sys.exit(run(app))

Whatever raises in an agent, in Faust itself or inside `with app.guarantee("…")` ends the process with exit code 70
before anything more is acknowledged: Faust would log, acknowledge and go on. A stop that was asked for is never 70.
At least once; effects are idempotent, and state is exact by its changelog (frame_table.py).
"""

import asyncio
import gc
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import faust
import faust.streams
import uvloop
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.worker import Worker

from services.adapters.clock import SystemClock
from services.adapters.frame_consumer import FrameConsumer
from services.adapters.frame_producer import FrameProducer
from services.adapters.frame_recovery import FrameTableManager, Starts
from services.adapters.frame_schema import FrameSchema
from services.adapters.frame_table import FrameTable
from services.ports import Clock

log = logging.getLogger(__name__)

EXIT_BROKEN = 70
"""A guarantee could not be kept (the manual's table of exit codes)."""
GC_THRESHOLDS = (100_000, 50, 1_000)
"""With the default ones collecting takes a quarter of the time: frames make many objects that die young."""
QUEUED_FRAMES = 8
SCHEME = "frame"


class FrameTransport(driver.Transport):  # type: ignore[misc]
    """Faust's aiokafka transport with frames in and batches out."""

    Consumer = FrameConsumer
    Producer = FrameProducer


TRANSPORTS.aliases[SCHEME] = f"{__name__}:FrameTransport"


@dataclass(frozen=True)
class FrameSettings:
    """What frames need beside Faust's own settings. `frame_records`, `frame_bytes`: the largest frame; `fetch_wait_ms`:
    how long a broker holds a fetch that finds nothing; `ack_deadline_s`: after which a send has failed."""

    brokers: str
    idempotent: bool = True
    frame_records: int = 2_048
    frame_bytes: int = 4 << 20
    fetch_wait_ms: int = 50
    ack_deadline_s: float = 120.0
    clock: Clock = field(default_factory=SystemClock)


class FrameApp(faust.App):  # type: ignore[misc]
    """A Faust app whose topics are read in frames. Made by `make_app`."""

    frame_settings: FrameSettings
    stop_asked = False

    @property
    def starts(self) -> Starts:
        """Where sources begin after a recovery."""
        return Starts(self)

    def frame_topic(self, name: str, **options: Any) -> Any:
        """A topic for an agent that gets frames."""
        return self.topic(name, schema=FrameSchema(), **options)

    def frame_table(
        self,
        name: str,
        *,
        source: str,
        config: dict[str, str] | None = None,
        on_recovered: Callable[[int], None] | None = None,
        on_lost: Callable[[int], None] | None = None,
        **options: Any,
    ) -> FrameTable:
        """State of a source topic; its changelog `<app id>-<name>-changelog` is made, compacted, where it is missing.

        `config`: settings of that topic. Both callbacks get the partition and run on the event loop, synchronously.
        """
        table = FrameTable(
            self,
            name=name,
            source=source,
            extra_topic_configs=config,
            on_recovered=on_recovered,
            on_lost=on_lost,
            **options,
        )
        return self.tables.add(table)  # type: ignore[no-any-return]

    async def _on_agent_error(self, agent: Any, error: BaseException) -> None:
        # Faust would commit, and start the agent again behind the frame that failed.
        self.broken(f"nothing is acknowledged before it is processed ({agent.name})", error)

    @contextmanager
    def guarantee(self, what: str) -> Iterator[None]:
        """An exception inside ends the process: `what` could not be kept. Being cancelled is no exception."""
        try:
            yield
        except Exception as error:
            self.broken(what, error)
            raise

    def broken(self, what: str, error: BaseException | None = None) -> None:
        """End the process now, with 70, and 0 during a stop that was asked for; may be called from any thread."""
        code = 0 if self.stop_asked else EXIT_BROKEN
        because = f": {error}" if error else ""
        log.critical("a guarantee cannot be kept: %s%s; exit %d", what, because, code, exc_info=error)
        logging.shutdown()
        os._exit(code)

    def _crash(self, reason: BaseException) -> None:
        # Every crashing part of Faust tells its parents; a graceful stop from here on would commit and take its time.
        self.broken("every part of the worker runs", reason)

    async def on_stop(self) -> None:
        """Faust's stop: waits for frames under way, commits, leaves."""
        self.stop_asked = True
        await super().on_stop()


class FrameWorker(Worker):  # type: ignore[misc]
    """Faust's worker process; remembers that a signal asked it to stop."""

    def _schedule_shutdown(self, signal: Any) -> None:
        self.app.stop_asked = True
        super()._schedule_shutdown(signal)


def tune_runtime() -> None:
    """uvloop, and a garbage collector that lets young objects die; before anything asks for an event loop."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    gc.set_threshold(*GC_THRESHOLDS)


def run(app: FrameApp) -> int:
    """Run a worker until SIGTERM or SIGINT; returns the exit code. Logging is the caller's."""
    worker = FrameWorker(app, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    except SystemExit:
        return 0 if app.stop_asked else EXIT_BROKEN
    return EXIT_BROKEN


def _require_cython() -> None:
    if faust.streams._CStreamIterator is None:
        # The pure-Python iterator acknowledges stale events after a rebalance.
        raise RuntimeError("faust-streaming runs without its C extension: install its wheel and unset NO_CYTHON")


def make_app(
    app_id: str,
    brokers: str,
    *,
    data_dir: str,
    partitions: int,
    replication: int = 1,
    idempotent: bool = True,
    session_timeout_s: float = 10.0,
    heartbeat_s: float | None = None,
    rebalance_timeout_s: float | None = None,
    instance_id: str | None = None,
    fetch_bytes: int = 1 << 20,
    commit_interval_s: float = 1.0,
    **frames: Any,
) -> FrameApp:
    """A Faust app with the settings our guarantees need; `brokers` = host:port[,host:port].

    `partitions`, `replication`: of changelogs it creates. `idempotent`: False for the embedded broker, which has no
    idempotent producer. `instance_id`: static group membership, for the embedded broker as well. `frames`: fields of
    FrameSettings.
    """
    _require_cython()
    app = FrameApp(
        app_id,
        broker=";".join(f"{SCHEME}://{broker.strip()}" for broker in brokers.split(",")),
        broker_session_timeout=session_timeout_s,
        broker_heartbeat_interval=heartbeat_s or session_timeout_s / 3,
        broker_rebalance_timeout=rebalance_timeout_s or max(30.0, session_timeout_s),
        broker_request_timeout=max(30.0, session_timeout_s),
        broker_commit_interval=commit_interval_s,
        consumer_max_fetch_size=fetch_bytes,
        consumer_group_instance_id=instance_id,
        topic_partitions=partitions,
        topic_replication_factor=replication,
        datadir=data_dir,
        **FIXED_SETTINGS,
    )
    app.frame_settings = FrameSettings(brokers=brokers, idempotent=idempotent, **frames)
    return app


FIXED_SETTINGS: dict[str, Any] = {
    "processing_guarantee": "at_least_once",
    "broker_max_poll_interval": 300.0,
    "consumer_auto_offset_reset": "earliest",
    "producer_acks": -1,
    "producer_request_timeout": 30.0,
    "producer_linger": 0.0,
    "stream_wait_empty": True,
    "stream_recovery_delay": 0.0,
    "stream_buffer_maxsize": QUEUED_FRAMES,
    "store": "memory://",
    "table_standby_replicas": 0,
    "recovery_consistency_check": False,
    "topic_disable_leader": True,
    "web_enabled": False,
    "worker_redirect_stdouts": False,
    "autodiscover": False,
    "TableManager": FrameTableManager,
}
