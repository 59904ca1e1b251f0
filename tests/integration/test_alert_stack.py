"""Alerts through the whole running system: scanned at the front door, found in the database."""

from collections.abc import Iterator
from typing import Any

import pytest

from services.embedded.instance import named
from services.embedded.process import free_port
from tests.integration.up_process import Running
from tests.parts import ask, until

DWELL_S = 20
PLANT = f"""
areas:
  - id: X
    work_centers:
      - id: L
        operations: [{{id: A, dwell_limit: {DWELL_S}s}}, {{id: B, wip_limit: 2}}]
        read_points: [{{id: A-IN, operation: A, action: arrive}}, {{id: B-IN, operation: B, action: arrive}}]
alerting: {{on_delay: 3s, off_delay: 1s}}
"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("alerts")
    (home / "plant.yaml").write_text(PLANT, encoding="utf-8")
    with Running(home, "up", "--port", str(free_port()), "--plant", str(home / "plant.yaml")) as running:
        yield running


def scan(up: Running, unit: str, read_point: str) -> None:
    done = up.floorstream("scan", unit, read_point)
    assert done.returncode == 0, done.stderr


async def stored(up: Running, alert_id: str, change: str) -> Any:
    """The first row of this change of an alert, as soon as it is there."""
    query = (
        "SELECT *, extract(epoch FROM raised - since) AS after FROM alert_changes WHERE alert_id = $1 AND change = $2"
    )
    rows: list[Any] = []

    async def there() -> bool:
        rows[:] = await ask(named(up.data_dir).database, query, alert_id, change)
        return bool(rows)

    await until(there, f"{alert_id} is {change}", 60)
    return rows[0]


async def test_a_unit_that_sits_still_is_told_within_a_second_of_its_limit(up: Running) -> None:
    scan(up, "STILL", "A-IN")
    row = await stored(up, "dwell_limit|A", "raised")
    arrived = (await ask(named(up.data_dir).database, "SELECT arrived FROM visits WHERE unit_id = 'STILL'"))[0][0]
    assert 0 <= (row["raised"] - arrived).total_seconds() - DWELL_S <= 1
    assert (row["notify"], row["history"]) == (True, False)


async def test_a_pile_up_is_told_within_two_seconds_of_its_on_delay_and_once(up: Running) -> None:
    for number in range(3):
        scan(up, f"PILE{number}", "B-IN")
    row = await stored(up, "wip_limit|B", "raised")
    assert 3 <= row["after"] <= 5
    for number in range(3):
        scan(up, f"PILE{number}", "A-IN")
    await stored(up, "wip_limit|B", "returned")
    counts = await ask(named(up.data_dir).database, "SELECT incident FROM alerts WHERE alert_id = 'wip_limit|B'")
    assert [row[0] for row in counts] == [1]
