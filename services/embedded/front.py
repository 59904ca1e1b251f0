"""Ingest and show in one process on one port: what a board and a scanner on this machine talk to.

    /v1/… of ingest ┐
    /v1/… of show   ├─ one uvicorn ─ /healthz, /readyz, /metrics for both
    board           ┘

Start it with `python -m services.embedded.front`; settings by environment.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass

import uvicorn
import uvloop
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from schemas.answers import Health, Readiness
from services import settings
from services.adapters import api_description, problems
from services.adapters.api_description import described, text
from services.adapters.last_words import say_why
from services.adapters.metrics import Metrics
from services.adapters.pulse import EVERY_S, Pulse
from services.core.errors import BrokenGuarantee
from services.ingest import app as ingest
from services.ingest.deps import Deps
from services.ingest.routes_health import not_ready
from services.settings import BadSetting, StageSettings
from services.show import app as show
from services.show.app import Shared, ShowDeps

log = logging.getLogger("floorstream.front")

MOST_CONNECTIONS = 4_600
"""Somewhat more than the boards that show takes and the senders that ingest takes together."""
STOP_SECONDS = 3


@dataclass(frozen=True)
class Front:
    """Both stages in this process."""

    ingest: Deps
    show: ShowDeps
    metrics: Metrics

    async def missing(self) -> list[str]:
        """What has to come before both take work; empty when they do."""
        board = [f"board: {what}" for what in show.not_ready(self.show)]
        return [*await not_ready(self.ingest), *board]


@contextlib.asynccontextmanager
async def wire(given: StageSettings) -> AsyncIterator[Front]:
    """The machines of both stages, none of them started; ingest runs what both need. Raises BadSetting."""
    metrics = Metrics()
    async with contextlib.AsyncExitStack() as stack:
        writing = await stack.enter_async_context(ingest.wire(given, metrics))
        shared = Shared(writing.master, writing.outbox)
        yield Front(writing, await stack.enter_async_context(show.wire(given, metrics, shared)), metrics)


async def run(front: Front) -> None:
    """Keep both stages at work, until cancelled. Raises BrokenGuarantee."""
    tasks = [asyncio.create_task(work) for work in (ingest.run(front.ingest), show.run(front.show))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def application(front: Front) -> FastAPI:
    """All addresses of both stages."""
    app = FastAPI(title="floorstream", docs_url=None, redoc_url=None, openapi_url=api_description.ADDRESS)
    problems.install(app)
    api_description.install(app)
    app.include_router(ingest.router(front.ingest))
    app.include_router(show.router(front.show))

    @app.get("/healthz", **described({200: Health}))
    async def healthz() -> Response:
        """Is this process alive?"""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", **described({200: Readiness, 503: Readiness}))
    async def readyz() -> Response:
        """Does it take work, and if not, what is missing?"""
        missing = await front.missing()
        return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200)

    @app.get("/metrics", **text("text/plain"))
    async def metrics() -> Response:
        """Metrics of both stages, for Prometheus."""
        said, kind = front.metrics.text()
        return Response(said, headers={"Content-Type": kind})

    return app


class _Server(uvicorn.Server):
    """A server whose signals are handled by us: live connections end first, then it waits for the others."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


async def serve(given: StageSettings) -> int:
    """Serve until SIGINT or SIGTERM; the exit code. Raises BadSetting."""
    listening = listen(given.host, given.port)
    async with wire(given) as front:
        server = _Server(
            uvicorn.Config(
                application(front), log_config=None, access_log=False, server_header=False, lifespan="off",
                limit_concurrency=MOST_CONNECTIONS, timeout_graceful_shutdown=STOP_SECONDS,
            )
        )  # fmt: skip

        def stop() -> None:
            front.show.close_live()  # else the server would wait for connections that never end
            server.should_exit = True

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        working = asyncio.create_task(run(front))
        working.add_done_callback(lambda _: stop())
        beating = asyncio.create_task(beat(Pulse(os.environ.get("FLOORSTREAM_READY_FILE", ""))))
        await server.serve(sockets=[listening])
        beating.cancel()
        broken = working.exception() if working.done() and not working.cancelled() else None
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    return 0 if broken is None else exit_code(broken)


async def beat(pulse: Pulse) -> None:
    """Show that requests are answered: the loop turns."""
    pulse.ready()
    while True:
        await asyncio.sleep(EVERY_S)
        pulse.beat()


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on. Raises BadSetting where the port cannot be had."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise BadSetting(f"FLOORSTREAM_HOST={host} FLOORSTREAM_PORT={port}: {error.strerror}") from error


def exit_code(broken: BaseException) -> int:
    """70 where a guarantee broke, else 1: another start may do."""
    if isinstance(broken, BrokenGuarantee):
        say_why(log, 70, broken, "what is answered could be wrong")
        return 70
    log.error("stopping, exit 1: another start may do", exc_info=broken)
    return 1


def main(environment: Mapping[str, str], read: Callable[[Mapping[str, str]], StageSettings]) -> int:
    """Start both stages from their settings; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    try:
        given = read(environment)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve(given))
    except BadSetting as error:
        log.error("%s", error)
        return 2


if __name__ == "__main__":
    sys.exit(main(os.environ, settings.read))
