"""Wires show: the feed of floor.operations and the plant model onto the board; board, read API and live stream out.

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
from typing import Protocol

import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI, Response

from services.adapters import plant_master, problems
from services.adapters.clock import SystemClock
from services.adapters.metrics import Metrics
from services.adapters.operations_feed import OperationsFeed
from services.adapters.plant_master import PlantMaster
from services.adapters.show_read import DatabaseRows
from services.adapters.timescale_pool import open_pool
from services.adapters.wire import encode
from services.core.equipment import PlantModel
from services.core.errors import BrokenGuarantee
from services.ports import Clock
from services.settings import BadSetting, StageSettings
from services.show.handler import Board
from services.show.live import Live
from services.show.pages import pages_router
from services.show.routes import operations_router, rows_router

log = logging.getLogger(__name__)

POOL_SIZE = 4
STOP_SECONDS = 5


class Feed(Protocol):
    """What keeps the board up to date; services.adapters.operations_feed.OperationsFeed, or states in memory."""

    @property
    def caught_up(self) -> bool:
        """Has everything been read that was there when it began?"""
        ...

    async def run(self) -> None:
        """Until cancelled."""
        ...


@dataclass(frozen=True)
class ShowDeps:
    """The machines behind the routes. `shared_master`: somebody else runs it. `rows` None: no database."""

    board: Board
    live: Live
    clock: Clock
    feed: Feed
    master: PlantMaster
    metrics: Metrics
    rows: DatabaseRows | None = None
    shared_master: bool = False

    def close_live(self) -> None:
        """End all live connections: to be called before a server waits for its connections to end."""
        self.live.close()


@contextlib.asynccontextmanager
async def wire(settings: StageSettings, metrics: Metrics, master: PlantMaster | None = None) -> AsyncIterator[ShowDeps]:
    """The machines of this stage, none of them started. `master`: a follower of floor.master that others run."""
    clock = SystemClock()
    board = Board(settings.kafka.operation_partitions)
    live = Live(board, clock, encode)
    feed = OperationsFeed(settings.kafka, board, clock, live.changed)
    followed = master or plant_master.follow(settings.kafka.brokers)
    async with contextlib.AsyncExitStack() as stack:
        rows = None
        if settings.database_url:
            pool = await open_pool(settings.database_url, application="floorstream show", maximum=POOL_SIZE)
            stack.callback(pool.terminate)
            rows = DatabaseRows(pool)
        yield ShowDeps(board, live, clock, feed, followed, metrics, rows, master is not None)


async def run(deps: ShowDeps) -> None:
    """Keep the board up to date and its watchers too, until cancelled. Raises BrokenGuarantee."""
    works = [deps.feed.run(), deps.live.run(), _follow_model(deps)]
    if not deps.shared_master:
        works.append(deps.master.run())
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


async def _follow_model(deps: ShowDeps) -> None:
    """The newest version of the plant model onto the board, for ever."""
    while True:
        shown = deps.board.model.version if deps.board.model else 0
        await deps.master.wait_for(lambda known=shown: deps.master.newest > known)  # type: ignore[misc]
        newest = deps.master.newest
        deps.board.take_model(PlantModel.from_document(deps.master.versions[newest], newest))
        deps.live.changed()


def router(deps: ShowDeps) -> APIRouter:
    """Board, read API and live stream; the application it is mounted in needs `problems.install`."""
    routes = APIRouter()
    routes.include_router(operations_router(deps.board, deps.live, deps.clock))
    routes.include_router(rows_router(deps.rows, deps.clock))
    routes.include_router(pages_router())
    return routes


def create_app(deps: ShowDeps) -> FastAPI:
    """Show alone, with health and metrics."""
    app = FastAPI(title="floorstream show", docs_url=None, redoc_url=None)
    problems.install(app)
    app.include_router(router(deps))

    @app.get("/healthz")
    async def healthz() -> Response:
        return _json({"status": "ok"})

    @app.get("/readyz")
    async def readyz() -> Response:
        missing = not_ready(deps)
        return _json({"ready": not missing, "missing": missing}, 503 if missing else 200)

    @app.get("/metrics")
    async def metrics() -> Response:
        text, kind = deps.metrics.text()
        return Response(text, headers={"Content-Type": kind})

    return app


def not_ready(deps: ShowDeps) -> list[str]:
    """What is missing before the board can be believed; empty when it can."""
    missing = [] if deps.feed.caught_up else ["operation states: not read to their end yet"]
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
    log.error("stopping: %s", broken, exc_info=None if isinstance(broken, BrokenGuarantee) else broken)
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
