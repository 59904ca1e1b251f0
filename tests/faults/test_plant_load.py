"""The whole product under fifty times its usual load: nothing lost, memory bounded, soon as before."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.plant import under_load

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.usefixtures("real_kafka")]

USUAL_RATE, BURST = 25, 50
BURST_SECONDS = 20
NORMAL_AGAIN_SECONDS = 60
MOST_GROWTH_MB = 400


@pytest.mark.row(37)
@pytest.mark.parametrize("seed", [371])
async def test_fifty_times_the_usual_load(
    seed: int, fresh_broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with under_load(tmp_path, fresh_broker, monkeypatch, seed, rate=USUAL_RATE) as plant:
        before, sent = plant.looked_at(), len(plant.sender.log)
        plant.sender.rate = USUAL_RATE * BURST
        await asyncio.sleep(BURST_SECONDS)
        plant.sender.rate = USUAL_RATE
        burst = (len(plant.sender.log) - sent) / BURST_SECONDS
        await plant.up_to_date(NORMAL_AGAIN_SECONDS)
        after = plant.looked_at()
        grown = {stage: round(after[stage][0] - before[stage][0]) for stage in before}
        print(f"{burst:.0f} scans/s for {BURST_SECONDS} s; MB more: {grown}")
        assert burst > USUAL_RATE * BURST / 2, "this machine is too slow for such a load"
        assert max(grown.values()) < MOST_GROWTH_MB, grown
