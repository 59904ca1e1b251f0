"""HTTP to addresses that somebody wrote into a file, without becoming a way into the plant (SSRF).

TLS, except to what `allow_private` lists. The name is resolved once for each request and the connection goes to that
address, so a name that points elsewhere a moment later changes nothing; addresses that are not public are refused
unless listed. No redirects, no proxy from the environment, 5 s and 64 KB at most. What is answered is read, never
acted upon.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

SECONDS = 5.0
CONNECT_SECONDS = 2.4
"""For the connection, and again for TLS: below half of all, so that the client itself gives up and closes it."""
ANSWER_BYTES = 64 << 10

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SITE_LOCAL = ipaddress.ip_network("fec0::/10")
"""Deprecated, and inside where somebody has them still."""


class NotAllowed(Exception):
    """The address may not be written to; the message says why and what to do."""


class Unreachable(Exception):
    """No usable answer. `perhaps`: the request was under way, so it may have been taken."""

    def __init__(self, why: str, *, perhaps: bool) -> None:
        super().__init__(why)
        self.perhaps = perhaps


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, of its body the first 64 KB."""

    status: int
    retry_after: str | None
    body: bytes


class Allowed:
    """What `allow_private` lists: names, and networks."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._names: set[str] = set()
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for entry in entries:
            try:
                self._networks.append(ipaddress.ip_network(entry))
            except ValueError:
                self._names.add(entry.lower())

    def lists(self, host: str, address: Address | None) -> bool:
        """Is this host or its address listed? None: a proxy resolves it."""
        named = host.lower() in self._names
        return named or (address is not None and any(address in network for network in self._networks))


class Outbound:
    """Posts to one host."""

    def __init__(self, allowed: Allowed, proxy: str | None = None, ca_file: str | None = None) -> None:
        """`ca_file`: certificates of authorities of the plant, beside the public ones."""
        self._allowed = allowed
        self._through_proxy = proxy is not None
        context = ssl.create_default_context()
        if ca_file is not None:
            context.load_verify_locations(ca_file)
        self._client = httpx.AsyncClient(
            verify=context,
            trust_env=False,
            follow_redirects=False,
            proxy=proxy,
            timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS),
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Raises NotAllowed or Unreachable; neither names the address, which may hold a token."""
        under_way = False

        async def trace(event: str, _: Mapping[str, Any]) -> None:
            nonlocal under_way
            under_way = under_way or event.endswith("send_request_headers.started")

        try:
            async with asyncio.timeout(SECONDS):
                pinned, host = await self._pinned(url)
                named = {**headers, "Host": host, "Accept-Encoding": "identity"}
                extensions = {"trace": trace, "sni_hostname": urlsplit(url).hostname}
                async with self._client.stream(
                    "POST", pinned, content=body, headers=named, extensions=extensions
                ) as answer:
                    return Answer(answer.status_code, answer.headers.get("retry-after"), await _read(answer))
        except TimeoutError:
            raise Unreachable(f"no answer within {SECONDS:g} s 超时", perhaps=under_way) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise Unreachable(_why(error), perhaps=under_way) from None

    async def _pinned(self, url: str) -> tuple[str, str]:
        """The address with the name replaced by what it was resolved to, and the Host header."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        shown = parts.netloc.rpartition("@")[2]
        if self._through_proxy:
            self._judge(parts.scheme, host, await _written(host, port))
            return url, shown
        addresses = await _resolved(host, port)
        self._judge(parts.scheme, host, addresses)
        literal = f"[{addresses[0]}]" if addresses[0].version == 6 else str(addresses[0])
        return parts._replace(netloc=f"{literal}:{port}").geturl(), shown

    def _judge(self, scheme: str, host: str, addresses: Iterable[Address | None]) -> None:
        for address in addresses:
            if self._allowed.lists(host, address):
                continue
            if scheme != "https":
                raise NotAllowed(f"{host} without TLS: write https, or list it in allow_private 未加密：请用 https")
            if address is not None and not is_public(address):
                raise NotAllowed(
                    f"{host} is {address}, inside the plant: list it in allow_private 内网地址须列入 allow_private"
                )


async def _resolved(host: str, port: int, flags: int = 0) -> list[Address]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [ipaddress.ip_address(entry[4][0]) for entry in found]


async def _written(host: str, port: int) -> Iterable[Address | None]:
    """The address that stands there, in whatever notation; None for a name, which the proxy resolves."""
    try:
        return await _resolved(host, port, socket.AI_NUMERICHOST)
    except socket.gaierror:
        return [None]


def is_public(address: Address) -> bool:
    """Is this an address of the public internet, also where an IPv4 address is wrapped in an IPv6 one?"""
    inner = _unwrapped(address)
    return inner.is_global and not inner.is_multicast and not inner.is_reserved and inner not in _SITE_LOCAL


def _unwrapped(address: Address) -> Address:
    if address.version == 4:
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


async def _read(answer: httpx.Response) -> bytes:
    """The beginning of a longer one: its status says already what became of the message."""
    body = b""
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) >= ANSWER_BYTES:
            break
    return body[:ANSWER_BYTES]


def _why(error: Exception) -> str:
    # Only the kind and the system's own words: texts of the client could repeat the address.
    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    words = cause.strerror if isinstance(cause, OSError) and cause.strerror else ""
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
