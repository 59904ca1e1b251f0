"""A local server that takes messages as DingTalk, WeCom, Feishu and a signed webhook do, and writes down what it took.

It checks what the real ones check (token, signature, keyword, size, twenty messages in any minute) and answers as they
do: with a code in a 200. `mode` makes it fail. What it took is in `taken`, every request in `requests`.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "robot-token"
SECRET = "SEC-robot-secret"
KEYWORD = "告警"
PER_MINUTE = 20
MINUTE = 60.0
OLDEST_STAMP = 3600.0


class Mode(Enum):
    """How it behaves."""

    WELL = auto()
    SLOW = auto()
    ERROR = auto()
    TOO_MANY = auto()
    GARBAGE = auto()
    HUGE = auto()
    REDIRECT = auto()
    HANG_UP = auto()
    CLOSE_AFTER_TAKING = auto()


@dataclass
class Request:
    """One request. `at`: seconds of the monotonic clock."""

    at: float
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: dict[str, Any]
    raw: bytes


@dataclass
class PhoneServer:
    """Listens between `async with`."""

    mode: Mode = Mode.WELL
    requests: list[Request] = field(default_factory=list)
    taken: list[Request] = field(default_factory=list)
    too_often: int = 0
    retry_after: str = "1"
    delay: float = 0.0

    async def __aenter__(self) -> "PhoneServer":
        self._tasks: set[asyncio.Task[None]] = set()
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def up(self, port: int = 0) -> None:
        """Listen, again on the same port where one is given."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def down(self) -> None:
        """Stop listening."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def keys(self) -> Counter[str]:
        """How often each alert of the webhook was taken, by `alert_id/incident/kind`, in singles and digests."""
        return Counter(alert["key"] for request in self.taken for alert in request.body.get("alerts", ()))

    @property
    def ids(self) -> Counter[str]:
        """How often each Idempotency-Key was taken."""
        return Counter(request.headers["idempotency-key"] for request in self.taken)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                answer = await self._answer(request)
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _answer(self, request: Request) -> bytes | None:
        match self.mode:
            case Mode.SLOW:
                await asyncio.sleep(30)
                return None
            case Mode.ERROR:
                return _http("500 Internal Server Error", b"oops")
            case Mode.TOO_MANY:
                return _http("429 Too Many Requests", b"", f"Retry-After: {self.retry_after}")
            case Mode.GARBAGE:
                return _http("200 OK", b"<html>please log in</html>")
            case Mode.HUGE:
                return _http("200 OK", b"x" * 200_000)
            case Mode.REDIRECT:
                return _http("302 Found", b"", "Location: http://127.0.0.1:1/")
            case Mode.HANG_UP:
                return None
        answer = self._judge(request)
        await asyncio.sleep(self.delay)
        return None if self.mode is Mode.CLOSE_AFTER_TAKING else answer

    def _judge(self, request: Request) -> bytes:
        if request.path == "/robot/send":
            return self._robot(request, dingtalk_error(request), "errcode", "errmsg", 130101)
        if request.path == "/cgi-bin/webhook/send":
            return self._robot(request, wecom_error(request), "errcode", "errmsg", 45009)
        if request.path.startswith("/open-apis/bot/v2/hook/"):
            return self._robot(request, feishu_error(request), "code", "msg", 11232)
        if not webhook_signed(request):
            return _http("401 Unauthorized", b"")
        self.taken.append(request)
        return _http("204 No Content", b"")

    def _robot(self, request: Request, error: tuple[int, str] | None, code: str, words: str, often: int) -> bytes:
        minute = sum(each.at > request.at - MINUTE for each in self.requests)
        if minute > PER_MINUTE:
            self.too_often += 1
            error = (often, "send too fast, exceed 20 times per minute")
        if error is None:
            self.taken.append(request)
        found = error or (0, "ok")
        return _http("200 OK", json.dumps({code: found[0], words: found[1]}).encode())


def dingtalk_error(request: Request) -> tuple[int, str] | None:
    """What DingTalk finds wrong."""
    if request.query.get("access_token") != TOKEN:
        return 300005, "token is not exist"
    stamp = request.query.get("timestamp", "0")
    expected = hmac.digest(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256)
    if request.query.get("sign") != base64.b64encode(expected).decode() or not recent(int(stamp) / 1000):
        return 310000, "sign not match"
    content = request.body.get("markdown") or request.body.get("actionCard") or {}
    if not content.get("title") or not content.get("text"):
        return 400105, "unsupported msgtype"
    if KEYWORD not in content["title"] + content["text"]:
        return 310000, "keywords not in content"
    return None if len(request.raw) <= 20_000 else (460101, "message too long, exceed 20000 bytes")


def wecom_error(request: Request) -> tuple[int, str] | None:
    """What WeCom finds wrong."""
    if request.query.get("key") != TOKEN:
        return 93000, "invalid webhook url"
    kind = request.body.get("msgtype", "")
    size = len(request.body.get(kind, {}).get("content", "").encode())
    if not size:
        return 44004, "empty content"
    return None if size <= {"text": 2048, "markdown": 4096}[kind] else (40058, "content exceed max length")


def feishu_error(request: Request) -> tuple[int, str] | None:
    """What Feishu finds wrong."""
    if not request.path.endswith(f"/{TOKEN}"):
        return 19001, "param invalid: incoming webhook access token invalid"
    stamp = request.body.get("timestamp", "0")
    expected = hmac.digest(f"{stamp}\n{SECRET}".encode(), b"", hashlib.sha256)
    if request.body.get("sign") != base64.b64encode(expected).decode() or not recent(int(stamp)):
        return 19021, "sign match fail or timestamp is not within one hour from current time"
    if KEYWORD not in request.raw.decode():
        return 19024, "Key Words Not Found"
    return None if len(request.raw) <= 20_480 else (230025, "too long")


def webhook_signed(request: Request) -> bool:
    """Is the webhook's signature right?"""
    stamp = request.headers.get("x-floorstream-timestamp", "0")
    expected = hmac.digest(SECRET.encode(), f"{stamp}.".encode() + request.raw, hashlib.sha256).hex()
    return request.headers.get("x-floorstream-signature") == f"v1={expected}" and recent(int(stamp))


def recent(stamp: float) -> bool:
    """Within an hour of this machine's clock, as the robots want it."""
    return abs(time.clock_gettime(time.CLOCK_REALTIME) - stamp) < OLDEST_STAMP


async def _read(reader: asyncio.StreamReader) -> Request | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first:
        return None
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(first.split(" ")[1])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Request(time.monotonic(), parts.path, query, headers, json.loads(raw or b"{}"), raw)


def _http(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
