"""Products, routings, calendars and targets: each by its id, as a change of the plant model.

PUT /v1/products/ID      one part; the same again changes nothing
POST /v1/products        several, each with its verdict, in one version: every version is kept by every stage for ever,
                         so whoever has many sends them together
DELETE /v1/products/ID   out of the plant model; refused while something needs it
"""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from schemas import answers_parts as said
from schemas.answers import PlantTaken
from schemas.message import Malformed
from schemas.plant_parts import CALENDARS, PRODUCTS, ROUTINGS, TARGETS, Family, Refusal, Wanted
from schemas.text import clean
from services.adapters.api_description import JSON, SOURCE, described, one_or_more, schema_of
from services.adapters.problems import (
    BAD_REQUEST,
    BROKER_AWAY,
    BUSY,
    CONFLICT,
    INVALID,
    NO_DATABASE,
    NONE_ACCEPTED,
    NOT_FOUND,
    NOT_READY,
    Problem,
    language,
)
from services.adapters.request_body import read_body
from services.ingest.body import read_items
from services.ingest.deps import Deps, measured, source
from services.ingest.plant_parts import Written, read_part, write
from services.ingest.routes_plant import IF_MATCH, expected_version, version_in_force

MOST_ROWS = 1000
WRITTEN = (INVALID, CONFLICT, BROKER_AWAY, BUSY, NO_DATABASE, NOT_READY)


class Kind(NamedTuple):
    """A family with its words. `one`: the name of its id in addresses."""

    family: Family
    one: str
    words: str
    sent: type[BaseModel]
    page: type[BaseModel]
    example: Mapping[str, Any]
    other: str
    gone: str


KINDS = (
    Kind(PRODUCTS, "product_id", "product", said.ProductSent, said.Products, said.PRODUCT, "MY-PRODUCT-2",
         "The product is taken out"),
    Kind(ROUTINGS, "product_id", "routing", said.RoutingSent, said.Routings, said.ROUTING, "MY-PRODUCT-2",
         "The product has no routing any more"),
    Kind(CALENDARS, "calendar_id", "calendar", said.CalendarSent, said.Calendars, said.CALENDAR, "MY-CALENDAR-2",
         "The calendar is taken out"),
    Kind(TARGETS, "operation", "target", said.TargetsSent, said.Targets, said.TARGET, "MY-OPERATION",
         "The operation has no targets any more"),
)  # fmt: skip


def router(deps: Deps) -> APIRouter:
    """The routes of all parts."""
    routes = APIRouter(route_class=measured(deps.metrics))
    for kind in KINDS:
        _reading(routes, deps, kind)
        _writing(routes, deps, kind)
    return routes


def _reading(routes: APIRouter, deps: Deps, kind: Kind) -> None:
    address, family = f"/v1/{kind.family.name}", kind.family

    async def parts(after: str = "", limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = MOST_ROWS) -> Response:
        version = version_in_force(deps)
        shown = family.shown(deps.master.versions[version])
        ids = [each for each in sorted(shown) if each > after]
        more = ids[limit - 1] if len(ids) > limit else None
        return _answer({"version": version, family.name: [shown[each] for each in ids[:limit]], "after": more}, version)

    async def part(request: Request) -> Response:
        part_id, version = _named(request, kind), version_in_force(deps)
        shown = family.shown(deps.master.versions[version])
        if part_id not in shown:
            raise _nothing(kind, part_id)
        return _answer(shown[part_id], version)

    words = f"The {family.name} of the plant model in force, by id, a page at a time; `after` as with orders."
    routes.get(address, description=words, **described({200: kind.page}, NOT_FOUND, INVALID))(parts)
    words = f"A {kind.words}, as the plant file has it; the version of the plant model is the ETag."
    routes.get(_one(kind), description=words, **_described(kind, {200: said.PlantPart}, NOT_FOUND))(part)


def _writing(routes: APIRouter, deps: Deps, kind: Kind) -> None:
    async def put(request: Request, validate: bool = False) -> Response:
        author, part_id = source(deps, request), _named(request, kind)
        try:
            wanted = read_part(await read_body(request), part_id)
        except Malformed as bad:
            raise Problem(INVALID, bad.en, bad.zh) from None
        written = await write(deps, kind.family, [wanted], author, expected_version(request), validate)
        return _told(written, request)

    async def delete(request: Request) -> Response:
        author, part_id = source(deps, request), _named(request, kind)
        wanted = [Wanted(part_id, None)]
        return _told(await write(deps, kind.family, wanted, author, expected_version(request), False), request)

    async def several(request: Request, validate: bool = False) -> Response:
        author = source(deps, request)
        return await _several(deps, request, kind, author, validate)

    body = {JSON: {"schema": schema_of(kind.sent), "example": kind.example}}
    words = (
        f"A {kind.words}: the next version of the plant model holds it; the same again changes nothing. "
        "`validate` only judges. Every version is kept: send many with one POST."
    )
    routes.put(
        _one(kind), description=words,
        **_described(kind, {200: PlantTaken}, NOT_FOUND, *WRITTEN, body=body, keyed=True, headers=[SOURCE, IF_MATCH]),
    )(put)  # fmt: skip
    routes.delete(
        _one(kind), description=f"{kind.gone}; refused while something in the plant model needs it.",
        **_described(
            kind, {200: PlantTaken}, BAD_REQUEST, NOT_FOUND, *WRITTEN, keyed=True, headers=[SOURCE, IF_MATCH]
        ),
    )(delete)  # fmt: skip
    routes.post(
        f"/v1/{kind.family.name}",
        description=f"Several {kind.family.name}, a verdict for each, in one version of the plant model.",
        **described(
            {200: said.PartVerdicts}, NONE_ACCEPTED, *WRITTEN, keyed=True, headers=[SOURCE, IF_MATCH],
            body=one_or_more(kind.sent, {"id": kind.other, **kind.example}),
        ),
    )(several)  # fmt: skip


def _one(kind: Kind) -> str:
    return f"/v1/{kind.family.name}/{{{kind.one}:path}}"


def _described(kind: Kind, *arguments: Any, headers: Any = (), **more: Any) -> dict[str, Any]:
    in_path = {"name": kind.one, "in": "path", "required": True, "schema": {"type": "string"}}
    return described(*arguments, headers=[in_path, *headers], **more)


def _named(request: Request, kind: Kind) -> str:
    return clean(request.path_params[kind.one])


def _nothing(kind: Kind, part_id: str) -> Problem:
    return Problem(NOT_FOUND, f"there is no {kind.words} {part_id!r}", f"找不到 {part_id!r}")


def _answer(body: Mapping[str, Any], version: int) -> Response:
    return Response(msgspec.json.encode(body), 200, {"ETag": f'"{version}"'}, "application/json")


def _told(written: Written, request: Request) -> Response:
    """What became of one. Raises Problem."""
    if written.refused:
        refusal = written.refused[0]
        errors = _errors(refusal, language(request))
        en, zh = _text(refusal, "en"), _text(refusal, "zh")
        raise Problem(NOT_FOUND, en, zh) if refusal.unknown else Problem(INVALID, en, zh, errors=errors)
    return _answer({"version": written.version, "changed": written.changed}, written.version)


def _errors(refusal: Refusal, tongue: str) -> list[dict[str, str]]:
    return [{"key": each.key, "message": each.zh if tongue == "zh" else each.en} for each in refusal.problems]


def _text(refusal: Refusal, tongue: str) -> str:
    if refusal.unknown:
        return _errors(refusal, tongue)[0]["message"]
    mark, end = ("：", "；") if tongue == "zh" else (": ", "; ")
    return end.join(f"{each['key']}{mark}{each['message']}" for each in _errors(refusal, tongue))


async def _several(deps: Deps, request: Request, kind: Kind, author: str, validate: bool) -> Response:
    expected, tongue = expected_version(request), language(request)
    judged: list[Wanted | Malformed] = []
    for item in await read_items(request):
        try:
            judged.append(read_part(item))
        except Malformed as bad:
            judged.append(bad)
    wanted = [each for each in judged if isinstance(each, Wanted)]
    written = await write(deps, kind.family, wanted, author, expected, validate)
    results: list[dict[str, Any]] = []
    place = 0
    for index, each in enumerate(judged):
        if isinstance(each, Malformed):
            results.append(_verdict(index, None, "malformed", each.zh if tongue == "zh" else each.en))
            continue
        refusal = written.refused.get(place)
        place += 1
        reason = None if refusal is None else "not-found" if refusal.unknown else "malformed"
        results.append(_verdict(index, each.id, reason, None if refusal is None else _text(refusal, tongue)))
    accepted = sum(each["status"] == "accepted" for each in results)
    body = {
        "version": written.version, "changed": written.changed, "accepted": accepted,
        "rejected": len(results) - accepted, "results": results,
    }  # fmt: skip
    if not accepted:
        raise Problem(NONE_ACCEPTED, "see `results` for each item", "各项原因见 results", **body)
    return _answer(body, written.version)


def _verdict(index: int, part_id: str | None, reason: str | None, detail: str | None) -> dict[str, Any]:
    status = "accepted" if reason is None else "refused"
    return {"index": index, "id": part_id, "status": status, "reason": reason, "detail": detail}
