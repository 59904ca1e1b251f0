"""track through kills at every step of a frame and at random: what it published equals the fold of the log."""

import asyncio
import random
import signal

import pytest

from tests.faults.scans import Floor
from tests.faults.track_process import STEPS, TrackProcesses, ended

pytestmark = pytest.mark.real_broker


async def test_everything_published_equals_the_fold(floor: Floor, workers: TrackProcesses) -> None:
    child = workers.start()
    await floor.produce(seed=1, units=60)
    await floor.check()
    child.terminate()
    assert await ended(child) == 0


@pytest.mark.row(3)
@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_a_step_of_a_frame(step: str, floor: Floor, workers: TrackProcesses) -> None:
    await floor.produce(seed=2, units=40)
    assert await ended(workers.start(KILL_AT=f"{step}:2")) == -signal.SIGKILL
    await floor.produce(seed=3, units=20)
    workers.start()
    tracked = await floor.check()
    assert tracked.marks == floor.last


async def lose_fetches(floor: Floor, workers: TrackProcesses, without: str) -> None:
    """What was fetched is lost on the way again and again, the last of a partition too."""
    child = workers.start(WITHOUT=without)
    await workers.takes_work(child)
    await floor.produce(seed=1, units=60, pause_every=1)
    await floor.check()
    assert child.poll() is None
    assert "reads again" in workers.log


@pytest.mark.row(33)
async def test_fetches_lost_on_the_way_are_read_again(floor: Floor, workers: TrackProcesses) -> None:
    await lose_fetches(floor, workers, "every fetch")


@pytest.mark.row(33)
@pytest.mark.red("hole check")
@pytest.mark.slow
async def test_red_without_looking_for_holes(floor: Floor, workers: TrackProcesses) -> None:
    with pytest.raises(AssertionError):
        await lose_fetches(floor, workers, "every fetch+hole check")


@pytest.mark.row(2)
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
async def test_killed_at_random(seed: int, floor: Floor, workers: TrackProcesses) -> None:
    rng = random.Random(seed)
    for kill in range(4):
        child = workers.start()
        load = asyncio.create_task(floor.produce(seed=10 * seed + kill, units=80, pause_every=5))
        await workers.takes_work(child)
        await asyncio.sleep(rng.uniform(0, 0.6))
        child.kill()
        child.wait()
        await load
    workers.start()
    await floor.check()


@pytest.mark.row(3)
@pytest.mark.red
@pytest.mark.slow
@pytest.mark.parametrize(
    ("defence", "step"),
    [("outputs before state", "frame acked"), ("offset in the state", "changelog acked")],
    ids=["outputs before state", "offset in the state"],
)
async def test_red_without_the_defence(defence: str, step: str, floor: Floor, workers: TrackProcesses) -> None:
    await floor.produce(seed=2, units=40)
    assert await ended(workers.start(KILL_AT=f"{step}:2", WITHOUT=defence)) == -signal.SIGKILL
    await floor.produce(seed=3, units=20)
    workers.start(WITHOUT=defence)
    with pytest.raises(AssertionError):
        await floor.check()
