"""The ingest stage put together: settings → machines → routes → one HTTP server.

`services/embedded/front.py` uses the same pieces (`wire`, `run`, `router`) to serve it beside `show` on one port.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI

from services.adapters import api_description, problems
from services.adapters.api_access import guarded
from services.adapters.api_pages import allow_pages
from services.adapters.capture_jobs import CaptureJobs
from services.adapters.clock import SystemClock
from services.adapters.ingest_tables import IngestTables
from services.adapters.kafka_producer import KafkaOutbox
from services.adapters.last_words import say_why
from services.adapters.metrics import Metrics
from services.adapters.plant_master import follow
from services.adapters.plant_publish import PlantPublisher
from services.adapters.timescale_pool import open_pool
from services.ingest import (
    orders,
    routes_b2mml,
    routes_epcis,
    routes_events,
    routes_health,
    routes_orders,
    routes_parts,
    routes_plant,
)
from services.ingest.deps import Deps
from services.settings import BadSetting, StageSettings

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 512
STOP_SECONDS = 5


@contextlib.asynccontextmanager
async def wire(settings: StageSettings, metrics: Metrics) -> AsyncIterator[Deps]:
    """The machines of this stage, none of them started. Raises BadSetting."""
    clock = SystemClock()
    outbox = KafkaOutbox(settings.kafka, metrics)
    master = follow(settings.kafka.brokers)
    access = guarded(settings, clock)
    pool = (
        await open_pool(settings.database_url, application="floorstream ingest", maximum=2)
        if settings.database_url
        else None
    )
    tables = None if pool is None else IngestTables(pool)
    partitions = settings.kafka.scan_partitions
    publisher = PlantPublisher(master, outbox, partitions, tables, clock, metrics)
    try:
        yield Deps(
            partitions, settings.generation, access, clock, outbox, master, publisher, metrics, tables,
            captures=CaptureJobs(pool),
        )  # fmt: skip
    finally:
        if pool is not None:
            pool.terminate()


async def run(deps: Deps) -> None:
    """Keep the stage connected and the plant model in force, until cancelled. Raises BrokenGuarantee."""
    work = (
        deps.outbox.start(), deps.master.run(), deps.publisher.run(), deps.captures.run(), orders.keep_last(deps)
    )  # fmt: skip
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await deps.outbox.stop()


def router(deps: Deps) -> APIRouter:
    """Everything under /v1 that ingest answers; the application it is mounted in needs `problems.install`."""
    routes = APIRouter()
    for part in (routes_events, routes_epcis, routes_plant, routes_parts, routes_orders, routes_b2mml):
        routes.include_router(part.router(deps))
    return routes


def application(deps: Deps, public_url: str = "") -> FastAPI:
    """Ingest alone, with health and metrics. `public_url`: whose pages may send from a browser, empty for none."""
    app = FastAPI(title="floorstream ingest", docs_url=None, redoc_url=None, openapi_url=api_description.ADDRESS)
    problems.install(app)
    api_description.install(app)
    app.include_router(router(deps))
    app.include_router(routes_health.router(deps))
    if public_url:
        allow_pages(app, public_url)
    return app


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which would end the process by the signal that asked for a clean stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def _listen(settings: StageSettings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise BadSetting(
            f"FLOORSTREAM_HOST={settings.host} FLOORSTREAM_PORT={settings.port}: {error.strerror}"
        ) from error


async def serve(settings: StageSettings) -> int:
    """Serve until SIGINT or SIGTERM; the exit code."""
    async with wire(settings, Metrics()) as deps:
        server = _Server(
            uvicorn.Config(
                application(deps, settings.public_url), log_config=None, access_log=False, server_header=False,
                lifespan="off", limit_concurrency=MOST_CONNECTIONS, timeout_graceful_shutdown=STOP_SECONDS,
            )
        )  # fmt: skip
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, setattr, server, "should_exit", True)
        serving = asyncio.create_task(server.serve(sockets=[_listen(settings)]))
        working = asyncio.create_task(run(deps))
        await asyncio.wait([working, serving], return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        broken = working.exception() if working.done() else None
        await serving
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    if broken is None:
        return 0
    say_why(log, 70, broken, "what is answered could be wrong")
    return 70


def main(environment: Mapping[str, str], read: Callable[[Mapping[str, str]], StageSettings]) -> int:
    """Start the stage from its settings; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        code: int = uvloop.run(serve(read(environment)))
    except BadSetting as error:
        log.error("%s", error)
        return 2
    return code
