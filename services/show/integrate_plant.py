"""What the page for integrators fills its examples with: names of the plant in force, topics, cures of refusals."""

from fastapi import APIRouter, Response

from services.adapters.problems import NOT_READY, retry_after
from services.core.cures import CURES
from services.show.answers import as_json
from services.show.handler import Board
from services.show.pages import INTEGRATE
from services.topology import SCANS

EPCIS_CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


def integrate_router(board: Board) -> APIRouter:
    """`/integrate/plant.json`; 503 while no plant model is in force."""
    router = APIRouter(include_in_schema=False)

    @router.get(f"/{INTEGRATE}/plant.json")
    async def plant() -> Response:
        if board.model is None:
            raise retry_after(
                NOT_READY, "no plant model yet: PUT /v1/plant", "尚无工厂模型：请用 PUT /v1/plant 发布", 2
            )
        document = board.model.document
        return as_json(
            {
                "site": document.get("site"),
                "version": board.model.version,
                "read_points": [
                    {name: point.get(name) for name in ("id", "operation", "action")}
                    for point in document.get("read_points", ())
                ],
                "work_units": [unit["id"] for unit in document.get("work_units", ())],
                "topics": {"scans": SCANS.name},
                "epcis_context": EPCIS_CONTEXT,
                "reasons": CURES,
            }
        )

    return router
