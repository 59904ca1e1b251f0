"""The durable queue at the edge: order, all or nothing, bounds, and what is left of it after a start."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.adapters import spool_file
from services.adapters.spool import Spool
from services.adapters.spool_file import (
    NAME,
    Lane,
    Refused,
    SpoolLost,
    open_database,
    read_lanes,
    read_refused,
    refused_reasons,
)
from services.core.reading import Kind, Reading, Unreadable
from services.edge.app import serve
from services.edge.handler import Desk
from tests.parts import until

ROOM = 1 << 30


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    queue = Spool(tmp_path, ROOM)
    await queue.start()
    yield queue
    await queue.stop()


def desk(spool: Spool, name: str = "gate") -> Desk:
    return Desk(name, spool, lambda collector, taken, unreadable: None)


def scans(*numbers: int, source: str = "mes", kind: Kind = Kind.SCAN) -> list[Reading]:
    return [Reading(kind, source, {"event_id": f"{source}-{number}", "unit_id": "单元"}, 1) for number in numbers]


async def ids(spool: Spool, lane: Lane, items: int = 500, size: int = ROOM) -> list[bytes]:
    return [queued.body.split(b'"')[3] for queued in await spool.head(lane.lane, items, size)]


async def test_each_source_and_kind_keeps_its_order(spool: Spool) -> None:
    await desk(spool).take([*scans(1, 2), *scans(1, source="plc", kind=Kind.MACHINE)])
    await desk(spool, "other").take(scans(3))
    mes, plc = await spool.lanes()
    assert (mes.source, mes.kind, mes.queued) == ("mes", "scan", 3)
    assert (plc.source, plc.kind, plc.queued) == ("plc", "machine", 1)
    assert await ids(spool, mes) == [b"mes-1", b"mes-2", b"mes-3"]
    assert await ids(spool, mes, items=2) == [b"mes-1", b"mes-2"]
    assert await ids(spool, mes, size=1) == [b"mes-1"]


async def test_what_has_its_verdict_leaves_and_what_was_refused_is_kept(spool: Spool, tmp_path: Path) -> None:
    await desk(spool).take(scans(1, 2, 3))
    (lane,) = await spool.lanes()
    _, second, third = await spool.head(lane.lane, 3, ROOM)
    await spool.settle(lane.lane, second.id, 1, [])
    assert await ids(spool, lane) == [b"mes-3"]
    await desk(spool).take([], unreadable=[Unreadable("mes", b"\x00" * 10_000, "torn", "损坏")])
    (lane,) = await spool.lanes()
    assert (lane.queued, lane.sent, lane.oldest_us) == (1, 1, third.taken.wall_us)
    database = open_database(tmp_path / NAME, read_only=True)
    try:
        (kept,) = read_refused(database, 10)
        assert refused_reasons(database) == [("mes", "unreadable", 1)]
    finally:
        database.close()
    assert (kept.en, kept.zh, kept.kind, kept.body) == ("torn", "损坏", "gate", b"\x00" * 4096)


async def test_a_start_finds_everything_and_goes_on_behind_it(tmp_path: Path) -> None:
    for start in range(3):
        queue = Spool(tmp_path, ROOM)
        await queue.start()
        await desk(queue).take(scans(start), notes={"position": str(start)})
        assert await desk(queue).get("position") == str(start)
        assert await desk(queue, "other").get("position") is None
        await queue.stop()
    queue = Spool(tmp_path, ROOM)
    await queue.start()
    (lane,) = await queue.lanes()
    assert await ids(queue, lane) == [b"mes-0", b"mes-1", b"mes-2"]
    await queue.stop()


async def test_who_looks_from_beside_sees_one_moment(spool: Spool, tmp_path: Path) -> None:
    await desk(spool).take(scans(1))
    reader = open_database(tmp_path / NAME, read_only=True)
    forwarder = open_database(tmp_path / NAME)

    def settle_meanwhile(statement: str) -> None:
        if statement.startswith("SELECT wall"):
            forwarder.execute("DELETE FROM queue")

    try:
        reader.set_trace_callback(settle_meanwhile)
        assert [lane.queued for lane in read_lanes(reader)] == [1]
        assert [lane.queued for lane in read_lanes(reader)] == [0]
    finally:
        reader.close()
        forwarder.close()


async def test_one_source_too_many_is_refused_with_its_reason(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_file, "MOST_LANES", 2)
    for source in ("a", "b", "c", "a"):
        await desk(spool).take(scans(1, source=source))
    assert [(lane.source, lane.queued) for lane in await spool.lanes()] == [("a", 2), ("b", 1)]
    with contextlib.closing(open_database(tmp_path / NAME, read_only=True)) as database:
        assert refused_reasons(database) == [("c", "too_many_sources", 1)]


async def test_notes_are_found_by_their_begin_and_forgotten(spool: Spool) -> None:
    own = desk(spool)
    await own.take([], notes={"file/a": "1", "file/b": "2", "filed": "3"})
    await own.take([], notes={"file/a": None})
    assert await own.find("file/") == {"file/b": "2"}


async def test_a_full_queue_makes_collectors_wait_and_loses_nothing(tmp_path: Path) -> None:
    queue = Spool(tmp_path, 200_000)
    await queue.start()
    total = 4_000

    async def collect() -> None:
        for begin in range(0, total, 100):
            await desk(queue).take(scans(*range(begin, begin + 100)))

    collecting = asyncio.create_task(collect())
    async with asyncio.timeout(60):
        await until(lambda: asyncio.sleep(0, queue.full), "the queue is full")
        assert await queue.used_bytes() < 300_000
        (lane,) = await queue.lanes()
        assert lane.queued < total
        found: list[bytes] = []
        while len(found) < total:
            items = await queue.head(lane.lane, 500, ROOM)
            found += [queued.body.split(b'"')[3] for queued in items]
            if items:
                await queue.settle(lane.lane, items[-1].id, len(items), [])
    await collecting
    assert not queue.full
    assert found == [b"mes-%d" % number for number in range(total)]
    await queue.stop()


async def test_a_full_disk_makes_only_those_wait_who_write(spool: Spool) -> None:
    await desk(spool).take(scans(1))
    await spool._call(lambda file: full_from_now_on(file._database))
    busy = threading.Event()
    blocked = spool._call(lambda file: busy.wait(10))
    writing = asyncio.create_task(desk(spool).take(scans(*range(5_000))))
    reading = [asyncio.create_task(call) for call in (spool.lanes(), spool.head(1, 1, ROOM), desk(spool).get("x"))]
    await asyncio.sleep(0)  # all of them have called
    busy.set()
    async with asyncio.timeout(30):
        await blocked
        (lane,), (queued,), note = await asyncio.gather(*reading)
        assert (lane.queued, note) == (1, None)
        await until(lambda: asyncio.sleep(0, spool.full), "who writes waits")
        await spool.settle(lane.lane, queued.id, 1, [])
        await spool._call(lambda file: file._database.execute("PRAGMA max_page_count = 1000000").fetchall())
        await writing
    assert [each.queued for each in await spool.lanes()] == [5_000]


def full_from_now_on(database: sqlite3.Connection) -> None:
    """As if the disk were full."""
    ((pages,),) = database.execute("PRAGMA page_count").fetchall()
    database.execute(f"PRAGMA max_page_count = {pages}").fetchall()


async def test_what_was_refused_and_what_is_noted_never_fill_the_queue_for_good(tmp_path: Path) -> None:
    room = 1 << 20
    queue = Spool(tmp_path, room)
    await queue.start()
    torn = [Unreadable("mes", b"x" * 5_000, "w" * 5_000, "损坏")] * 100
    async with asyncio.timeout(60):
        for _ in range(5):
            await desk(queue).take(scans(1), unreadable=torn)
        assert await queue.used_bytes() < room // 2, "the newest are kept"
        await desk(queue).take(scans(1), notes={str(number): "n" * 1_000 for number in range(1_500)})
        (lane,) = await queue.lanes()
        items = await queue.head(lane.lane, 500, ROOM)
        await queue.settle(lane.lane, items[-1].id, len(items), [])
        await desk(queue).take(scans(2))
        assert await queue.used_bytes() > room
        assert [each.queued for each in await queue.lanes()] == [1]
    await queue.stop()


async def test_calls_at_the_same_time_share_commits_and_all_count(spool: Spool) -> None:
    own = desk(spool)
    await asyncio.gather(*[own.take(scans(number)) for number in range(300)])
    (lane,) = await spool.lanes()
    assert lane.queued == 300


async def test_two_programs_never_have_one_queue(spool: Spool, tmp_path: Path) -> None:
    second = Spool(tmp_path, ROOM)
    with pytest.raises(SpoolLost, match="in use"):
        await second.start()
    await second.stop()


async def test_a_queue_that_cannot_be_opened_is_a_matter_of_settings(
    spool: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    edge = tmp_path / "edge.yaml"
    edge.write_text(
        f"server: {{url: 'http://127.0.0.1:1'}}\nspool: {{directory: '{tmp_path}'}}\n"
        "scanners: {gate: {listen: '127.0.0.1:1', read_point: R}}\n"
    )
    assert await serve(edge) == 2
    assert "is in use by another edge program" in caplog.text


async def test_a_file_that_is_no_queue_is_said_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"this is no database" * 1000)
    queue = Spool(tmp_path, ROOM)
    with pytest.raises(SpoolLost, match="not a database"):
        await queue.start()
    await queue.stop()
    assert (tmp_path / NAME).read_bytes() == b"this is no database" * 1000


@pytest.mark.parametrize("damaged", [range(1, 3), range(2, 50)])
async def test_a_damaged_queue_is_said_and_never_waited_for(tmp_path: Path, damaged: range) -> None:
    queue = Spool(tmp_path, ROOM)
    await queue.start()
    await desk(queue).take(scans(*range(3_000)))
    await queue.stop()
    with (tmp_path / NAME).open("r+b") as file:
        for page in damaged:
            file.seek(4096 * page)
            file.write(b"\xff" * 4096)
    queue = Spool(tmp_path, ROOM)
    async with asyncio.timeout(10):
        with pytest.raises(SpoolLost, match="malformed"):
            await queue.start()
        await queue.stop()


async def test_what_no_database_can_hold_ends_the_program_and_never_lets_it_wait_for_ever(spool: Spool) -> None:
    await desk(spool).take(scans(1))
    async with asyncio.timeout(10):
        with pytest.raises(SpoolLost, match="surrogates"):
            await desk(spool).take(scans(2), notes={"position": "\udcff"})
        await desk(spool).take(scans(3))
    (lane,) = await spool.lanes()
    assert await ids(spool, lane) == [b"mes-1", b"mes-3"], "all or nothing"


async def test_words_of_a_server_that_are_no_text_are_kept_all_the_same(spool: Spool) -> None:
    await desk(spool).take(scans(1))
    (lane,) = await spool.lanes()
    (queued,) = await spool.head(lane.lane, 1, ROOM)
    async with asyncio.timeout(10):
        await spool.settle(
            lane.lane, queued.id, 0, [Refused(1, "mes", "scan", "\ud800", "malformed", "\udfff", "", queued.body)]
        )
    assert [(each.queued, each.refused) for each in await spool.lanes()] == [(0, 1)]
