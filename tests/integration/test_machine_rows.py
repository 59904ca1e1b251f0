"""What the machine lane publishes becomes rows: changes of condition, times per shift, counted WIP."""

import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import asyncpg
import pytest

from services.adapters import machines_wire
from services.adapters.sink_wire_state import sample_row, work_unit_row
from services.adapters.timescale_pool import connect, open_pool
from services.adapters.timescale_write import make_staging
from services.aggregate.machines import MachineLane, Place
from services.core.equipment import PlantModel
from services.core.machine_plant import MachinePlant
from services.topology import MARKER_KEY
from tests.integration.test_store_rows import Record, write
from tests.machine_floor import PLANT, event, plant_of
from tests.store_messages import encoded

NOW = 1_795_413_600_000_000
MINUTE = 60_000_000
STATES = ["execute", "suspended", "aborted", "held"]
CONDITIONS = {"execute": "running", "suspended": "blocked", "aborted": "down", "held": "down"}


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await open_pool(database, application="test", setup=make_staging)
    yield pool
    await pool.close()


@pytest.fixture
async def conn(database: str) -> AsyncIterator[asyncpg.Connection]:
    conn = await connect(database, application="test")
    yield conn
    await conn.close()


def published(said: list[tuple[int, str]], each: int) -> list[dict[str, Any]]:
    """The states of M1 that a lane publishes when it looks after every so many events."""
    plants = {1: MachinePlant(PlantModel.from_document(plant_of(PLANT), 1))}
    lane, found = MachineLane(Place(0, 1, 1), 1, 1 << 60, machines_wire), []
    lane.take([Record(b'{"model":1}', MARKER_KEY)], plants)
    lane.begin(NOW)
    for at in range(0, len(said), each):
        records = [
            Record(json.dumps(event("M1", time, f"e{n}", state)).encode(), b"M1", n + 1)
            for n, (time, state) in enumerate(said[at : at + each], at)
        ]
        lane.take(records, plants)
        found += [json.loads(value) for _, value, _ in lane.states(records[-1].offset, 100)]
    return found


async def stored(pool: asyncpg.Pool, states: list[dict[str, Any]]) -> None:
    for at in range(0, len(states), 7):
        rows = [work_unit_row(Record(encoded(state), b"M1"), 1) for state in states[at : at + 7]]
        await write(pool, work_units=[row[1] for row in rows if row])


async def machine_states(conn: asyncpg.Connection) -> list[tuple[Any, ...]]:
    rows = await conn.fetch("SELECT since, condition, until, duration_us FROM machine_states ORDER BY since")
    return [tuple(row) for row in rows]


def as_rows(changes: list[tuple[int, str]]) -> list[tuple[Any, ...]]:
    ends: list[int | None] = [since for since, _ in changes[1:]]
    return [
        (since, condition, end, None if end is None else end - since)
        for (since, condition), end in zip(changes, [*ends, None], strict=True)
    ]


async def test_every_change_of_a_long_day_is_a_row(pool: asyncpg.Pool, conn: asyncpg.Connection) -> None:
    rnd = Random(1)
    said = [(NOW + at * MINUTE + rnd.randint(0, 9) * 1_000_001, rnd.choice(STATES)) for at in range(300)]
    changes: list[tuple[int, str]] = []
    for time, state in said:
        if not changes or changes[-1][1] != CONDITIONS[state]:
            changes.append((time, CONDITIONS[state]))
    await stored(pool, published(said, 20))
    assert len(changes) > 150
    assert await machine_states(conn) == as_rows(changes)


async def test_late_events_rewrite_the_newest_rows_and_an_older_state_none(
    pool: asyncpg.Pool, conn: asyncpg.Connection
) -> None:
    rnd = Random(2)
    said = [(NOW + at * MINUTE, rnd.choice(STATES)) for at in range(60)]
    for at in range(0, 60, 6):
        said.insert(min(59, at + 4), said.pop(at))
    states = published(said, 3)
    await stored(pool, states)
    assert await machine_states(conn) == as_rows([(since, condition) for since, condition in states[-1]["changes"]])
    before = await machine_states(conn), await conn.fetchrow("SELECT * FROM work_units")
    await stored(pool, states[2:9])
    assert (await machine_states(conn), await conn.fetchrow("SELECT * FROM work_units")) == before


async def test_times_of_a_shift_add_up(pool: asyncpg.Pool, conn: asyncpg.Connection) -> None:
    rnd = Random(3)
    said = [(NOW + at * 5 * MINUTE, rnd.choice(STATES)) for at in range(200)]
    await stored(pool, published(said, 10))
    rows = await conn.fetch(
        "SELECT shift_id, us_between(begins, LEAST(ends, as_of)) AS passed, unknown_us,"
        " running_us + starved_us + blocked_us + down_us + off_us + unknown_us AS total FROM machine_shifts"
        " ORDER BY begins"
    )
    assert [row["shift_id"] for row in rows] == ["A", "B", "A"][: len(rows)]
    assert len(rows) >= 2
    assert [row["total"] for row in rows] == [row["passed"] for row in rows]
    assert rows[0]["unknown_us"] > 0


async def test_counted_wip_stands_beside_the_sample(pool: asyncpg.Pool, conn: asyncpg.Connection) -> None:
    counts = dict.fromkeys(("wip", "queued", "running", "finished", "held", "arrivals", "departures"), 0)
    more = dict.fromkeys(("completed", "scrapped", "rework"), 0)
    state = {"operation_id": "OP", "as_of_us": NOW, **counts, **more, "quantity": "0", "value": "0"}
    counted = {"wip": -2, "came_in": 5, "went_out": 7, "difference": -2}
    for each in ({**state, "counted": counted}, {**state, "operation_id": "X", "counted": None}):
        row = sample_row(Record(encoded(each)))
        assert row is not None
        await write(pool, operation_samples=[row[1]])
    rows = await conn.fetch("SELECT counted_wip, counted_in, counted_out FROM operation_samples ORDER BY operation_id")
    assert [tuple(row) for row in rows] == [(-2, 5, 7), (None, None, None)]
