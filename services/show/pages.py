"""The pages over HTTP: files read once from the package, words from the glossary and the pages' own phrases."""

import hashlib
import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from fastapi import APIRouter, Request, Response

from schemas.glossary import glossary
from services.adapters.api_pages import origin
from services.adapters.problems import NOT_FOUND, Problem

BOARD, ANDON, INTEGRATE = "board", "andon", "integrate"
WORDS = "words.json"
_PACKAGE = resources.files("services.show")
GROUPS = (
    "terms", "phases", "statuses", "outcomes", "flags", "reasons", "machine_states", "machine_conditions",
    "alert_priorities", "alert_measures", "alert_changes", "alert_ends", "alert_actions",
)  # fmt: skip
"""Groups of the glossary the pages speak with."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src {talks_to}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
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


def pages(folder: str) -> dict[str, Page]:
    """Every file of a folder by name; the board's `words.json` holds all words of every page in both languages."""
    found: dict[str, Page] = {}
    for file in _PACKAGE.joinpath(folder).iterdir():
        if file.is_file() and not file.name.startswith(".") and (folder == BOARD or file.name != WORDS):
            found[file.name] = _page(file.name, _words() if file.name == WORDS else file.read_bytes())
    return found


def pages_router(ingest_url: str = "") -> APIRouter:
    """`/` and `/board/…`, `/andon` and `/andon/…`, `/integrate` and `/integrate/…`.

    `ingest_url`: where the page for integrators sends scans; empty where it is this address.
    """
    router = APIRouter(include_in_schema=False)
    _add(router, "/", BOARD)
    _add(router, "/andon", ANDON)
    _add(router, "/integrate", INTEGRATE, ingest_url)
    return router


def _add(router: APIRouter, address: str, folder: str, ingest_url: str = "") -> None:
    known = pages(folder)
    talks_to = f"'self' {origin(ingest_url)}" if ingest_url else "'self'"
    headers = {**HEADERS, "Content-Security-Policy": POLICY.format(talks_to=talks_to)}

    @router.get(address)
    async def index(request: Request) -> Response:
        return _send(known["index.html"], request, headers)

    @router.get(f"/{folder}/{{name}}")
    async def file(name: str, request: Request) -> Response:
        if name not in known:
            raise Problem(NOT_FOUND, "there is no such file", "没有此文件")
        return _send(known[name], request, headers)


def _words() -> bytes:
    """{language: {word: text}}: the glossary's as `group.word`, then the phrases of the pages."""
    words: dict[str, dict[str, str]] = {"en": {}, "zh": {}}
    for group in GROUPS:
        for name, entry in glossary()[group].items():
            for language, text in (("en", entry.en), ("zh", entry.zh)):
                words[language][f"{group}.{name}"] = text
    for folder in (BOARD, ANDON, INTEGRATE):
        phrases: dict[str, dict[str, str]] = json.loads(_PACKAGE.joinpath(folder, WORDS).read_bytes())
        for name, texts in phrases.items():
            for language, text in texts.items():
                words[language][name] = text
    return json.dumps(words, ensure_ascii=False).encode()


def _page(name: str, content: bytes) -> Page:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    kind = "text/javascript" if name.endswith(".js") else media_type
    return Page(content, kind, f'"{hashlib.sha256(content).hexdigest()[:16]}"')


def _send(page: Page, request: Request, common: Mapping[str, str]) -> Response:
    headers = {**common, "ETag": page.etag}
    if page.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(page.content, headers=headers, media_type=page.media_type)
