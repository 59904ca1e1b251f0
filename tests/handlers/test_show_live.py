"""The live stream, at its ASGI interface: order, pace, heartbeat, and clients that do not read."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, MutableMapping
from typing import Any

import httpx
import pytest

from services.adapters.wire import encode
from services.show import live as live_stream
from services.show.app import ShowDeps, create_app
from services.show.handler import Board
from services.show.live import BACKLOG, Live, LiveResponse, TooManyClients
from tests.alerts import alert, give_alert
from tests.show_floor import PARTITIONS, T0, SetClock, deps, give, model, operation

Message = MutableMapping[str, Any]


def events(text: str) -> list[tuple[str, Any]]:
    """Name and data of each event of a stream."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


@contextlib.asynccontextmanager
async def sending(live: Live) -> AsyncIterator[None]:
    """The stream at work."""
    task = asyncio.create_task(live.run())
    try:
        yield
    finally:
        task.cancel()


def stream(**options: float) -> tuple[Board, Live]:
    """A stream over a board with operation A."""
    board = Board(PARTITIONS)
    board.take_model(model({"A": {}}))
    board.changes(T0)
    return board, Live(board, SetClock(), encode, **{"pace_s": 0.0, "heartbeat_s": 60.0, **options})  # type: ignore[arg-type]


class Connection:
    """A client at the ASGI interface that reads what it is sent, unless it is stuck."""

    def __init__(self, live: Live, *, stuck: bool = False) -> None:
        self.text = ""
        self.changes = 0
        self.complete = False
        self._reads = asyncio.Event()
        if not stuck:
            self._reads.set()
        self._gone = asyncio.Event()
        self.task = asyncio.create_task(LiveResponse(live)({"type": "http"}, self._receive, self._send))

    async def _receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self._reads.wait()
        if message["type"] == "http.response.body":
            self.text += message["body"].decode()
            self.changes += message["body"].count(b"event: changed")
            self.complete = not message["more_body"]

    def go(self) -> None:
        """The client closes its connection."""
        self._gone.set()

    async def heard(self, names: list[str]) -> None:
        """Wait until exactly these events have come."""
        await holds(lambda: [name for name, _ in events(self.text)] == names, str(names))


async def holds(condition: Callable[[], bool], meaning: str) -> None:
    """Wait for what needs nothing but its turn."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 — any event would be of our own making
            await asyncio.sleep(0)
    assert condition(), meaning


async def test_a_client_gets_a_snapshot_first_and_then_what_changed() -> None:
    board, live = stream()
    async with sending(live):
        client = Connection(live)
        await client.heard(["snapshot"])
        give(board, operation("A", queued=2))
        live.changed()
        await client.heard(["snapshot", "changed"])
        client.go()
        await client.task
    first, second = events(client.text)
    assert first[1]["operations"][0]["state"]["wip"] == 0
    assert second[1]["operations"][0]["state"]["wip"] == 2


async def test_many_changes_are_sent_at_the_pace() -> None:
    board, live = stream(pace_s=0.2)
    async with sending(live):
        client = Connection(live)
        await client.heard(["snapshot"])
        for n in range(40):
            give(board, operation("A", as_of_us=T0 + n, queued=n))
            live.changed()
            await asyncio.sleep(0.005)  # as a floor does: a change every now and then
        await holds(lambda: events(client.text)[-1][1]["operations"][0]["state"]["wip"] == 39, "the last one")
        client.go()
        await client.task
    assert len(events(client.text)) <= 5


async def test_a_heartbeat_comes_although_nothing_changes() -> None:
    _, live = stream(heartbeat_s=0.02)
    async with sending(live):
        client = Connection(live)
        await client.heard(["snapshot", "heartbeat", "heartbeat"])
        client.go()
        await client.task
    assert events(client.text)[1][1] == {"now_us": T0, "confirmed_us": [None, None], "true_until_us": None}


async def test_a_heartbeat_comes_although_everything_changes() -> None:
    board, live = stream(heartbeat_s=0.05, pace_s=0.001)
    async with sending(live):
        client = Connection(live)
        while "heartbeat" not in client.text:
            give(board, operation("A"))
            live.changed()
            await asyncio.sleep(0)
        client.go()
        await client.task


async def test_another_plant_model_comes_as_a_snapshot() -> None:
    board, live = stream()
    async with sending(live):
        client = Connection(live)
        await client.heard(["snapshot"])
        board.take_model(model({"A": {}, "B": {}}, version=2))
        live.changed()
        await client.heard(["snapshot", "snapshot"])
        client.go()
        await client.task
    assert [e["operation_id"] for e in events(client.text)[1][1]["operations"]] == ["A", "B"]


async def stuck_beside_one_that_reads() -> None:
    """A client that never reads is closed, and the other one gets every change."""
    board, live = stream()
    async with sending(live):
        stuck, reading = Connection(live, stuck=True), Connection(live)
        await reading.heard(["snapshot"])
        for n in range(BACKLOG + 2):
            give(board, operation("A", as_of_us=T0 + n, queued=n))
            live.changed()
            await holds(lambda n=n: reading.changes == n + 1, f"change {n}")  # type: ignore[misc]
        assert live.overflows == 1, "what waits for a client that never reads has no bound"
        await stuck.task
        assert not stuck.complete
        assert (live.clients, live.overflows) == (1, 1)
        reading.go()
        await reading.task
    assert [data["operations"][0]["state"]["wip"] for _, data in events(reading.text)[1:]] == list(range(BACKLOG + 2))


@pytest.mark.row(45)
async def test_a_client_that_does_not_read_is_closed_and_the_others_lose_nothing() -> None:
    await stuck_beside_one_that_reads()


@pytest.mark.row(45)
@pytest.mark.red("bound of a client's queue")
async def test_red_where_a_queue_has_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_stream, "BACKLOG", 1 << 40)
    with pytest.raises(AssertionError, match="has no bound"):
        await stuck_beside_one_that_reads()


async def test_a_client_that_goes_is_forgotten() -> None:
    _, live = stream()
    client = Connection(live)
    await client.heard(["snapshot"])
    client.go()
    await client.task
    assert live.clients == 0


@pytest.mark.row(45)
@pytest.mark.parametrize("address", ["/v1/live", "/v1/live/alerts"])
async def test_more_clients_than_there_is_room_for_are_refused(address: str) -> None:
    shown = deps(most_clients=0)
    async with asking(shown) as client:
        answer = await client.get(address, headers={"Accept-Language": "zh-CN"})
    assert (answer.status_code, answer.json()["code"]) == (503, "too-many-clients")
    assert answer.headers["content-language"] == "zh"
    with pytest.raises(TooManyClients):
        shown.live.join()


@pytest.mark.row(45)
async def test_a_phone_that_does_not_read_is_given_up_and_holds_up_nobody() -> None:
    shown = deps(pace_s=0.0)
    async with sending(shown.alerts.live):
        stuck, well = Connection(shown.alerts.live, stuck=True), Connection(shown.alerts.live)
        await well.heard(["snapshot"])
        for told in range(1, BACKLOG + 3):
            give_alert(shown, alert(version=told))
            await holds(lambda number=told: well.changes == number, f"{told} changes")  # type: ignore[misc]
        assert shown.alerts.live.overflows == 1
        stuck.task.cancel()
        well.go()
        await well.task


async def test_a_server_that_stops_ends_the_streams_properly() -> None:
    shown = deps()
    shown.board.take_model(model({"A": {}}))
    async with asking(shown) as client:
        answer = asyncio.create_task(client.get("/v1/live"))
        await holds(lambda: shown.live.clients == 1, "the client is there")
        shown.close_live()
        ended = await answer
    assert ended.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert ended.headers["cache-control"] == "no-store"
    assert [name for name, _ in events(ended.text)] == ["snapshot"]


@pytest.mark.row(45)
async def test_a_thousand_clients_get_every_change() -> None:
    board, live = stream()
    async with sending(live):
        clients = [Connection(live) for _ in range(1000)]
        await holds(lambda: all(client.text for client in clients), "every snapshot")
        for n in range(1, 6):
            give(board, operation("A", as_of_us=T0 + n, queued=n))
            live.changed()
            await holds(lambda n=n: all(client.changes == n for client in clients), "a change")  # type: ignore[misc]
        for client in clients:
            client.go()
        await asyncio.gather(*[client.task for client in clients])
    assert {client.text.count("event: snapshot") for client in clients} == {1}


def asking(shown: ShowDeps) -> httpx.AsyncClient:
    """A client of the application itself, without a network."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(shown)), base_url="http://show")
