"""The front door on a log in memory."""

import pytest

from tests.ingest_floor import memory_floor
from tests.ingest_scenarios import SCENARIOS, Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_scenario(scenario: Scenario) -> None:
    async with memory_floor() as floor:
        await scenario(floor)
