"""A replay through the real front door, on a log in memory: verdicts by line, and the place that is reached."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from services.commands import replay_http, scans_client
from services.commands.log_file import LogLine
from services.commands.replay_http import over_http
from services.commands.replay_tally import NotSent, OfFile, Refusal, Tally
from services.core.records import BadRecord, Place
from tests.ingest_floor import event, memory_floor
from tests.parts import until

FILE = Path("a.jsonl")
LINES = 2_000
VERDICT = {"status": "accepted", "event_id": "e1"}


@contextlib.asynccontextmanager
async def front_door() -> AsyncIterator[str]:
    """Its address."""
    async with memory_floor() as floor:
        app = floor.client._transport.app  # type: ignore[attr-defined]
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve())
        await until(lambda: asyncio.sleep(0, server.started), "it serves")
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


def line(number: int, **changes: object) -> OfFile:
    """An event, at a line."""
    value = json.dumps(event(event_id=f"e{number}", **changes)).encode()
    return OfFile(FILE, LogLine(number, value, after=Place(number, number)))


async def test_every_refusal_names_its_line() -> None:
    refused: list[Refusal] = []
    lines = [
        line(1), line(2, read_point_id="GONE"), OfFile(FILE, BadRecord(3, "时间", "en", "zh", b"", Place(3, 3))),
        line(4, unit_id="U4"), line(5, unit_id="U5", quantity="-1"), line(6, unit_id="x" * 300_000),
        line(7, source="a\nb"), line(8, source="s" * 70_000), line(9, source=" mes2\n"),
    ]  # fmt: skip
    reached: list[Place] = []
    tally = Tally(refuse=refused.append, reached=lambda path, place: reached.append(place))
    async with front_door() as address:
        await over_http(address, lines, "mes", None, tally)
    assert sorted((each.line, each.column, each.reason) for each in refused) == [
        (2, "", "unknown_read_point"), (3, "时间", "unreadable"), (5, "", "malformed"), (6, "", "too_long"),
        (7, "source", "unreadable"), (8, "source", "unreadable"),
    ]  # fmt: skip
    assert (tally.read, tally.accepted, tally.refused.total(), tally.unsent) == (9, 3, 5, 1)
    assert reached[-1] == Place(9, 9)


async def test_a_rare_unit_does_not_hold_up_the_place_that_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_http, "MOST_ITEMS", 10)
    monkeypatch.setattr(replay_http, "CUT_LINES", 100)
    reached: list[Place] = []

    def lines() -> Iterator[OfFile]:
        yield line(1, unit_id="RARE")
        for number in range(2, LINES + 1):
            yield line(number, unit_id="U1")

    tally = Tally(reached=lambda path, place: reached.append(place))
    async with front_door() as address:
        await over_http(address, lines(), "mes", None, tally)
    assert tally.accepted == LINES
    assert reached[-1] == Place(LINES, LINES)
    assert reached[0].mark < LINES // 2


@pytest.mark.parametrize("results", [[], [VERDICT], [VERDICT] * 3, [VERDICT, {}], {"a": 1, "b": 2}])
async def test_an_answer_without_a_verdict_for_each_line_settles_none(
    monkeypatch: pytest.MonkeyPatch, results: object
) -> None:
    answers = httpx.MockTransport(lambda request: httpx.Response(202, json={"accepted": 2, "results": results}))
    client = httpx.AsyncClient
    monkeypatch.setattr(scans_client.httpx, "AsyncClient", lambda **more: client(transport=answers, **more))
    reached: list[Place] = []
    tally = Tally(reached=lambda path, place: reached.append(place))
    with pytest.raises(NotSent, match="not a verdict for each"):
        await over_http("http://server", [line(1), line(2)], "mes", None, tally)
    assert (tally.accepted, tally.settled, reached) == (0, 0, [])
