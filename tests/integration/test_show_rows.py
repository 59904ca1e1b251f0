"""The read API on a real database: pages, units by any id, refused events, and no database at all."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from services.adapters.show_read import DatabaseRows
from services.adapters.timescale_pool import open_pool
from services.embedded.process import free_port
from services.show.app import create_app
from tests.show_floor import MINUTE, T0, deps


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections as show has them."""
    opened = await open_pool(database, application="test")
    yield opened
    opened.terminate()


async def put_visit(pool: asyncpg.Pool, unit: str, seq: int, arrived: int, departed: int | None, **more: Any) -> None:
    """A row of visits."""
    row = {
        "unit_id": unit, "visit_seq": seq, "generation": 1, "revision": 1, "partition": 0, "visit_id": f"{unit}-{seq}",
        "operation_id": "A", "arrived": arrived, "departed": departed, "quantity": 1, "model": 1, "phase": "queued",
        "outcome": "open" if departed is None else "moved", "deleted": False, **more,
    }  # fmt: skip
    names, places = ", ".join(row), ", ".join(f"${n}" for n in range(1, len(row) + 1))
    await pool.execute(f"INSERT INTO visits ({names}) VALUES ({places})", *row.values())


async def put_unit(pool: asyncpg.Pool, unit: str, quantity: int = 1) -> None:
    """A row of units."""
    await pool.execute(
        "INSERT INTO units (unit_id, generation, revision, partition, status, visits, strays, quantity, events)"
        " VALUES ($1, 1, 1, 0, 'in_process', 1, 0, $2, 1)",
        unit, quantity,
    )  # fmt: skip


def asking(pool: asyncpg.Pool) -> httpx.AsyncClient:
    """A client of show over this database."""
    shown = deps(rows=DatabaseRows(pool))
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(shown)), base_url="http://show")


async def all_pages(client: httpx.AsyncClient, query: str) -> list[str]:
    """visit_id of every visit, page by page."""
    found, after = [], ""
    while True:
        answer = (await client.get(f"/v1/visits?limit=2&{query}{after}")).json()
        assert len(answer["visits"]) <= 2
        found += [visit["visit_id"] for visit in answer["visits"]]
        if answer["after"] is None:
            return found
        after = f"&after={answer['after']}"


async def floor_of_visits(pool: asyncpg.Pool) -> None:
    """Open at A: u1 and u0 since one instant, 单元; closed there: u2 twice, u3; elsewhere: u4; and a deleted one."""
    for unit, seq, arrived, departed, more in [
        ("u1", 0, T0, None, {}), ("u0", 0, T0, None, {}), ("单元", 0, T0 - MINUTE, None, {}),
        ("u2", 0, T0, T0 + MINUTE, {}), ("u2", 1, T0 + MINUTE, T0 + 3 * MINUTE, {}), ("u3", 0, T0, T0 + MINUTE, {}),
        ("u4", 0, T0, None, {"operation_id": "B"}), ("u1", 1, T0, None, {"deleted": True}),
    ]:  # fmt: skip
        await put_visit(pool, unit, seq, arrived, departed, **more)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("operation=A&open=true", ["单元-0", "u0-0", "u1-0"]),
        ("operation=A&open=false", ["u2-1", "u3-0", "u2-0"]),
        ("operation=A", ["单元-0", "u0-0", "u1-0", "u2-1", "u3-0", "u2-0"]),
        ("unit=u2", ["u2-0", "u2-1"]),
        ("unit=u2&open=true", []),
        ("unit=u4&operation=B", ["u4-0"]),
        ("open=true", ["u0-0", "u1-0", "u4-0", "单元-0"]),
        ("", ["u0-0", "u1-0", "u2-0", "u2-1", "u3-0", "u4-0", "单元-0"]),
    ],
)
async def test_pages_of_visits_hold_each_once_in_their_order(
    pool: asyncpg.Pool, query: str, expected: list[str]
) -> None:
    await floor_of_visits(pool)
    async with asking(pool) as client:
        assert await all_pages(client, query) == expected


async def test_a_cursor_of_another_question_is_refused(pool: asyncpg.Pool) -> None:
    await floor_of_visits(pool)
    async with asking(pool) as client:
        after = (await client.get("/v1/visits?limit=1&operation=A")).json()["after"]
        answer = await client.get(f"/v1/visits?unit=u2&after={after}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


@pytest.mark.parametrize(
    "unit_id", ["SN-1", "https://id.gs1.org/01/0614141/21/7", "单元 7", "a'; DROP TABLE units; --", "%2F?#"]
)
async def test_a_unit_is_found_by_any_id(pool: asyncpg.Pool, unit_id: str) -> None:
    await put_unit(pool, unit_id, quantity=1000)
    await put_visit(pool, unit_id, 0, T0, None, quantity=1000)
    async with asking(pool) as client:
        answer = (await client.get(httpx.URL("/v1/units/").join(quoted(unit_id)))).json()
    assert (answer["unit"]["unit_id"], answer["unit"]["quantity"]) == (unit_id, "1000")
    assert [(visit["arrived_us"], visit["departed_us"]) for visit in answer["visits"]] == [(T0, None)]


def quoted(unit_id: str) -> str:
    """An id as a part of an address."""
    return "/v1/units/" + "".join(f"%{byte:02X}" for byte in unit_id.encode())


async def test_a_unit_that_never_was_is_not_found(pool: asyncpg.Pool) -> None:
    async with asking(pool) as client:
        answer = await client.get("/v1/units/nobody")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


async def test_rejects_come_with_their_bytes_and_counts(pool: asyncpg.Pool) -> None:
    await pool.execute(
        'INSERT INTO rejects (partition, "offset", recorded, generation, reason, detail, source, value, origin)'
        " VALUES (0, 5, $1, 1, 'too_late', '{\"en\": \"late\", \"zh\": \"晚\"}', 'mes', '\\x00ff', 'kafka')",
        T0,
    )
    async with asking(pool) as client:
        answer = (await client.get("/v1/rejects?reason=too_late")).json()
        none = (await client.get("/v1/rejects?reason=malformed")).json()
    assert answer["counts"] == {"too_late": 1}
    assert [(r["value"], r["recorded_us"], r["detail"]["zh"]) for r in answer["rejects"]] == [("AP8=", T0, "晚")]
    assert none["rejects"] == []


async def test_of_large_refused_events_fewer_are_told_and_always_one(pool: asyncpg.Pool) -> None:
    """A thousand captures of two megabytes would be more than the process has memory for."""
    for offset in range(4):
        await put_reject(pool, "malformed", None, offset, "http")
    async with asking(pool) as client:
        for megabytes, told in (((0, 0, 0, 9), 1), ((0, 2, 5, 2), 3), ((1, 1, 1, 1), 4)):
            for offset, size in enumerate(megabytes):
                await pool.execute("UPDATE rejects SET value = $1 WHERE id = $2", bytes(size << 20), str(offset))
            assert len((await client.get("/v1/rejects")).json()["rejects"]) == told


async def put_reject(pool: asyncpg.Pool, reason: str, event_id: str | None, offset: int, origin: str) -> None:
    """A row of rejects; what came by Kafka is also in raw_scans."""
    http = origin == "http"
    await pool.execute(
        'INSERT INTO rejects (partition, "offset", recorded, generation, reason, detail, source, event_id, value,'
        " origin, id) VALUES ($1, $2, $3, 1, $4, '{\"en\": \"e\", \"zh\": \"z\"}', 'mes', $5, '', $6, $7)",
        -1 if http else 0, -1 if http else offset, T0 + offset, reason, event_id, origin, str(offset) if http else "",
    )  # fmt: skip
    if origin == "kafka":
        await put_raw(pool, event_id, offset)


async def put_raw(pool: asyncpg.Pool, event_id: str | None, offset: int) -> None:
    """A record of floor.scans."""
    await pool.execute(
        'INSERT INTO raw_scans (partition, "offset", recorded, generation, event_id, source)'
        " VALUES (0, $1, $2, 1, $3, 'mes')",
        offset, T0 + offset, event_id,
    )  # fmt: skip


async def test_a_refused_event_tells_under_which_id_it_is_mended_and_whether_it_was(pool: asyncpg.Pool) -> None:
    await put_reject(pool, "clock_ahead", "own", 1, "kafka")
    await put_reject(pool, "conflicting_duplicate", "twice", 2, "kafka")
    await put_raw(pool, "twice", 0)  # the first of the two, which holds
    await put_raw(pool, "mine", 3)  # taken before another one with its id was refused
    await put_reject(pool, "malformed", None, 3, "http")
    await put_reject(pool, "malformed", "mine", 4, "http")
    async with asking(pool) as client:
        before = (await client.get("/v1/rejects")).json()["rejects"]
        ids = [row["mend_id"] for row in reversed(before)]
        assert [row["mended"] for row in before] == [False] * 4
        assert (ids[0], ids[3], len(set(ids)), len(ids[1]), len(ids[2])) == ("own", "mine", 4, 32, 32)
        for number, event_id in enumerate(ids[1:]):
            await put_raw(pool, event_id, 10 + number)
        after = (await client.get("/v1/rejects")).json()["rejects"]
    assert [(row["mend_id"], row["mended"]) for row in reversed(after)] == list(
        zip(ids, [False, True, True, True], strict=True)
    )


async def test_a_machine_event_that_was_mended_is_seen(pool: asyncpg.Pool) -> None:
    for number, event_id in enumerate(("m1", None, "other")):
        await put_reject(pool, "malformed", event_id, number, "http")
    async with asking(pool) as client:
        before = (await client.get("/v1/rejects")).json()["rejects"]
        for number, row in enumerate(before[1:]):
            await pool.execute(
                "INSERT INTO machine_events (event_time, work_unit_id, recorded, partition, "
                '"offset", generation, source, event_id)'
                " VALUES ($1, 'M', $1, 0, $2, 1, 'mes', $3)",
                T0 + 100, number, row["mend_id"],
            )  # fmt: skip
        after = (await client.get("/v1/rejects")).json()["rejects"]
    assert [row["mended"] for row in before] == [False] * 3
    assert [(row["event_id"], row["mended"]) for row in after] == [("other", False), (None, True), ("m1", True)]


async def test_a_database_without_tables_is_a_problem(empty_database: str) -> None:
    opened = await open_pool(empty_database, application="test")
    async with asking(opened) as client:
        answer = await client.get("/v1/visits")
    opened.terminate()
    assert (answer.status_code, answer.json()["code"]) == (503, "no-database")
    assert "migrate" in answer.json()["detail"]


async def test_a_database_that_is_away_is_a_problem() -> None:
    opened = await open_pool(f"postgresql://nobody@127.0.0.1:{free_port('127.0.0.1')}/none", application="test")
    async with asking(opened) as client:
        answer = await client.get("/v1/units/U1")
    opened.terminate()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
