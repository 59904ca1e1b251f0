"""What goes by apprise, to a local server that takes apprise's own JSON."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from services.adapters.channels import by_apprise
from services.adapters.channels.by_apprise import AppriseChannel, BadAddress
from services.core.delivery import Note, Said
from services.core.messages import Line, Message
from tests.parts import until

NOTE = Note("a/1/r", Message("标题 @all", (Line("Where", "<!channel> OP1"),), True), "https://f/andon?t=x", (), ())


class Server(ThreadingHTTPServer):
    """Takes messages; `status` is its answer, `open` when it answers."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.status = 200
        self.open = threading.Event()
        self.open.set()
        super().__init__(("127.0.0.1", 0), Taking)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_port}/x"


class Taking(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.taken.append(msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.open.wait(10)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.open.set()
    server.shutdown()
    thread.join()
    server.server_close()


async def test_it_is_taken_and_mentions_nobody(server: Server) -> None:
    channel = AppriseChannel(server.url, None)
    assert (await channel.send(NOTE)).said is Said.SENT
    assert server.taken[0]["title"] == "标题 ＠all"
    assert server.taken[0]["message"] == "Where: ＜!channel＞ OP1\nhttps://f/andon?t=x"
    await channel.close()


async def test_what_is_not_taken_may_have_arrived(server: Server) -> None:
    server.status = 500
    channel = AppriseChannel(server.url, None)
    outcome = await channel.send(NOTE)
    assert (outcome.said, outcome.perhaps) == (Said.AWAY, True)
    await channel.close()


async def test_a_target_that_hangs_has_a_deadline_and_gets_nothing_more_meanwhile(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_apprise, "SECONDS", 0.3)
    server.open.clear()
    channel = AppriseChannel(server.url, None)
    assert (await channel.send(NOTE)).perhaps
    again = await channel.send(NOTE)
    assert (again.said, again.perhaps) == (Said.AWAY, False)
    assert len(server.taken) == 1
    server.open.set()

    async def taken() -> bool:
        return (await channel.send(NOTE)).said is Said.SENT

    await until(taken, "it takes messages again")
    await channel.close()


def test_an_address_nobody_can_read_is_said_at_once() -> None:
    with pytest.raises(BadAddress):
        AppriseChannel("what://is/this", None)
