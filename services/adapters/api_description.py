"""What the routes of ingest and show say of themselves for OpenAPI, and the document made of it.

`described` gives a route its answers, problems and body; what a route leaves out is filled in as far as it follows from
its method: so nothing that is served is missing. `install` puts the document under /v1/openapi.json.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from schemas.answers import Problem
from services.adapters.problems import (
    BAD_REQUEST,
    ENCODING,
    FORBIDDEN,
    INVALID,
    MEDIA_TYPE,
    SLOW,
    TOO_LARGE,
    UNAUTHORIZED,
    Kind,
)

ADDRESS = "/v1/openapi.json"
JSON, NDJSON, YAML, EVENTS = "application/json", "application/x-ndjson", "application/yaml", "text/event-stream"
XML = "application/xml"
VERSION = "1.0.0"
RULES = """Ways in and answers of the shop-floor event processor. Errors are RFC 9457 problems, in the language of
Accept-Language (en, zh). Messages in Kafka are described by /v1/schemas/asyncapi.yaml.

Versions: within /v1 no address, field or code is taken away and none changes its meaning; new ones may come, so pass
over what you do not know. What would break a client comes under /v2, beside /v1."""
BODY_PROBLEMS = (BAD_REQUEST, SLOW, TOO_LARGE, ENCODING)
KEY_PROBLEMS = (UNAUTHORIZED, FORBIDDEN)
SECURITY: dict[str, dict[str, str]] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "ID.SECRET",
        "description": "made by `floorstream keys new`, with --sandbox for trying: then nothing is written; "
        "where no keys are set, programs on the same machine need none",
    },
    "alertLink": {
        "type": "apiKey", "in": "header", "name": "X-Alert-Token",
        "description": "from the link in a message: for that incident of that alert only",
    },
}  # fmt: skip
LANGUAGE = {
    "name": "Accept-Language", "in": "header", "required": False, "description": "of titles and details: en or zh",
    "schema": {"type": "string", "example": "en"},
}  # fmt: skip
SOURCE = {
    "name": "X-Source", "in": "header", "required": False,
    "description": "who sends, where no keys are set; with keys the source is that of the key",
    "schema": {"type": "string", "maxLength": 128, "example": "my-gateway"},
}  # fmt: skip
_WRITES = ("post", "put", "patch", "delete")
_REF = "#/components/schemas/"

_KINDS: dict[str, Kind] = {}
_KNOWN: dict[str, dict[str, Any]] = {}
"""Schemas by name, of all models that routes were described by; a document takes those that it refers to."""

Answers = Mapping[int, type[BaseModel]]
Document = dict[str, Any]


def schema_of(model: type[BaseModel], family: str = "") -> Document:
    """A reference to the model's schema. `family` goes before all names in it, where other models have the same."""
    whole = model.model_json_schema(ref_template=f"{_REF}{family}{{model}}")
    for name, schema in {**whole.pop("$defs", {}), model.__name__: whole}.items():
        if _KNOWN.setdefault(family + name, schema) != schema:
            raise ValueError(f"two models are named {family}{name}: give schema_of a family")
    return {"$ref": f"{_REF}{family}{model.__name__}"}


def one_or_more(model: type[BaseModel], example: Mapping[str, Any]) -> Document:
    """A request body of items: one, a list of them, or one per line."""
    one = schema_of(model)
    either = {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": 500}]}
    return {
        JSON: {"schema": either, "example": example},
        NDJSON: {"schema": {"type": "string", "description": f"one {model.__name__} per line"}},
    }


def described(
    answers: Answers, *problems: Kind, body: Mapping[str, Any] | None = None, keyed: bool = False,
    links: bool = False, headers: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:  # fmt: skip
    """Arguments for the decorator of a route: what it answers by status, its problems, its body by media type.

    `keyed`: who asks must have a right to write; `links`: the link of a message will do.
    """
    known = [*problems, *(BODY_PROBLEMS if body else ()), *(KEY_PROBLEMS if keyed or links else ())]
    _KINDS.update((kind.code, kind) for kind in known)
    responses: dict[int | str, Document] = {status: _answer(model) for status, model in answers.items()}
    for status, kinds in sorted(_by_status(known).items()):
        responses[status] = _problem(kinds)
    extra: Document = {"parameters": list(headers)} if headers else {}
    if body is not None:
        extra["requestBody"] = {"required": True, "content": dict(body)}
    if keyed or links:
        extra["security"] = [{"key": []}, *([{"alertLink": []}] if links else []), {}]
    return {"responses": responses, "openapi_extra": extra}


def kinds() -> list[Kind]:
    """Every kind of problem that a route was described with, by status and code."""
    return sorted(_KINDS.values(), key=lambda kind: (kind.status, kind.code))


def text(media: str, *problems: Kind) -> dict[str, Any]:
    """The same for a route whose answer is a text."""
    content = {"schema": {"type": "string"}}
    found = described({}, *problems)
    found["responses"][200] = {"description": "as text", "content": {media: content}}
    return found


def _answer(model: type[BaseModel]) -> Document:
    summary = (model.__doc__ or "").split("\n")[0]
    return {"description": summary, "content": {JSON: {"schema": schema_of(model)}}}


def _by_status(kinds: Sequence[Kind]) -> dict[int, list[Kind]]:
    found: dict[int, list[Kind]] = {}
    for kind in dict.fromkeys(kinds):
        found.setdefault(kind.status, []).append(kind)
    return found


def _problem(kinds: Sequence[Kind]) -> Document:
    code = {"type": "object", "properties": {"code": {"enum": [kind.code for kind in kinds]}}}
    said: Document = {
        "description": "; ".join(f"`{kind.code}`: {kind.en}" for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": {"allOf": [schema_of(Problem), code]}}},
    }
    if any(kind.status == 503 for kind in kinds):
        said["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    return said


def install(app: FastAPI) -> None:
    """Let the application, made with openapi_url=ADDRESS, describe itself by all of this."""

    def openapi() -> Document:
        if app.openapi_schema is None:
            app.openapi_schema = whole(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def whole(app: FastAPI) -> Document:
    """The document of all routes of an application."""
    document = get_openapi(title=app.title, version=VERSION, description=RULES, routes=app.routes)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            _complete(path, method, operation)
    referred: set[str] = set()
    _referred(document["paths"], referred)
    document["components"] = {
        "schemas": {name: _KNOWN[name] for name in sorted(referred)},
        "securitySchemes": SECURITY,
    }
    document["servers"] = [{"url": "/"}]
    return document


def _complete(path: str, method: str, operation: Document) -> None:
    """What follows from the method, and names that stay as long as the address does."""
    words = [word for word in path.removeprefix("/v1").split("/") if word]
    operation["operationId"] = "_".join([method, *words]).replace("{", "by_").replace("}", "").replace("-", "_")
    if "description" in operation:
        operation["summary"] = operation["description"].split(". ")[0].split("\n\n")[0].rstrip(".")
    operation.setdefault("tags", [words[0]])
    if method in _WRITES:
        operation.setdefault("security", [{"key": []}, {}])
    operation["parameters"] = [*operation.get("parameters", []), LANGUAGE]
    responses = operation["responses"]
    if JSON in responses.get("422", {}).get("content", {}):  # what the framework says of its parameters
        responses["422"] = _problem([INVALID])
        if all(one["in"] != "query" for one in operation["parameters"]):
            del responses["422"]
    for answer in responses.values():
        content = answer.get("content", {})
        if len(content) > 1 and content.get(JSON) == {"schema": {}}:
            del content[JSON]
    for parameter in operation["parameters"]:
        _without_null(parameter["schema"])


def _without_null(schema: Document) -> None:
    """A parameter that may be left out is never null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema.update(kinds[0])


def _referred(node: Any, found: set[str]) -> None:
    """The names of all known schemas that this node refers to, also through others."""
    if isinstance(node, list):
        for value in node:
            _referred(value, found)
    elif isinstance(node, dict):
        name = str(node.get("$ref", "")).removeprefix(_REF)
        if name in _KNOWN and name not in found:
            found.add(name)
            _referred(_KNOWN[name], found)
        for value in node.values():
            _referred(value, found)
