"""What the page for integrators fills its examples with: names of the plant in force, topics, cures of refusals."""

from pathlib import Path

from fastapi import APIRouter, Request, Response

from schemas.answers import SchemaFiles
from schemas.generate import FOLDER
from services.adapters.api_description import described, kinds, text
from services.adapters.problems import NOT_FOUND, NOT_READY, Problem, retry_after
from services.core.b2mml import NAMESPACE
from services.core.cures import CURES
from services.core.epcis_names import CONTEXT
from services.ports import Clock
from services.show.answers import as_json
from services.show.handler import Board
from services.show.http_file import http_file
from services.show.pages import INTEGRATE
from services.topology import SCANS

MEDIA = {".json": "application/json", ".yaml": "application/yaml"}


def integrate_router(board: Board, clock: Clock, keyed: bool, ingest_url: str) -> APIRouter:
    """`/integrate/plant.json` and `/integrate/floorstream.http`; 503 while no plant model is in force.

    `ingest_url`: where scans are taken; empty where it is the same address.
    """
    router = APIRouter()

    @router.get(f"/{INTEGRATE}/floorstream.http", include_in_schema=False)
    async def requests(request: Request) -> Response:
        document = {} if board.model is None else board.model.document
        text = http_file(request.app.openapi(), str(request.base_url).rstrip("/"), document, clock.now_us())
        headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="floorstream.http"'}
        return Response(text, headers=headers, media_type="text/plain; charset=utf-8")

    @router.get(f"/{INTEGRATE}/plant.json", include_in_schema=False)
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
                "product": next((product["id"] for product in document.get("products", ())), None),
                "topics": {"scans": SCANS.name},
                "epcis_context": CONTEXT,
                "b2mml_namespace": NAMESPACE,
                "reasons": CURES,
                "keyed": keyed,
                "ingest": ingest_url,
                "codes": [{"status": kind.status, "code": kind.code, "en": kind.en, "zh": kind.zh} for kind in kinds()],
            }
        )

    return router


def schemas_router() -> APIRouter:
    """The descriptions of all messages as files: `asyncapi.yaml`, and the JSON Schemas that it refers to."""
    router = APIRouter(tags=["schemas"])
    files = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in MEDIA}

    @router.get("/v1/schemas", **described({200: SchemaFiles}))
    async def listed() -> Response:
        """Names of the files that describe the messages."""
        return as_json({"files": list(files)})

    @router.get("/v1/schemas/{name}", **text("application/yaml", NOT_FOUND))
    async def file(name: str) -> Response:
        """One of them: the AsyncAPI document of the topics, or a JSON Schema that it refers to."""
        if name not in files:
            raise Problem(NOT_FOUND, f"there are {', '.join(files)}", f"可用文件：{'、'.join(files)}")
        return Response(files[name], media_type=MEDIA[Path(name).suffix])

    return router
