"""The plant model: what is in force, and how another one comes into force, by every stage from one record on."""

import asyncio

import msgspec
from fastapi import APIRouter, Request, Response

from schemas.answers import PlantInForce, PlantTaken
from schemas.plant import PlantError, load_plant
from schemas.plant_document import PlantDocument
from services.adapters.api_description import JSON, SOURCE, YAML, described, schema_of
from services.adapters.plant_master import Document
from services.adapters.plant_publish import TablesAway, VersionConflict
from services.adapters.problems import (
    BAD_REQUEST,
    BROKER_AWAY,
    CONFLICT,
    INVALID,
    NO_DATABASE,
    NOT_FOUND,
    TOO_LARGE,
    Problem,
    language,
    retry_after,
)
from services.adapters.request_body import read_body
from services.ingest.deps import Deps, measured, source
from services.ports import BrokerAway, TooManyPending

MOST_PLANT_BYTES = 8 * 1024 * 1024
MOST_RECORD_BYTES = 15 * 1024 * 1024
"""A version has to fit into one record of floor.master (topology.LARGEST_MASTER)."""
BODY = {kind: {"schema": schema_of(PlantDocument, "plant.")} for kind in (YAML, JSON)}
IF_MATCH = {
    "name": "If-Match", "in": "header", "required": False,
    "description": "the version this one was made from: if another is in force now, 409",
    "schema": {"type": "string", "example": "*"},
}  # fmt: skip


def router(deps: Deps) -> APIRouter:
    """The routes of the plant model."""
    routes = APIRouter(route_class=measured(deps.metrics))

    @routes.get("/v1/plant", **described({200: PlantInForce}, NOT_FOUND))
    async def plant() -> Response:
        """The plant model in force; its version is the ETag."""
        record = deps.master.record(version_in_force(deps))
        return _answer({"version": record.version, "created_by": record.created_by, "model": record.model})

    @routes.put(
        "/v1/plant",
        **described(
            {200: PlantTaken}, INVALID, CONFLICT, BROKER_AWAY, NO_DATABASE, body=BODY, keyed=True,
            headers=[SOURCE, IF_MATCH],
        ),
    )  # fmt: skip
    async def put_plant(request: Request, validate: bool = False) -> Response:
        """Another plant model (YAML, or JSON, which is YAML), for all that comes after it. `validate` only judges."""
        author = source(deps, request)
        expected = expected_version(request)
        document = await _document(request)
        if validate:
            return _answer({"version": deps.master.newest, "changed": None})
        version, changed = await publish(deps, document, author, expected)
        return _answer({"version": version, "changed": changed})

    return routes


def version_in_force(deps: Deps) -> int:
    """Raises Problem where there is none yet."""
    model = deps.publisher.in_force
    if model is None:
        raise Problem(
            NOT_FOUND,
            "no plant model is in force: send one with PUT /v1/plant",
            "尚无生效的工厂模型：请用 PUT /v1/plant 发布",
        )
    return model.version


def _answer(body: Document) -> Response:
    headers = {"ETag": f'"{body["version"]}"'}
    return Response(msgspec.json.encode(body), 200, headers, "application/json")


def expected_version(request: Request) -> int | None:
    """The version that a change was made from (If-Match), None: whichever. Raises Problem."""
    text = request.headers.get("if-match", "*").strip()
    if text == "*":
        return None
    digits = text.removeprefix("W/").strip('"')
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise Problem(
            BAD_REQUEST,
            'If-Match: expected the version you started from, such as "3"',
            'If-Match 应为所依据的版本，例如 "3"',
        )
    return int(digits)


async def _document(request: Request) -> Document:
    body = await read_body(request, MOST_PLANT_BYTES)
    try:
        # A long file takes its time; meanwhile scans go on.
        document = await asyncio.to_thread(load_plant, body.decode("utf-8"))
    except UnicodeDecodeError as bad:
        raise Problem(INVALID, f"not UTF-8 (byte {bad.start})", f"不是 UTF-8 编码（第 {bad.start} 字节）") from None
    except PlantError as bad:
        chinese = language(request) == "zh"
        errors = [
            {"line": problem.line, "key": problem.key, "message": problem.zh if chinese else problem.en}
            for problem in bad.problems
        ]
        said = f"{len(errors)} errors", f"共 {len(errors)} 处错误"
        raise Problem(INVALID, *said, errors=errors) from None
    refuse_large(document)
    return document


def refuse_large(document: Document) -> None:
    """Raises Problem where a version would not fit into its record."""
    if len(msgspec.json.encode(document)) > MOST_RECORD_BYTES:
        raise Problem(
            TOO_LARGE,
            f"the plant model has more than {MOST_RECORD_BYTES} bytes in full",
            f"工厂模型完整内容超过 {MOST_RECORD_BYTES} 字节",
            limit_bytes=MOST_RECORD_BYTES,
        )


def conflicting(now: int) -> Problem:
    """Another version is in force than the author started from."""
    return Problem(
        CONFLICT,
        f'the plant model is at version {now}: read it, merge, and send again with If-Match: "{now}"',
        f'当前工厂模型为第 {now} 版：请先读取并合并，再以 If-Match: "{now}" 重新提交',
        current=now,
    )


async def publish(deps: Deps, document: Document, author: str, expected: int | None) -> tuple[int, bool]:
    """Make the document the plant model; its version, and whether that is new. Raises Problem."""
    try:
        return await deps.publisher.publish(document, author, expected)
    except VersionConflict as conflict:
        raise conflicting(conflict.current) from None
    except (BrokerAway, TooManyPending):
        raise retry_after(
            BROKER_AWAY, "the plant model may not be in force; send it again", "工厂模型可能尚未生效，请重新提交", 5
        ) from None
    except TablesAway:
        raise retry_after(
            NO_DATABASE, "no version can be claimed without it; send again later", "无法分配版本号，请稍后重新提交", 5
        ) from None
