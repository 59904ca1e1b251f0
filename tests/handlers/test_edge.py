"""From a scanner through the queue to the real front door, on a log in memory: outages, refusals, keys, clocks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.adapters.clock import SystemClock, moment
from services.adapters.front_door import FrontDoor
from services.adapters.scanner_reads import ReadSettings
from services.adapters.spool import Spool
from services.adapters.spool_file import Lane, Refused
from services.adapters.tcp_scanner import ScannerSettings, TcpScanner
from services.core.forwarding import Answer
from services.core.reading import Kind, Moment, Reading
from services.edge import forwarder as forwarding
from services.edge.forwarder import Forwarder
from services.edge.handler import Desk
from tests.ingest_floor import Floor, memory_floor
from tests.parts import until

ROOM = 1 << 30
NOW_ISO = "2026-11-23T06:00:00Z"
ANSWERS_AGAIN = Answer(503, {}, "503 away")


class Heard:
    """What the forwarder reports."""

    def __init__(self) -> None:
        self.sent = 0
        self.refused: list[Refused] = []
        self.troubles: list[str] = []

    def settled(self, lane: Lane, sent: int, refused: Sequence[Refused]) -> None:
        self.sent += sent
        self.refused += refused

    def attempt(self, lane: Lane, trouble: str) -> None:
        self.troubles += [trouble] if trouble else []


class Way:
    """The way to the front door, which may be cut before or after the server has taken a request."""

    def __init__(self, door: FrontDoor) -> None:
        self._door = door
        self.cut: list[str] = []

    async def post(self, kind: str, source: str, items: Sequence[bytes]) -> Answer:
        how = self.cut.pop(0) if self.cut else ""
        if how == "before":
            return Answer(0, {}, "no connection")
        answer = await self._door.post(kind, source, items)
        return Answer(0, {}, "no answer") if how == "after" else answer


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    queue = Spool(tmp_path, ROOM)
    await queue.start()
    yield queue
    await queue.stop()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "pause_s", lambda failures, chance, asked: 0.001)


@contextlib.asynccontextmanager
async def forwarding_to(
    floor: Floor, spool: Spool, now: Callable[[], Moment] = moment
) -> AsyncIterator[tuple[Way, Heard]]:
    """A forwarder at work."""
    transport = floor.client._transport
    door = FrontDoor("http://127.0.0.1:8080", {}, transport=transport)
    way, heard = Way(door), Heard()
    task = asyncio.create_task(Forwarder(spool, way, heard, now).run())
    try:
        yield way, heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def scan(number: int, **changes: Any) -> Reading:
    body = {"event_id": f"e{number}", "event_time": NOW_ISO, "unit_id": f"U{number}", "read_point_id": "OP10-IN"}
    return Reading(Kind.SCAN, "gate", {**body, **changes})


def desk(spool: Spool) -> Desk:
    return Desk("gate", spool, lambda collector, taken, unreadable: None)


async def empty(spool: Spool) -> bool:
    return all(lane.queued == 0 for lane in await spool.lanes())


async def test_everything_gets_there_in_order_however_often_the_way_is_cut(spool: Spool) -> None:
    async with memory_floor() as floor, forwarding_to(floor, spool) as (way, heard):
        way.cut = ["before", "after", "before", "after", "after", "", "after"]
        for begin in range(0, 1200, 200):
            await desk(spool).take([scan(number, unit_id="U") for number in range(begin, begin + 200)])
        await until(lambda: empty(spool), "the queue is empty")
        said = [value["event_id"] for value in await floor.values("floor.scans")]
    assert list(dict.fromkeys(said)) == [f"e{number}" for number in range(1200)]
    assert len(said) > 1200  # what had no answer was sent again
    assert (heard.sent, heard.refused) == (1200, [])
    assert heard.troubles


async def test_what_is_refused_hinders_nothing_and_is_kept_with_its_reason(spool: Spool) -> None:
    async with memory_floor() as floor, forwarding_to(floor, spool) as (_, heard):
        await desk(spool).take([scan(1), scan(2, read_point_id="GONE"), scan(3), scan(4, quantity="-1")])
        await until(lambda: empty(spool), "the queue is empty")
        assert len(await floor.scans()) == 2
    assert heard.sent == 2
    assert [each.reason for each in heard.refused] == ["unknown_read_point", "malformed"]


async def test_machine_events_have_a_way_of_their_own(spool: Spool) -> None:
    body = {"event_id": "m1", "work_unit_id": "M1", "event_time": NOW_ISO, "state": "execute"}
    async with memory_floor() as floor, forwarding_to(floor, spool) as (_, heard):
        await desk(spool).take([Reading(Kind.MACHINE, "plc", body)])
        await until(lambda: empty(spool), "the queue is empty")
        assert [value["work_unit_id"] for value in await floor.values("floor.machines")] == ["M1"]
    assert heard.sent == 1


async def test_an_event_read_by_a_wrong_clock_and_sent_late_is_at_its_time(spool: Spool) -> None:
    """This machine is an hour ahead of the server; the event waits ten minutes, by the clock that nobody sets."""
    async with memory_floor() as floor:
        server_us = floor.clock.now_us()
        hour, wait = 3_600_000_000, 600_000_000
        shown = server_us - wait + hour
        began = moment()
        body = {"event_time": "2026-11-23T06:50:00Z"}
        await desk(spool).take([scan(1, **body)._replace(clock_us=shown)])
        later = began._replace(steady_us=began.steady_us + wait)
        async with forwarding_to(floor, spool, lambda: later):
            await until(lambda: empty(spool), "the queue is empty")
        (value,) = await floor.values("floor.scans")
    assert value["event_time"].startswith(("2026-11-23T05:49:59", "2026-11-23T05:50:00"))
    assert value["device_time"].startswith("2026-11-23T06:50:00")


async def test_reads_of_a_scanner_that_connects_are_scans_at_its_read_point(spool: Spool) -> None:
    reads = ReadSettings("gate", "gate", None, {"127.0.0.1": "OP10-IN"}, ignore=frozenset({"HB"}))
    scanner = TcpScanner(ScannerSettings(reads, "127.0.0.1", 0, True), SystemClock().now_us)
    reading = asyncio.create_task(scanner.run(desk(spool).take, desk(spool)))
    await until(lambda: asyncio.sleep(0, scanner.port != 0), "it listens")
    async with memory_floor() as floor, forwarding_to(floor, spool) as (_, heard):
        _, writer = await asyncio.open_connection("127.0.0.1", scanner.port)
        writer.write("\x02]A0SN-1\r\nHB\r\n单元-2\r\n".encode() + b"\xff\xfe\r\nSN-1\r\n" + b"torn")
        await writer.drain()
        await until(lambda: asyncio.sleep(0, heard.sent == 3), "three reads are in the log")
        assert scanner.up
        writer.close()
        await until(lambda: asyncio.sleep(0, not scanner.up), "it is gone")
        values = await floor.values("floor.scans")
    assert sorted(value["unit_id"] for value in values) == ["SN-1", "SN-1", "单元-2"]
    assert len({value["event_id"] for value in values}) == 3
    assert {value["read_point_id"] for value in values} == {"OP10-IN"}
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


async def test_a_scanner_that_listens_is_connected_with_again_whenever_it_went(spool: Spool) -> None:
    codes = iter(range(100))

    async def send_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"U%d\r" % next(codes))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(send_one, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reads = ReadSettings("gate", "gate", "OP10-IN")
    scanner = TcpScanner(ScannerSettings(reads, "127.0.0.1", port, False), SystemClock().now_us)
    reading = asyncio.create_task(scanner.run(desk(spool).take, desk(spool)))

    async def three() -> bool:
        return sum([lane.queued for lane in await spool.lanes()]) >= 3

    await until(three, "three connections, three reads")
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    server.close()


@pytest.mark.parametrize(("said", "asked"), [(b"7", 7.0), (b"\xb2", 0.0), (b"Wed, 21 Oct 2026 07:28:00 GMT", 0.0)])
async def test_a_server_may_ask_for_time_in_any_words(said: bytes, asked: float) -> None:
    busy = httpx.MockTransport(lambda request: httpx.Response(429, headers=[(b"retry-after", said)]))
    answer = await FrontDoor("http://server", {}, transport=busy).post("scan", "gate", [b"{}"])
    assert (answer.status, answer.asked_s) == (429, asked)
