"""Every SQL panel and variable of the dashboards, run as the reader's role on the simulated plant's rows."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from loadtest.machines import WORK_UNITS
from schemas.plant import load_plant
from tests.walls.conftest import Filled
from tests.walls.macros import expand
from tests.walls.sampled_floor import DEMO_PLANT
from tests.walls.test_dashboards import BOARDS, panels

SQL_BOARDS = ("plant_wall", "operation", "turnover")
PANELS = {f"{name}: {panel['title']}": panel for name in SQL_BOARDS for panel in panels(BOARDS[name])}
VARIABLES = {
    variable["name"]: variable
    for name in SQL_BOARDS
    for variable in BOARDS[name]["templating"]["list"]
    if variable["type"] == "query"
}
CHOSEN = {"operation": "L1.REFLOW", "currency": "CNY"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ALERT = """
    INSERT INTO alerts (alert_id, epoch, incident, version, change, state, notify, rule_id, measure, subject_kind,
                        subject_id, priority, limit_value, value, at, since, raised, model)
    SELECT subject || '|wip', 1, 1, 1, 'raised', state, true, 'wip', 'wip_above', 'operation', subject, priority, 15,
           20, now(), now() - interval '5 min', now() - interval '4 min', 1
    FROM (VALUES ('TEST', 'medium', 'active_unacknowledged'), ('L1.PRINT', 'critical', 'active_acknowledged'),
                 ('PACK', 'high', 'normal')) AS a (subject, priority, state)
"""
DOWN = "UPDATE work_units SET condition = 'down', since = now() - interval '70 s' WHERE work_unit_id = 'L2-PLACER'"
HEARTBEAT = """
    INSERT INTO plant_samples SELECT date_trunc('second', now()), now(), entered, completed, scrapped, in_process,
                                     in_transit, wip, newest_event
    FROM plant_samples ORDER BY as_of DESC LIMIT 1 ON CONFLICT (as_of) DO UPDATE SET observed = now()
"""


@asynccontextmanager
async def reading(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the reader's role, after a heartbeat, while alerts ring and a machine is down."""
    conn = await asyncpg.connect(dsn)
    transaction = conn.transaction()
    await transaction.start()
    await conn.execute(HEARTBEAT)
    await conn.execute(ALERT)
    await conn.execute(DOWN)
    await conn.execute("SET LOCAL ROLE floorstream_reader; SET LOCAL statement_timeout = '5s'")
    yield conn
    await transaction.rollback()
    await conn.close()


@pytest.fixture
async def reader(filled: Filled) -> AsyncIterator[asyncpg.Connection]:
    """Reads what the plant has filled."""
    async with reading(filled.dsn) as conn:
        yield conn


async def answer(reader: asyncpg.Connection, filled: Filled, panel: dict[str, Any]) -> list[asyncpg.Record]:
    """What a panel gets for the last half hour."""
    (target,) = panel["targets"]
    since, until = (EPOCH + timedelta(microseconds=at) for at in (filled.begin, filled.end))
    return list(await reader.fetch(expand(target["rawSql"], since, until, "30s", CHOSEN)))


async def named(reader: asyncpg.Connection, filled: Filled, name: str) -> list[asyncpg.Record]:
    """What the panel whose title ends so gets."""
    (panel,) = [panel for title, panel in PANELS.items() if title.endswith(name)]
    return await answer(reader, filled, panel)


def is_number(value: object) -> bool:
    """Something Grafana draws."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool)) or "Decimal" in repr(value)


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
async def test_a_panel_gets_what_its_kind_needs(
    filled: Filled, reader: asyncpg.Connection, panel: dict[str, Any]
) -> None:
    check(panel, await answer(reader, filled, panel), filled)


def check(panel: dict[str, Any], rows: list[asyncpg.Record], filled: Filled) -> None:
    """The answer is what a panel of this kind draws."""
    assert rows
    columns = list(rows[0].keys())
    if panel["type"] == "timeseries":
        check_series(rows, columns, filled)
    elif panel["type"] == "bargauge":
        assert all(isinstance(row[0], str) and row[0] and is_number(row[1]) for row in rows)
        assert len({row[0] for row in rows}) == len(rows) <= panel["options"]["reduceOptions"]["limit"]
        assert any(row[1] is not None for row in rows)
    elif panel["type"] == "stat":
        (row,) = rows
        assert all(value is not None and is_number(value) and value >= 0 for value in row)
    else:
        assert panel["type"] == "table"
        styled = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
        assert styled <= set(columns)


def check_series(rows: list[asyncpg.Record], columns: list[str], filled: Filled) -> None:
    """Time first and rising, inside the range, numbers beside it, more than a point."""
    assert columns[0] == "time"
    times = [row[0].timestamp() if isinstance(row[0], datetime) else float(row[0]) for row in rows]
    assert times == sorted(set(times))
    assert filled.begin / 1e6 - 3600 <= times[0] <= times[-1] <= filled.end / 1e6 + 1
    assert all(is_number(value) for row in rows for value in tuple(row)[1:])
    assert any(value for row in rows for value in tuple(row)[1:])


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=VARIABLES)
async def test_a_variable_offers_what_was_chosen_here(
    filled: Filled, reader: asyncpg.Connection, variable: dict[str, Any]
) -> None:
    rows = await reader.fetch(variable["query"])
    assert CHOSEN[variable["name"]] in [row[0] for row in rows]
    assert len({row[0] for row in rows}) == len(rows)


def true_present(filled: Filled) -> Counter[str]:
    """Operation → open visits at the end, as the plant knows."""
    return Counter(visit.operation for visit in filled.plant.truth if visit.departed is None)


def true_units(filled: Filled) -> Counter[str]:
    """How the newest visit of every unit stands: open, moved (in transit), completed, scrapped."""
    return Counter({visit.unit_id: visit.outcome for visit in filled.plant.truth}.values())


async def test_the_wall_shows_the_true_wip(filled: Filled, reader: asyncpg.Connection) -> None:
    true = true_units(filled)
    assert (await named(reader, filled, "plant_wall: 在制品 WIP"))[0][0] == true["open"] + true["moved"]
    assert (await named(reader, filled, "In transit"))[0][0] == true["moved"] > 0
    assert (await named(reader, filled, "Completed, last hour"))[0][0] == true["completed"] > 0


async def test_the_wall_shows_the_true_load_fullest_first(filled: Filled, reader: asyncpg.Connection) -> None:
    limits = {o["id"]: o["wip_limit"] for o in load_plant(DEMO_PLANT.read_text("utf-8"))["operations"]}
    loads = {operation: 100 * true_present(filled)[operation] / limit for operation, limit in limits.items()}
    rows = await named(reader, filled, "WIP against limits")
    assert [float(row["load"]) for row in rows] == pytest.approx(sorted(loads.values(), reverse=True)[:8])
    for row in rows:
        label, operation, count, limit = re.fullmatch(r"(\S+) (\S+)  (\d+)/(\d+)", row["operation"]).groups()  # type: ignore[union-attr]
        assert (int(count), int(limit)) == (true_present(filled)[operation], limits[operation])
        assert re.search(r"[\u4e00-\u9fff]", label)


async def test_what_does_not_move_is_what_has_waited_longest_for_its_limit(
    filled: Filled, reader: asyncpg.Connection
) -> None:
    limits = {o["id"]: o["dwell_limit_us"] for o in load_plant(DEMO_PLANT.read_text("utf-8"))["operations"]}
    used = {
        visit.unit_id: (filled.end - visit.arrived) / limits[visit.operation]
        for visit in filled.plant.truth
        if visit.departed is None
    }
    rows = await named(reader, filled, "What does not move")
    worst = max(used, key=lambda unit: used[unit])
    assert rows[0]["unit"].startswith(f"{worst}  ")
    assert float(rows[0]["used"]) >= 100 * used[worst]


async def test_alerts_that_ring_are_on_the_wall_most_pressing_first(filled: Filled, reader: asyncpg.Connection) -> None:
    rows = await named(reader, filled, "报警 Alerts")
    assert [row["alert"] for row in rows] == ["‼ 紧急 积压 印刷 L1.PRINT", "中 积压 测试 TEST"]
    assert all(row["age_s"] == 240 for row in rows)


async def test_machines_are_counted_by_what_they_do_and_the_one_down_is_named(
    filled: Filled, reader: asyncpg.Connection
) -> None:
    (counts,) = await named(reader, filled, "Machines")
    assert sum(counts) == len(WORK_UNITS)
    assert counts["故障 down"] == 1
    assert [tuple(row) for row in await named(reader, filled, "Down longest")] == [("L2-PLACER", 70)]


async def test_numbers_that_have_stopped_are_not_shown(filled: Filled, reader: asyncpg.Connection) -> None:
    await reader.execute("RESET ROLE; UPDATE plant_samples SET observed = observed - interval '1 hour'")
    await reader.execute("SET LOCAL ROLE floorstream_reader")
    for panel in panels(BOARDS["plant_wall"]):
        rows = await answer(reader, filled, panel)
        if panel["title"].startswith("数据时效"):
            assert rows[0][0] > 3000
        elif panel["type"] == "stat":
            assert all(value is None for value in rows[0]), panel["title"]
        elif panel["title"] != "报警 Alerts":
            assert rows
            assert all(row[1] is None for row in rows), panel["title"]


async def test_phases_end_with_the_true_wip(filled: Filled, reader: asyncpg.Connection) -> None:
    last = (await named(reader, filled, "WIP by phase"))[-1]
    at = (last["time"] - EPOCH) // timedelta(microseconds=1)
    true = sum(
        v.operation == CHOSEN["operation"] and v.arrived <= at and (v.departed is None or v.departed > at)
        for v in filled.plant.truth
    )
    assert sum(tuple(last)[1:5]) == true > 0
    assert last["上限 limit"] == 90


async def test_the_aging_table_is_the_oldest_first(filled: Filled, reader: asyncpg.Connection) -> None:
    rows = await named(reader, filled, "Oldest stays")
    open_visits = sorted(
        v.arrived for v in filled.plant.truth if v.operation == CHOSEN["operation"] and v.departed is None
    )
    assert [(row["到达 arrived"] - EPOCH) // timedelta(microseconds=1) for row in rows] == open_visits[:20]
