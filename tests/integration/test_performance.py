"""WorkPerformance from a real database: which visits, whose orders, page by page, each page valid."""

import re
from typing import Any

import asyncpg
import httpx
import pytest

from services.adapters.b2mml_xml import read_xml
from services.core.instant import format_instant
from tests.b2mml_documents import faults
from tests.integration.test_show_rows import asking, pool, put_visit
from tests.show_floor import MINUTE, T0

__all__ = ["pool"]
TIMES = {"queue_us": 0, "process_us": MINUTE, "wait_us": 0, "hold_us": 0}
FROM, TO = format_instant(T0), format_instant(T0 + 10 * MINUTE)
ADDRESS = "/v1/b2mml/work-performance"


async def put_record(pool: asyncpg.Pool, offset: int, unit: str, value: bytes, event: str = "e", **more: Any) -> None:
    """A record of floor.scans as it is stored."""
    row = {
        "partition": 0, "offset": offset, "recorded": T0 + offset, "generation": 1, "unit_id": unit, "event_id": event,
        "source": "kafka", "value": value, **more,
    }  # fmt: skip
    names, places = ", ".join(f'"{name}"' for name in row), ", ".join(f"${n}" for n in range(1, len(row) + 1))
    await pool.execute(f"INSERT INTO raw_scans ({names}) VALUES ({places})", *row.values())


async def floor_of_orders(pool: asyncpg.Pool) -> None:
    """u0 to u4 were at A for WO-0 and WO-1 in turn, u5 elsewhere for none; u6 is there still, u7 ended late."""
    for n in range(5):
        await put_visit(pool, f"u{n}", 0, T0, T0 + (n + 1) * MINUTE, **TIMES)
        await put_record(pool, n, f"u{n}", b'{"unit_id": "u%d", "order_id": "WO-%d"}' % (n, n % 2))
    await put_visit(pool, "u5", 0, T0, T0 + 2 * MINUTE, operation_id="gone", **TIMES)
    await put_visit(pool, "u6", 0, T0, None)
    await put_visit(pool, "u7", 0, T0, T0 + 10 * MINUTE, **TIMES)
    await put_visit(pool, "u8", 0, T0, T0 + MINUTE, deleted=True, **TIMES)
    await put_record(pool, 10, "u5", b'{"unit_id": "u5", "order_id": "\xff')
    await put_record(pool, 11, "u0", b'{"unit_id": "u0"}')
    await put_record(pool, 12, "u1", b'{"unit_id": "u1", "order_id": "REFUSED"}', "refused")
    await pool.execute(
        'INSERT INTO rejects (partition, "offset", recorded, generation, reason, detail, source, unit_id, event_id,'
        " origin) VALUES (0, 12, $1, 1, 'malformed', '{}', 'kafka', 'u1', 'refused', 'kafka')",
        T0 + 12,
    )


async def told(client: httpx.AsyncClient, **asked: str) -> list[tuple[str, str | None]]:
    """(visit_id, order) of every visit, page by page."""
    found: list[tuple[str, str | None]] = []
    address: str | None = str(httpx.URL(ADDRESS, params=asked))
    while address is not None:
        answer = await client.get(address)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml"), answer.text
        assert faults(answer.content) == []
        for response in read_xml(answer.content).all("WorkResponse"):
            order = response.first("WorkRequestID")
            jobs = [job.first("ID") for job in response.all("JobResponse")]
            found += [(job.text if job else "", order.text if order else None) for job in jobs]
        link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("link", ""))
        address = link[1] if link else None
    return found


@pytest.mark.parametrize("limit", ["1", "2", "6", "1000"])
async def test_visits_that_ended_in_a_stretch_each_once_with_their_orders(pool: asyncpg.Pool, limit: str) -> None:
    await floor_of_orders(pool)
    asked = {"from": FROM, "to": TO, "limit": limit}
    async with asking(pool) as client:
        everything = await told(client, **asked)
        first = await told(client, **asked, order="WO-1")
        there = await told(client, **asked, operation="gone")
        later = await told(client, **{**asked, "from": format_instant(T0 + 5 * MINUTE)}, operation="A")
    assert sorted(everything) == [
        ("u0-0", "WO-0"), ("u1-0", "WO-1"), ("u2-0", "WO-0"), ("u3-0", "WO-1"), ("u4-0", "WO-0"), ("u5-0", None),
    ]  # fmt: skip
    assert first == [("u1-0", "WO-1"), ("u3-0", "WO-1")]
    assert there == [("u5-0", None)]
    assert later == [("u4-0", "WO-0")]


async def test_nothing_found_and_what_cannot_be_asked(pool: asyncpg.Pool) -> None:
    async with asking(pool) as client:
        for query, status, word in (
            (f"from={FROM}&to={TO}", 404, "from 2026"), ("from=yesterday", 422, "from:"), ("to=2026-11-23", 422, "to:"),
            ("after=1", 400, "after"), ("after=x.1.u", 400, "after"), ("after=1.1.%00", 400, "after"),
            ("order=%00", 400, "order"), ("limit=0", 422, "limit"),
            ("after=999999999999999999.999999999.u", 404, "no "),
        ):  # fmt: skip
            answer = await client.get(f"{ADDRESS}?{query.replace('+', '%2B')}")
            assert (answer.status_code, word in answer.json()["detail"]) == (status, True), answer.text


async def test_the_last_day_is_told_where_nothing_is_said(pool: asyncpg.Pool) -> None:
    await put_visit(pool, "u1", 0, T0 - 3 * MINUTE, T0 - MINUTE, **TIMES)
    async with asking(pool) as client:
        assert await told(client) == [("u1-0", None)]
