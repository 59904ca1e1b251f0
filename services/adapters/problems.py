"""Errors over HTTP as RFC 9457 problems, in the language the client asks for (English or Chinese).

A `Problem` may be raised anywhere in a route; `install` also turns the framework's own errors into problems.
"""

import json
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from services.core.forwarding import OURS

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = OURS


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its code never changes, so that programs may decide by it."""

    status: int
    code: str
    en: str
    zh: str


BAD_REQUEST = Kind(400, "bad-request", "The request cannot be read", "无法读取该请求")
EPCIS = Kind(400, "epcis-invalid", "This is no valid EPCIS 2.0 capture", "不是有效的 EPCIS 2.0 采集文档")
B2MML = Kind(400, "b2mml-invalid", "This is no B2MML schedule", "不是有效的 B2MML 计划")
UNAUTHORIZED = Kind(401, "unauthorized", "A valid API key is needed", "需要有效的 API 密钥")
FORBIDDEN = Kind(403, "forbidden", "Not allowed from here", "不允许从此处访问")
NOT_FOUND = Kind(404, "not-found", "There is nothing here", "找不到该资源")
METHOD = Kind(405, "method-not-allowed", "This address does not take this method", "该地址不支持此方法")
SLOW = Kind(408, "request-timeout", "The request came too slowly", "请求发送过慢")
CONFLICT = Kind(409, "version-conflict", "Somebody else was first", "版本冲突")
TOO_LARGE = Kind(413, "too-large", "The request is too large", "请求过大")
ENCODING = Kind(415, "unsupported-encoding", "The content encoding is not supported", "不支持该内容编码")
NONE_ACCEPTED = Kind(422, "none-accepted", "None of the items was accepted", "没有任何一项被接受")
INVALID = Kind(422, "invalid", "The content has errors", "内容有误")
UNEXPECTED = Kind(500, "unexpected", "Something unexpected went wrong", "发生意外错误")
BROKER_AWAY = Kind(503, "broker-away", "The broker does not answer", "消息代理无响应")
BUSY = Kind(503, "busy", "Too much is waiting for the broker", "等待写入的数据过多")
NOT_READY = Kind(503, "not-ready", "Not ready yet", "尚未就绪")
NO_DATABASE = Kind(503, "no-database", "The database is not available", "数据库不可用")

_BY_STATUS = {kind.status: kind for kind in (BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, METHOD, TOO_LARGE)}


class Problem(Exception):
    """A request that is answered by an error. `members` are added to the body, `headers` to the answer."""

    def __init__(self, kind: Kind, en: str, zh: str, *, headers: dict[str, str] | None = None, **members: Any) -> None:
        super().__init__(f"{kind.code}: {en}")
        self.kind = kind
        self.en = en
        self.zh = zh
        self.headers = headers or {}
        self.members = members


def retry_after(kind: Kind, en: str, zh: str, seconds: int = 1) -> Problem:
    """A problem that passes: the client sends the same again after so many seconds."""
    return Problem(kind, en, zh, headers={"Retry-After": str(seconds)})


def language(request: Request) -> str:
    """`zh` or `en`, whichever Accept-Language prefers; English where it says nothing we have."""
    best, chosen = 0.0, "en"
    for choice in request.headers.get("accept-language", "").split(","):
        name, _, weight = choice.partition(";")
        primary = name.strip().lower().partition("-")[0]
        if primary not in ("en", "zh"):
            continue
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            continue
        if quality > best:
            best, chosen = quality, primary
    return chosen


def answer(problem: Problem, tongue: str) -> Response:
    """The problem as a response."""
    kind = problem.kind
    body = {
        "type": TYPE_PREFIX + kind.code,
        "title": kind.zh if tongue == "zh" else kind.en,
        "status": kind.status,
        "detail": problem.zh if tongue == "zh" else problem.en,
        "code": kind.code,
        **problem.members,
    }
    headers = {"Content-Language": tongue, "Vary": "Accept-Language", **problem.headers}
    # A path or a header may hold what UTF-8 cannot: escaped, it can be said.
    content = json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(content, kind.status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of this application by a problem."""

    async def ours(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        return answer(problem, language(request))

    async def frameworks(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        fallback = Kind(error.status_code, "http", *[HTTPStatus(error.status_code).phrase] * 2)
        kind = _BY_STATUS.get(error.status_code, fallback)
        where = f"{request.method} {request.scope['path']}"
        problem = Problem(kind, where, where, headers=dict(error.headers or {}))
        return answer(problem, language(request))

    async def parameters(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        fields = [".".join(map(str, detail["loc"])) for detail in error.errors()]
        named = ", ".join(fields)
        said = Problem(INVALID, f"cannot be read: {named}", f"无法识别：{named}", errors=fields)
        return answer(said, language(request))

    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.scope["path"], exc_info=error)
        said = Problem(UNEXPECTED, "the log of this process says more", "详情见本进程日志")
        return answer(said, language(request))

    app.add_exception_handler(Problem, ours)
    app.add_exception_handler(HTTPException, frameworks)
    app.add_exception_handler(RequestValidationError, parameters)
    app.add_exception_handler(Exception, unexpected)
