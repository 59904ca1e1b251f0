"""What the routes of ingest stand on, put together in app.py; and who is asking."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

from fastapi import Request, Response
from fastapi.routing import APIRoute

from services.adapters.api_access import Access
from services.adapters.capture_jobs import CaptureJobs
from services.adapters.metrics import Metrics
from services.adapters.plant_master import PlantMaster
from services.adapters.plant_publish import PlantPublisher
from services.adapters.problems import Problem
from services.ports import Clock, Outbox


class MachineReader(Protocol):
    """Machine events as they were stored."""

    async def machine_events(
        self, work_unit_id: str | None, since_us: int | None, until_us: int | None, most: int
    ) -> list[dict[str, Any]]:
        """Newest first."""
        ...


@dataclass(frozen=True)
class Deps:
    """The machines behind the routes. `machines` None: no database."""

    partitions: int
    generation: int
    access: Access
    clock: Clock
    outbox: Outbox
    master: PlantMaster
    publisher: PlantPublisher
    metrics: Metrics
    machines: MachineReader | None = None
    orders: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while orders are written: of two revisions of one order the second follows from the first."""
    parts: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a part of the plant model is changed: the next change is made from the version that it becomes."""
    captures: CaptureJobs = field(default_factory=CaptureJobs)


def source(deps: Deps, request: Request) -> str:
    """Who sends this request. Raises Problem."""
    return deps.access.source(request)


def measured(metrics: Metrics) -> type[APIRoute]:
    """Routes that count their answers and time them."""

    class MeasuredRoute(APIRoute):
        """A route of ingest."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            inner, path = super().get_route_handler(), self.path

            async def timed(request: Request) -> Response:
                began, status = monotonic(), 500
                try:
                    response = await inner(request)
                    status = response.status_code
                    return response
                except Problem as problem:
                    status = problem.kind.status
                    raise
                finally:
                    metrics.ingest_requests.labels(path, str(status)).inc()
                    metrics.ingest_seconds.labels(path).observe(monotonic() - began)

            return timed

    return MeasuredRoute
