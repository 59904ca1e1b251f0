"""The front door as the edge sees it: one request, one answer, whatever happens on the way."""

import json
import logging
import os
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from services.core.forwarding import Answer
from services.core.reading import Kind

log = logging.getLogger("floorstream.edge")

PATHS: Mapping[str, str] = {Kind.SCAN: "/v1/scans", Kind.MACHINE: "/v1/machine-events"}
ANSWER_SECONDS = 30.0
LONGEST_WORDS = 300
MOST_ANSWER_BYTES = 4 * 1024 * 1024


class BadKey(Exception):
    """A key file cannot be used; the message says why."""


class FrontDoor:
    """A pool of connections to one server."""

    def __init__(
        self, url: str, keys: Mapping[str, Path], default_key: Path | None = None, ca_file: Path | None = None,
        proxy: str | None = None, transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:  # fmt: skip
        """`keys`: source → file with `ID.SECRET`; `default_key`: of sources without one, None where none is needed."""
        self._keys = keys
        self._default_key = default_key
        verify: ssl.SSLContext | bool = True if ca_file is None else ssl.create_default_context(cafile=str(ca_file))
        self._client = httpx.AsyncClient(
            base_url=url, trust_env=False, timeout=ANSWER_SECONDS, verify=verify, proxy=proxy, transport=transport,
        )  # fmt: skip

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def post(self, kind: str, source: str, items: Sequence[bytes]) -> Answer:
        """Send the readings; every trouble is an answer, none is raised."""
        try:
            headers = {b"X-Source": source.encode(), b"Content-Type": b"application/x-ndjson", **self._access(source)}
            async with self._client.stream(
                "POST", PATHS.get(kind, f"/v1/{kind}"), content=b"\n".join(items), headers=headers
            ) as response:
                body = await _body(response)
        except BadKey as bad:
            return Answer(401, {}, str(bad))
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Answer(0, {}, str(error) or type(error).__name__)
        problem = _json(body)
        return Answer(response.status_code, problem, _said(response, problem), _asked(response))

    def _access(self, source: str) -> dict[bytes, bytes]:
        """Read again for every request, so that a new key counts at once."""
        file = self._keys.get(source, self._default_key)
        return {} if file is None else {b"Authorization": b"Bearer " + read_key(file).encode()}


def read_key(file: Path) -> str:
    """The key in a file. Raises BadKey; no message repeats it."""
    try:
        key = read_secret(file).decode("ascii").strip()
    except UnicodeDecodeError:
        raise BadKey(f"{file}: expected ID.SECRET as `floorstream keys new` prints it") from None
    if not key.isprintable() or not key or " " in key:
        raise BadKey(f"{file}: expected ID.SECRET as `floorstream keys new` prints it")
    return key


def read_secret(file: Path) -> bytes:
    """What is in a file that only its owner may read. Raises BadKey."""
    try:
        if os.stat(file).st_mode & 0o077:
            raise BadKey(f"{file} can be read by others: chmod 600 {file} 其他用户可以读取该密钥文件")
        return file.read_bytes()
    except OSError as error:
        raise BadKey(f"{file}: {error.strerror}") from None


async def _body(response: httpx.Response) -> bytes:
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MOST_ANSWER_BYTES:
            return b""
    return body


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _said(response: httpx.Response, problem: Mapping[str, Any]) -> str:
    words = " ".join(str(problem[name]) for name in ("title", "detail") if problem.get(name))
    return f"{response.status_code} {words or response.reason_phrase}"[:LONGEST_WORDS]


def _asked(response: httpx.Response) -> float:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0
