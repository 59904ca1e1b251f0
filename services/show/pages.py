"""The board's files over HTTP: read once from the package, words from the glossary and the board's own phrases."""

import hashlib
import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response

from schemas.glossary import glossary
from services.adapters.problems import NOT_FOUND, Problem

GROUPS = ("terms", "phases", "statuses", "outcomes", "flags")
"""Groups of the glossary the board speaks with."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A file as it is sent."""

    content: bytes
    media_type: str
    etag: str


def pages() -> dict[str, Page]:
    """Every file of the board by name; `words.json` holds all words in both languages."""
    found: dict[str, Page] = {}
    for file in (resources.files("services.show") / "board").iterdir():
        if file.is_file() and not file.name.startswith("."):
            found[file.name] = _page(file.name, _content(file))
    return found


def pages_router(files: Mapping[str, Page] | None = None) -> APIRouter:
    """`/` and `/board/…`."""
    known = pages() if files is None else files
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def index(request: Request) -> Response:
        return _send(known["index.html"], request)

    @router.get("/board/{name}")
    async def file(name: str, request: Request) -> Response:
        if name not in known:
            raise Problem(NOT_FOUND, "the board has no such file", "看板没有此文件")
        return _send(known[name], request)

    return router


def _content(file: Traversable) -> bytes:
    return _words(file.read_bytes()) if file.name == "words.json" else file.read_bytes()


def _words(own: bytes) -> bytes:
    """{language: {word: text}}: the glossary's as `group.word`, then the board's own phrases."""
    phrases: dict[str, dict[str, str]] = json.loads(own)
    words: dict[str, dict[str, str]] = {"en": {}, "zh": {}}
    for group in GROUPS:
        for name, entry in glossary()[group].items():
            for language, text in (("en", entry.en), ("zh", entry.zh)):
                words[language][f"{group}.{name}"] = text
    for name, texts in phrases.items():
        for language, text in texts.items():
            words[language][name] = text
    return json.dumps(words, ensure_ascii=False).encode()


def _page(name: str, content: bytes) -> Page:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    kind = "text/javascript" if name.endswith(".js") else media_type
    return Page(content, kind, f'"{hashlib.sha256(content).hexdigest()[:16]}"')


def _send(page: Page, request: Request) -> Response:
    headers = {**HEADERS, "ETag": page.etag}
    if page.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(page.content, headers=headers, media_type=page.media_type)
