"""The same panels on TimescaleDB's Apache edition, where samples are hypertables."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from services.embedded.timescale import TimescaleApache
from tests.parts import ask
from tests.walls.conftest import Filled, fill
from tests.walls.test_panels import PANELS, answer, check, reading

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """The simulated plant in a database of that edition."""
    server = TimescaleApache()
    reason = server.missing()
    if reason is not None:
        pytest.skip(reason)
    dsn = server.start(tmp_path_factory.mktemp("timescale"))
    yield asyncio.run(fill(dsn))
    server.stop()


async def test_samples_are_hypertables(filled: Filled) -> None:
    rows = await ask(filled.dsn, "SELECT hypertable_name FROM timescaledb_information.hypertables")
    assert {"plant_samples", "operation_samples"} <= {row["hypertable_name"] for row in rows}


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
async def test_a_panel_gets_what_its_kind_needs(filled: Filled, panel: dict[str, Any]) -> None:
    async with reading(filled.dsn) as reader:
        check(panel, await answer(reader, filled, panel), filled)
