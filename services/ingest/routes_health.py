"""Is this process alive, does it take work, and its metrics."""

import msgspec
from fastapi import APIRouter, Response

from schemas.answers import Health, Readiness
from services.adapters.api_description import described, text
from services.ingest.deps import Deps


def router(deps: Deps) -> APIRouter:
    """Health, readiness and metrics of a process that is ingest alone."""
    routes = APIRouter()

    @routes.get("/healthz", **described({200: Health}))
    async def healthz() -> Response:
        """Is this process alive?"""
        return _answer({"status": "ok"})

    @routes.get("/readyz", **described({200: Readiness, 503: Readiness}))
    async def readyz() -> Response:
        """Does it take work, and if not, what is missing?"""
        missing = await not_ready(deps)
        return _answer({"ready": not missing, "missing": missing}, 503 if missing else 200)

    @routes.get("/metrics", **text("text/plain"))
    async def metrics() -> Response:
        """Its metrics, for Prometheus."""
        said, kind = deps.metrics.text()
        return Response(said, headers={"Content-Type": kind})

    return routes


async def not_ready(deps: Deps) -> list[str]:
    """What is missing before this ingest takes work; empty when it does."""
    missing = []
    if not await deps.outbox.reachable():
        missing.append("broker: does not answer")
    if not deps.master.complete:
        missing.append("master data: not read to its end yet")
    elif deps.publisher.in_force is None:
        missing.append("plant model: none is marked in every partition; PUT /v1/plant")
    return missing


def _answer(body: dict[str, object], status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
