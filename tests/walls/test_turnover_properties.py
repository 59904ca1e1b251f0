"""For any log at all, with lives that end and begin again, several places at once and repairs of history, the figures
of the database are those of the fold's visits, and both ways of the audit agree."""

from collections.abc import AsyncIterator
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from services.core.identity import partition_of
from services.core.instant import parse_instant
from services.core.log import LogFold
from services.core.unit import Flag, Status
from tests import product
from tests.parts import SCAN_PARTITIONS
from tests.reference.case import MINUTE, ZERO
from tests.reference.generate import Scenario, beyond_bounds
from tests.stored_floor import StoredFloor
from tests.walls.test_turnover import EPOCH, instant

SINCE, UNTIL = ZERO + 7 * MINUTE, ZERO + 50 * MINUTE
LATER = ZERO + 600 * MINUTE
"""When scans came in: after every event, so that no clock is ahead."""
TABLES = ("raw_scans", "visits", "units", "rejects", "sink_positions", "plant_models")


@pytest.fixture
async def conn(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a migrated database."""
    conn = await asyncpg.connect(database)
    yield conn
    await conn.close()


def lives(fold: LogFold) -> list[tuple[int, int | None]]:
    """When units entered the plant and left it (None: they are there), by the visits of the fold."""
    found: list[tuple[int, int | None]] = []
    for unit_id, visits in fold.visits.items():
        in_order = [visits[seq] for seq in sorted(visits)]
        bounds = [n for n, visit in enumerate(in_order) if n == 0 or visit.flags & Flag.REOPENED] + [len(in_order)]
        for begin, end in pairwise(bounds):
            life = in_order[begin:end]
            over = end < len(in_order) or fold.histories[unit_id].now.status in (Status.COMPLETED, Status.SCRAPPED)
            gone = max(visit.departed for visit in life if visit.departed is not None) if over else None
            found.append((life[0].arrived, gone))
    return found


def folds(scenario: Scenario) -> list[LogFold]:
    """The log folded partition by partition: when a finished unit's history ends is told by its own partition."""
    parts: dict[int, list[dict[str, Any]]] = {partition: [] for partition in range(SCAN_PARTITIONS)}
    for record in scenario.log:
        for partition in parts if "model" in record else [partition_of(str(record["unit_id"]), SCAN_PARTITIONS)]:
            parts[partition].append(record)
    return [product.run(scenario.models, part)[0] for part in parts.values()]


def true_residence(fold: LogFold, since: int, until: int) -> Fraction:
    """The sum of all stays in the plant, cut to the window, in seconds."""
    stays = ((max(entered, since), until if gone is None else min(gone, until)) for entered, gone in lives(fold))
    return Fraction(sum(max(0, last - first) for first, last in stays), 1_000_000)


@settings(
    max_examples=25,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(scenario=beyond_bounds(most_events=30))
async def test_any_log_has_one_inventory(scenario: Scenario, database: str, conn: asyncpg.Connection) -> None:
    await conn.execute("".join(f"DELETE FROM {table};" for table in TABLES))
    models = product.plant_models(scenario.models)
    floor = StoredFloor({version: dict(model.document) for version, model in models.items()}, len(scenario.log))
    for record in scenario.log:
        if "model" in record:
            floor.put_marker(record["model"])
        else:
            recorded = parse_instant(record["recorded_time"]) if "recorded_time" in record else LATER
            floor.put_event(record, recorded=str(recorded).encode())
    floor.track()
    await floor.store(database)
    now = (await conn.fetchval("SELECT now()") - EPOCH) // timedelta(microseconds=1)
    true = sum(true_residence(fold, SINCE, max(SINCE, min(UNTIL, now))) for fold in folds(scenario))
    window = (instant(SINCE), instant(UNTIL))
    (audit,) = await conn.fetch("SELECT * FROM kpi.little_audit($1, $2)", *window)
    assert audit["residence_s"] == audit["counter_s"] == true
    turnover = await conn.fetch("SELECT item_s, average FROM kpi.turnover($1, $2) WHERE basis = 'units'", *window)
    assert sum(row["item_s"] for row in turnover) == true
