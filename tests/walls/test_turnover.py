"""Turnover, flow and inventory of the database are those of the plant, which knows what truly happened."""

from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import asyncpg
import pytest

from loadtest.shifts import MINUTE, SECOND
from loadtest.truth import TrueVisit
from tests.walls.conftest import Filled

COST = {"CONTROLLER": Fraction("86.50"), "SENSOR": Fraction("23.80")}
WINDOWS = {
    "all of it": (0, 25 * MINUTE),
    "before the first completion": (0, 4 * MINUTE),
    "in the middle": (7 * MINUTE + 123_457, 19 * MINUTE + 1),
    "the end": (20 * MINUTE, 25 * MINUTE),
}
FIRST = "SELECT min(unit_id) FROM units WHERE"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Weight = Callable[[str], Fraction]


def instant(us: int) -> datetime:
    """µs since the epoch as the driver takes it."""
    return EPOCH + timedelta(microseconds=us)


@pytest.fixture(params=WINDOWS.values(), ids=WINDOWS)
def window(request: pytest.FixtureRequest, filled: Filled) -> tuple[int, int]:
    """Begin and end, µs."""
    since, until = request.param
    return filled.begin + since, filled.begin + until


@pytest.fixture
async def conn(filled: Filled) -> AsyncIterator[asyncpg.Connection]:
    """A connection whose work is undone after the test."""
    conn = await asyncpg.connect(filled.dsn)
    transaction = conn.transaction()
    await transaction.start()
    yield conn
    await transaction.rollback()
    await conn.close()


def lives(truth: Iterable[TrueVisit]) -> dict[str, tuple[int, int | None, str]]:
    """unit → when it entered, when it left the plant (None: it is there), and how."""
    found: dict[str, tuple[int, int | None, str]] = {}
    for visit in truth:
        entered = found[visit.unit_id][0] if visit.unit_id in found else visit.arrived
        over = visit.outcome in ("completed", "scrapped")
        found[visit.unit_id] = (entered, visit.departed if over else None, visit.outcome if over else "open")
    return found


def true_integral(truth: Iterable[TrueVisit], since: int, until: int, weight: Weight) -> Fraction:
    """∫ WIP dt of the plant in weight·µs: the counter walked step by step through time."""
    steps: list[tuple[int, Fraction]] = []
    for unit_id, (entered, gone, _) in lives(truth).items():
        steps.append((entered, weight(unit_id)))
        if gone is not None:
            steps.append((gone, -weight(unit_id)))
    total, present, last = Fraction(0), Fraction(0), since
    for at, step in sorted(steps):
        if at > last:
            total += present * (min(at, until) - last)
            last = min(at, until)
        present += step
    return total + present * (until - last)


async def turnover(conn: asyncpg.Connection, since: int, until: int) -> dict[tuple[str, str | None], asyncpg.Record]:
    """kpi.turnover by (basis, currency)."""
    rows = await conn.fetch("SELECT * FROM kpi.turnover($1, $2)", instant(since), instant(until))
    return {(row["basis"], row["currency"]): row for row in rows}


def close(found: Any, true: Fraction) -> bool:
    """Equal within a billionth."""
    return abs(Fraction(found) - true) <= abs(true) / 10**9


async def test_inventory_is_the_true_integral(
    filled: Filled, conn: asyncpg.Connection, window: tuple[int, int]
) -> None:
    found = await turnover(conn, *window)
    weights: dict[tuple[str, str | None], Weight] = {
        ("units", None): lambda unit: Fraction(1),
        ("pieces", None): lambda unit: Fraction(1),
        ("money", "CNY"): lambda unit: COST[filled.products[unit]],
    }
    assert found.keys() == weights.keys()
    for basis, weight in weights.items():
        true = true_integral(filled.plant.truth, *window, weight)
        assert true > 0
        assert close(found[basis]["item_s"], true / SECOND), basis
        assert close(found[basis]["average"], true / (window[1] - window[0])), basis


async def test_turns_are_output_over_inventory(
    filled: Filled, conn: asyncpg.Connection, window: tuple[int, int]
) -> None:
    since, until = window
    done = [
        u for u, (_, gone, how) in lives(filled.plant.truth).items() if how == "completed" and since <= gone < until
    ]  # type: ignore[operator]
    found = await turnover(conn, since, until)
    for basis, output in {
        ("units", None): Fraction(len(done)),
        ("money", "CNY"): sum((COST[filled.products[unit]] for unit in done), Fraction(0)),
    }.items():
        row = found[basis]
        assert Fraction(row["output"]) == output
        turns = output * 365 * 86_400 / Fraction(row["item_s"])
        assert close(row["turns_per_year"], turns)
        assert (row["days"] is None) == (not done)
        assert not done or close(row["days"], 365 / turns)


async def test_flow_counts_who_came_and_went(filled: Filled, conn: asyncpg.Connection, window: tuple[int, int]) -> None:
    since, until = window
    all_lives = lives(filled.plant.truth).values()
    ended = {
        how: [
            (entered, gone) for entered, gone, h in all_lives if h == how and gone is not None and since <= gone < until
        ]
        for how in ("completed", "scrapped")
    }
    (row,) = await conn.fetch("SELECT * FROM kpi.flow($1, $2)", instant(since), instant(until))
    assert row["entered"] == sum(since <= entered < until for entered, _, _ in all_lives)
    assert (row["completed"], row["scrapped"]) == (len(ended["completed"]), len(ended["scrapped"]))
    if ended["completed"]:
        flow = Fraction(sum(gone - entered for entered, gone in ended["completed"]), SECOND)
        assert close(row["mean_flow_s"], flow / len(ended["completed"]))
        assert close(row["expected_wip"], flow / Fraction(until - since, SECOND))
        assert 0 < row["flow_efficiency"] < 1
    else:
        assert row["mean_flow_s"] is None


async def test_both_ways_of_the_audit_give_the_truth(
    filled: Filled, conn: asyncpg.Connection, window: tuple[int, int]
) -> None:
    (row,) = await conn.fetch("SELECT * FROM kpi.little_audit($1, $2)", *map(instant, window))
    true = true_integral(filled.plant.truth, *window, lambda unit: Fraction(1)) / SECOND
    assert close(row["residence_s"], true)
    assert close(row["counter_s"], true)
    assert row["relative_gap"] == 0


@pytest.mark.parametrize(
    "bug",
    [
        f"DELETE FROM visits WHERE visit_seq = 1 AND unit_id = ({FIRST} visits > 2)",
        f"UPDATE units SET status = 'completed' WHERE unit_id = ({FIRST} status = 'in_process')",
        f"UPDATE units SET status = 'in_process' WHERE unit_id = ({FIRST} status = 'completed')",
        "INSERT INTO units SELECT 'TWICE', generation, revision, partition, status, operation_id, phase, visits,"
        " strays, quantity, product_id, events FROM units WHERE status = 'in_process' LIMIT 1",
    ],
    ids=["a visit lost", "a unit ended that has not", "a unit back that has left", "a unit counted twice"],
)
async def test_the_audit_sees_a_counting_bug(filled: Filled, conn: asyncpg.Connection, bug: str) -> None:
    await conn.execute(bug)
    (row,) = await conn.fetch("SELECT * FROM kpi.little_audit($1, $2)", instant(filled.begin), instant(filled.end))
    assert row["relative_gap"] > 1e-9


async def test_what_is_parked_adds_up_to_the_inventory(
    filled: Filled, conn: asyncpg.Connection, window: tuple[int, int]
) -> None:
    rows = await conn.fetch("SELECT * FROM kpi.parked($1, $2)", *map(instant, window))
    found = await turnover(conn, *window)
    assert close(sum(row["average_units"] for row in rows), Fraction(found["units", None]["average"]))
    assert close(sum(row["average_value"] for row in rows), Fraction(found["money", "CNY"]["average"]))
    assert None in {row["operation_id"] for row in rows}
    assert len({row["operation_id"] for row in rows}) >= 4


async def test_inventory_over_time_is_the_true_wip_at_every_step(
    filled: Filled, conn: asyncpg.Connection, window: tuple[int, int]
) -> None:
    rows = await conn.fetch(
        "SELECT * FROM kpi.inventory($1, $2, interval '37 seconds') WHERE basis = 'units'", *map(instant, window)
    )
    true = lives(filled.plant.truth).values()
    assert len(rows) > 5
    for row in rows:
        at = (row["at"] - EPOCH) // timedelta(microseconds=1)
        assert row["amount"] == sum(entered <= at and (gone is None or gone > at) for entered, gone, _ in true), row[
            "at"
        ]


async def test_an_empty_window_has_no_figures_and_no_error(conn: asyncpg.Connection, filled: Filled) -> None:
    since, until = instant(filled.begin - 2 * MINUTE), instant(filled.begin - MINUTE)
    assert await conn.fetch("SELECT * FROM kpi.turnover($1, $2)", since, until) == []
    (row,) = await conn.fetch("SELECT * FROM kpi.little_audit($1, $2)", since, until)
    assert (row["residence_s"], row["counter_s"], row["relative_gap"]) == (0, 0, None)


async def test_what_lies_ahead_of_now_is_cut_off(conn: asyncpg.Connection, filled: Filled) -> None:
    now = await conn.fetchval("SELECT now()")
    figures = [
        await conn.fetchrow("SELECT * FROM kpi.turnover($1, $2) WHERE basis = 'units'", instant(filled.begin), until)
        for until in (now, now + timedelta(days=1))
    ]
    assert figures[0] == figures[1]
