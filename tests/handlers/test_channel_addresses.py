"""Where messages may go: addresses of the file are no way into the plant."""

import ipaddress
import socket
from typing import Any

import pytest

from services.adapters.channels.outbound import Allowed, NotAllowed, Outbound, Unreachable, is_public
from tests.phone_server import Mode, PhoneServer

INSIDE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd12::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "ff02::1", "240.0.0.1", "fec0::1", "::127.0.0.1", "2001:0:a00:1::",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_not_public_however_they_are_wrapped(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://0x7f.1/"])
async def test_what_is_inside_must_be_listed(url: str) -> None:
    outbound = Outbound(Allowed([]))
    with pytest.raises(NotAllowed, match="allow_private"):
        await outbound.post(url, b"", {})
    await outbound.close()


async def test_without_tls_only_to_what_is_listed() -> None:
    async with PhoneServer() as server:
        strict, listed = Outbound(Allowed(["10.0.0.0/8"])), Outbound(Allowed(["localhost"]))
        with pytest.raises(NotAllowed, match="https"):
            await strict.post(server.url, b"{}", {})
        address = server.url.replace("127.0.0.1", "localhost")
        assert (await listed.post(f"{address}/robot/send", b"{}", {})).status == 200
        for outbound in (strict, listed):
            await outbound.close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://10.1.2.3/", "allow_private"), ("https://2130706433/", "allow_private"),
        ("https://0x7f.1/", "allow_private"), ("https://[::1]/", "allow_private"), ("http://mes.example/", "https"),
    ],
)  # fmt: skip
async def test_a_proxy_is_no_way_around(url: str, why: str) -> None:
    async with PhoneServer() as server:
        outbound = Outbound(Allowed([]), proxy=server.url)
        with pytest.raises(NotAllowed, match=why):
            await outbound.post(url, b"{}", {})
        await outbound.close()
        assert server.requests == []


async def test_a_proxy_takes_what_is_listed() -> None:
    async with PhoneServer() as server:
        outbound = Outbound(Allowed(["mes.example"]), proxy=server.url)
        await outbound.post("http://mes.example/", b"{}", {})
        await outbound.close()
        assert server.requests[0].headers["host"] == "mes.example"


@pytest.mark.parametrize("url", ["https://a..b/", "https://h:99999/", f"https://{'a' * 70}.example/"])
async def test_an_address_that_nobody_can_resolve_is_unreachable(url: str) -> None:
    outbound = Outbound(Allowed([]))
    with pytest.raises(Unreachable):
        await outbound.post(url, b"", {})
    await outbound.close()


async def test_a_name_is_resolved_once_and_the_connection_goes_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that points inside at its second look (DNS rebinding) is never looked at twice."""
    asked: list[str] = []

    async def resolve(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async with PhoneServer() as server:
        outbound = Outbound(Allowed(["plant.example"]))
        monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", resolve)
        await outbound.post(f"http://plant.example:{server.port}/robot/send", b"{}", {})
        await outbound.close()
        assert server.requests[0].headers["host"] == f"plant.example:{server.port}"
    assert [host for host in asked if not host.replace(".", "").isdigit()] == ["plant.example"]


async def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in ("8.8.8.8", "10.0.0.1")]

    outbound = Outbound(Allowed([]))
    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", resolve)
    with pytest.raises(NotAllowed, match=r"10\.0\.0\.1"):
        await outbound.post("https://plant.example/", b"", {})
    await outbound.close()


async def test_no_proxy_of_the_environment_and_no_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with PhoneServer(Mode.REDIRECT) as server:
        outbound = Outbound(Allowed(["127.0.0.1"]))
        assert (await outbound.post(server.url, b"{}", {})).status == 302
        await outbound.close()
        assert len(server.requests) == 1


async def test_a_target_that_speaks_no_tls_is_unreachable_and_has_taken_nothing() -> None:
    async with PhoneServer() as server:
        outbound = Outbound(Allowed(["127.0.0.1"]))
        with pytest.raises(Unreachable) as error:
            await outbound.post(server.url.replace("http:", "https:"), b"{}", {})
        await outbound.close()
        assert not error.value.perhaps
        assert server.requests == []
