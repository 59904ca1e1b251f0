"""Wires show: operation states, alerts and the plant model in; board, read API, live streams and actions out.

`wire` puts it together, `run` keeps it up to date, `router` holds the stage's own addresses (for a process that also
serves other stages), `create_app` adds /healthz, /readyz and /metrics (for a process of its own).
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI, Response

from schemas.answers import Health, Readiness
from services.adapters import (
    alerts_feed,
    api_access,
    api_description,
    operations_feed,
    plant_master,
    problems,
    work_units_feed,
)
from services.adapters.alert_links import BadLinkKey, load_key
from services.adapters.alerts_read import AlertRows
from services.adapters.api_description import described, text
from services.adapters.clock import SystemClock
from services.adapters.kafka_follow import Follower
from services.adapters.kafka_producer import KafkaOutbox
from services.adapters.last_words import say_why
from services.adapters.metrics import Metrics
from services.adapters.plant_master import PlantMaster
from services.adapters.show_read import DatabaseRows
from services.adapters.timescale_pool import open_pool
from services.adapters.wire import encode
from services.core.equipment import PlantModel
from services.ports import Clock, Outbox
from services.settings import BadSetting, StageSettings
from services.show.alert_acts import Acts
from services.show.alerts import Alerts
from services.show.handler import Board
from services.show.integrate_plant import integrate_router, schemas_router
from services.show.live import Live
from services.show.pages import pages_router
from services.show.rights import Rights
from services.show.routes import operations_router, rows_router
from services.show.routes_alerts import AlertDeps, alerts_router
from services.show.routes_performance import performance_router
from services.show.screens import Phone, Wall

log = logging.getLogger(__name__)

POOL_SIZE = 4
STOP_SECONDS = 5


class Feed(Protocol):
    """What keeps board and alerts up to date; services.adapters.kafka_follow.Follower, or states in memory."""

    @property
    def caught_up(self) -> bool:
        """Has everything been read that was there when it began?"""
        ...

    async def run(self) -> None:
        """Until cancelled."""
        ...


@dataclass(frozen=True)
class ShowDeps:
    """The machines behind the routes. `rows` None: no database. `shared`: master and outbox are run by others.

    `ingest_url`: where scans are taken, if that is another address than this one.
    """

    board: Board
    live: Live
    alerts: AlertDeps
    clock: Clock
    feed: Feed
    master: PlantMaster
    outbox: Outbox
    metrics: Metrics
    rows: DatabaseRows | None = None
    shared: bool = False
    ingest_url: str = ""

    def changed(self) -> None:
        """There may be news: for those who watch, and for those who wait for what they did."""
        self.live.changed()
        self.alerts.live.changed()
        self.alerts.acts.look()

    def close_live(self) -> None:
        """End all live connections: to be called before a server waits for its connections to end."""
        self.live.close()
        self.alerts.live.close()


class Shared(NamedTuple):
    """Machines that another stage in this process runs."""

    master: PlantMaster
    outbox: Outbox


@contextlib.asynccontextmanager
async def wire(settings: StageSettings, metrics: Metrics, shared: Shared | None = None) -> AsyncIterator[ShowDeps]:
    """The machines of this stage, none of them started. Raises BadSetting."""
    clock, kafka = SystemClock(), settings.kafka
    board, alerts = Board(kafka.operation_partitions), Alerts(kafka.operation_partitions)
    master = shared.master if shared else plant_master.follow(kafka.brokers)
    outbox = shared.outbox if shared else KafkaOutbox(kafka, metrics)
    rights = Rights(api_access.of_settings(settings, clock), _link_key(settings))
    async with contextlib.AsyncExitStack() as stack:
        pool = None
        if settings.database_url:
            pool = await open_pool(settings.database_url, application="floorstream show", maximum=POOL_SIZE)
            stack.callback(pool.terminate)
        acting = AlertDeps(
            alerts, Acts(alerts, outbox, clock, encode, kafka.operation_partitions), rights,
            Live(Phone(board, alerts), clock, encode), clock, metrics, AlertRows(pool) if pool else None,
        )  # fmt: skip
        feed = Follower(
            kafka.brokers,
            [
                operations_feed.followed(board, kafka.operation_partitions),
                work_units_feed.followed(board, kafka.scan_partitions),
                alerts_feed.followed(alerts, kafka.operation_partitions),
            ],
            lambda: deps.changed(),
            operations_feed.scan_ends(board, clock, kafka.scan_partitions),
        )
        deps = ShowDeps(
            board, Live(Wall(board, alerts), clock, encode), acting, clock, feed, master, outbox, metrics,
            DatabaseRows(pool) if pool else None, shared is not None, settings.ingest_url,
        )  # fmt: skip
        yield deps


def _link_key(settings: StageSettings) -> bytes | None:
    if not settings.link_key_file:
        return None
    try:
        return load_key(Path(settings.link_key_file))
    except BadLinkKey as error:
        raise BadSetting(f"FLOORSTREAM_LINK_KEY_FILE: {error}") from error


async def run(deps: ShowDeps) -> None:
    """Keep the board up to date and its watchers too, until cancelled. Raises BrokenGuarantee."""
    works = [deps.feed.run(), deps.live.run(), deps.alerts.live.run(), _follow_model(deps)]
    if not deps.shared:
        works += [deps.master.run(), deps.outbox.start()]
    tasks = [asyncio.create_task(work) for work in works]
    try:
        # Not gather: it would hand a cancellation on, and the one below would break into what they end with.
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in ended:
            task.result()
    finally:
        deps.close_live()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        if not deps.shared:
            await deps.outbox.stop()


async def _follow_model(deps: ShowDeps) -> None:
    """The newest version of the plant model onto the board, for ever."""
    while True:
        shown = deps.board.model.version if deps.board.model else 0
        await deps.master.wait_for(lambda known=shown: deps.master.newest > known)  # type: ignore[misc]
        newest = deps.master.newest
        model = PlantModel.from_document(deps.master.versions[newest], newest)
        deps.board.take_model(model)
        deps.alerts.alerts.take_model(model)
        deps.changed()


def router(deps: ShowDeps) -> APIRouter:
    """Board, read API and live stream; the application it is mounted in needs `problems.install`."""
    routes = APIRouter()
    routes.include_router(operations_router(deps.board, deps.live, deps.clock))
    routes.include_router(rows_router(deps.rows, deps.clock))
    routes.include_router(performance_router(deps.board, deps.rows, deps.clock))
    routes.include_router(alerts_router(deps.alerts))
    keyed = deps.alerts.rights.access.keys is not None
    routes.include_router(integrate_router(deps.board, deps.clock, keyed, deps.ingest_url))
    routes.include_router(schemas_router())
    routes.include_router(pages_router(deps.ingest_url))
    return routes


def create_app(deps: ShowDeps) -> FastAPI:
    """Show alone, with health and metrics."""
    app = FastAPI(title="floorstream show", docs_url=None, redoc_url=None, openapi_url=api_description.ADDRESS)
    problems.install(app)
    api_description.install(app)
    app.include_router(router(deps))

    @app.get("/healthz", **described({200: Health}))
    async def healthz() -> Response:
        """Is this process alive?"""
        return _json({"status": "ok"})

    @app.get("/readyz", **described({200: Readiness, 503: Readiness}))
    async def readyz() -> Response:
        """Can the board be believed, and if not, what is missing?"""
        missing = not_ready(deps)
        return _json({"ready": not missing, "missing": missing}, 503 if missing else 200)

    @app.get("/metrics", **text("text/plain"))
    async def metrics() -> Response:
        """Its metrics, for Prometheus."""
        said, kind = deps.metrics.text()
        return Response(said, headers={"Content-Type": kind})

    return app


def not_ready(deps: ShowDeps) -> list[str]:
    """What is missing before the board can be believed; empty when it can."""
    missing = [] if deps.feed.caught_up else ["operation states and alerts: not read to their end yet"]
    return missing if deps.board.model is not None else [*missing, "plant model: there is none; PUT /v1/plant"]


def _json(body: dict[str, object], status: int = 200) -> Response:
    return Response(encode(body), status, media_type="application/json")


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which would end the process by the signal that asked for a clean stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def _listen(settings: StageSettings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=1024)
    except OSError as error:
        raise BadSetting(
            f"FLOORSTREAM_HOST={settings.host} FLOORSTREAM_PORT={settings.port}: {error.strerror}"
        ) from error


async def serve(settings: StageSettings) -> int:
    """Serve until SIGINT or SIGTERM; the exit code."""
    async with wire(settings, Metrics()) as deps:
        server = _Server(
            uvicorn.Config(
                create_app(deps), log_config=None, access_log=False, server_header=False, lifespan="off",
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )  # fmt: skip

        def stop() -> None:
            deps.close_live()  # else the server would wait for connections that never end
            server.should_exit = True

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        serving = asyncio.create_task(server.serve(sockets=[_listen(settings)]))
        working = asyncio.create_task(run(deps))
        await asyncio.wait([working, serving], return_when=asyncio.FIRST_COMPLETED)
        broken = working.exception() if working.done() else None
        stop()
        await serving
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    if broken is None:
        return 0
    say_why(log, 70, broken, "what is shown could be wrong")
    return 70


def main(environment: Mapping[str, str], read: Callable[[Mapping[str, str]], StageSettings]) -> int:
    """Start the stage from its settings; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    try:
        code: int = uvloop.run(serve(read(environment)))
    except BadSetting as error:
        log.error("%s", error)
        return 2
    return code
