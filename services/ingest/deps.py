"""What the routes of ingest stand on, put together in app.py; and who is asking."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.routing import APIRoute

from services.adapters.api_keys import BadKeyFile, Keys, NoAccess, is_loopback, source_of
from services.adapters.metrics import Metrics
from services.adapters.plant_master import PlantMaster
from services.adapters.plant_publish import PlantPublisher
from services.adapters.problems import FORBIDDEN, UNAUTHORIZED, Problem
from services.core.text import clean
from services.ports import Clock, Outbox

OPEN_SOURCE = "http"
"""The source of requests where keys are off and none is named."""
LONGEST_SOURCE = 128


class MachineReader(Protocol):
    """Machine events as they were stored."""

    async def machine_events(
        self, work_unit_id: str | None, since_us: int | None, until_us: int | None, most: int
    ) -> list[dict[str, Any]]:
        """Newest first."""
        ...


@dataclass(frozen=True)
class Deps:
    """The machines behind the routes. `keys` None: open, on loopback only. `machines` None: no database."""

    partitions: int
    generation: int
    host: str
    clock: Clock
    outbox: Outbox
    master: PlantMaster
    publisher: PlantPublisher
    metrics: Metrics
    keys: Keys | None = None
    machines: MachineReader | None = None


def source(deps: Deps, request: Request) -> str:
    """Who sends this request. Raises Problem."""
    if deps.keys is None:
        return _open_source(deps, request)
    try:
        return source_of(deps.keys, request.headers.get("authorization", ""), deps.clock)
    except (NoAccess, BadKeyFile):
        raise Problem(
            UNAUTHORIZED,
            "send the header `Authorization: Bearer ID.SECRET` with a key that is neither expired nor revoked",
            "请在请求头中发送 Authorization: Bearer ID.SECRET，且密钥未过期、未撤销",
            headers={"WWW-Authenticate": 'Bearer realm="floorstream"'},
        ) from None


def _open_source(deps: Deps, request: Request) -> str:
    """Without keys only this machine may write, and no web page may make its browser do so."""
    if not _from_this_machine(request.headers.get("host", ""), request.headers.get("origin"), deps.host):
        raise Problem(
            FORBIDDEN,
            "no keys are configured, so only programs on this machine may write: set FLOORSTREAM_KEYS_FILE",
            "尚未配置密钥，仅允许本机程序写入：请设置 FLOORSTREAM_KEYS_FILE",
        )
    named = request.headers.get("x-source", "").encode("latin-1").decode("utf-8", "replace")
    try:
        return clean(named)[:LONGEST_SOURCE] or OPEN_SOURCE
    except ValueError:
        return OPEN_SOURCE


def _from_this_machine(host: str, origin: str | None, bound: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname
        same = origin is None or urlsplit(origin).netloc == host
    except ValueError:
        return False
    return same and name is not None and (is_loopback(name) or name == bound)


def measured(metrics: Metrics) -> type[APIRoute]:
    """Routes that count their answers and time them."""

    class MeasuredRoute(APIRoute):
        """A route of ingest."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            inner, path = super().get_route_handler(), self.path

            async def timed(request: Request) -> Response:
                began, status = monotonic(), 500
                try:
                    response = await inner(request)
                    status = response.status_code
                    return response
                except Problem as problem:
                    status = problem.kind.status
                    raise
                finally:
                    metrics.ingest_requests.labels(path, str(status)).inc()
                    metrics.ingest_seconds.labels(path).observe(monotonic() - began)

            return timed

    return MeasuredRoute
