"""Who may write over HTTP: the holder of a key, or, where no keys are set, programs on this machine."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import Request

from services.adapters.api_keys import BadKeyFile, KeyFile, Keys, NoAccess, is_loopback, key_of
from services.adapters.api_pace import Pace
from services.adapters.problems import FORBIDDEN, UNAUTHORIZED, Problem
from services.core.reading import LONGEST_SOURCE
from services.core.text import clean
from services.ports import Clock
from services.settings import BadSetting, StageSettings

log = logging.getLogger(__name__)

OPEN_SOURCE = "http"
"""The source of requests where keys are off and none is named."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends. `sandbox`: what is sent is judged and not written."""

    source: str
    sandbox: bool


@dataclass(frozen=True, slots=True)
class Access:
    """The rule of one server. `keys` None: this machine only; `host`: where it listens; `pace`: of sandbox keys."""

    keys: Keys | None
    host: str
    clock: Clock
    pace: Pace = field(default_factory=Pace)

    def source(self, request: Request) -> str:
        """Who sends this request, that is for real. Raises Problem, also for a sandbox key."""
        sender = self.sender(request)
        if sender.sandbox:
            raise Problem(
                FORBIDDEN,
                "a sandbox key writes nothing: try with POST /v1/scans, /v1/transforms, /v1/machine-events or "
                "/v1/epcis/events, and use a real key here",
                "试用密钥不能写入：请用 POST /v1/scans、/v1/transforms、/v1/machine-events 或 /v1/epcis/events 试发，"
                "此处请使用正式密钥",
            )
        return sender.source

    def sender(self, request: Request) -> Sender:
        """Who sends this request, if only to try. Raises Problem."""
        if self.keys is None:
            return Sender(self._open_source(request), False)
        try:
            key = key_of(self.keys, request.headers.get("authorization", ""), self.clock)
        except (NoAccess, BadKeyFile):
            raise Problem(
                UNAUTHORIZED,
                "send the header `Authorization: Bearer ID.SECRET` with a key that is neither expired nor revoked",
                "请在请求头中发送 Authorization: Bearer ID.SECRET，且密钥未过期、未撤销",
                headers={"WWW-Authenticate": 'Bearer realm="floorstream"'},
            ) from None
        if key.sandbox:
            self.pace.use(key.id, self.clock.now_us())
        return Sender(key.source, key.sandbox)

    def _open_source(self, request: Request) -> str:
        """Without keys only this machine may write, and no web page may make its browser do so."""
        named_us = _names_this_machine(request.headers.get("host", ""), request.headers.get("origin"), self.host)
        if not (named_us and self._came_from_here(request)):
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

    def _came_from_here(self, request: Request) -> bool:
        """A Host header can be forged by a program elsewhere, an address can not."""
        return request.client is not None and (is_loopback(request.client.host) or request.client.host == self.host)


def of_settings(settings: StageSettings, clock: Clock) -> Access:
    """The rule that the settings make. Raises BadSetting."""
    if not settings.keys_file:
        return Access(None, settings.host, clock)
    try:
        return Access(KeyFile(Path(settings.keys_file)), settings.host, clock)
    except BadKeyFile as error:
        raise BadSetting(f"FLOORSTREAM_KEYS_FILE: {error}") from error


def guarded(settings: StageSettings, clock: Clock) -> Access:
    """The same for a server that takes what counts: one that others can reach has keys. Raises BadSetting."""
    access = of_settings(settings, clock)
    if access.keys is not None:
        return access
    if not is_loopback(settings.host):
        raise BadSetting(
            f"FLOORSTREAM_HOST={settings.host} can be reached from elsewhere, so keys are needed: set "
            "FLOORSTREAM_KEYS_FILE, or listen on 127.0.0.1"
        )
    log.warning("no keys are configured: whoever can run a program on this machine may write (FLOORSTREAM_KEYS_FILE)")
    return access


def _names_this_machine(host: str, origin: str | None, bound: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname
        same = origin is None or urlsplit(origin).netloc == host
    except ValueError:
        return False
    return same and name is not None and (is_loopback(name) or name == bound)
