"""track on a real Kafka while members come and go without rest, work too slowly, or are killed while they recover."""

import asyncio
import random
import signal

import pytest

from tests.faults.scans import Floor, once_each
from tests.faults.test_track_workers import wrote_late
from tests.faults.track_process import TrackProcesses, ended
from tests.parts import until

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.usefixtures("real_kafka")]

MANY = 100_000
RECOVERED_SECONDS = 60.0


class Load:
    """Loads one after the other, until told to stop."""

    def __init__(self, floor: Floor, first_seed: int) -> None:
        self._floor = floor
        self._seed = first_seed
        self._last = False

    async def run(self) -> None:
        """Seed after seed."""
        while not self._last:
            await self._floor.produce(self._seed, units=40, pause_every=1)
            self._seed += 1

    def stop(self) -> None:
        """After the load that is being sent."""
        self._last = True


@pytest.mark.row(33)
async def test_one_three_one_workers_again_and_again(floor: Floor, workers: TrackProcesses) -> None:
    load = Load(floor, 3_300)
    sending = asyncio.create_task(load.run())
    stays = workers.start("0")
    await workers.takes_work(stays)
    for cycle in range(3):
        others = [workers.start(f"{cycle}-{number}") for number in range(2)]
        for other in others:
            await workers.takes_work(other)
        others[0].terminate()
        assert await ended(others[0]) == 0
        others[1].kill()
        assert await ended(others[1]) == -signal.SIGKILL
    load.stop()
    await sending
    await floor.check()
    assert stays.poll() is None


@pytest.mark.row(34)
@pytest.mark.parametrize("seed", [34])
async def test_members_join_and_leave_without_rest(seed: int, floor: Floor, workers: TrackProcesses) -> None:
    rng, load = random.Random(seed), Load(floor, 3_400)
    sending = asyncio.create_task(load.run())
    stays = workers.start("0")
    for number in range(20):
        other = workers.start(f"1-{number}")
        await asyncio.sleep(rng.uniform(1, 5))
        other.send_signal(rng.choice((signal.SIGTERM, signal.SIGKILL)))
        assert await ended(other) in (0, -signal.SIGTERM, -signal.SIGKILL)
    load.stop()
    await sending
    await floor.check()
    assert stays.poll() is None


async def work_too_slowly(floor: Floor, workers: TrackProcesses, **environment: str) -> None:
    """A worker holds a state batch for longer than its group waits; another takes over; then all is recovered."""
    await floor.produce(seed=36, units=60)
    slow = workers.start("1", SLOW_AT="outputs acked:3:60", **environment)
    await until(lambda: says(workers, "the test works slowly"), "the worker is slow")
    other = workers.start("2", **environment)
    await floor.tracked()
    await floor.produce(seed=37, units=60)
    await floor.tracked()
    await until(lambda: wrote_late(floor), "the slow one has written what it held", 90)
    for child in (slow, other):
        child.kill()
        child.wait()
    workers.start("3", **environment)
    for seed in (36, 37, 38):
        await floor.produce(seed, units=60)
    await floor.check()


async def says(workers: TrackProcesses, words: str) -> bool:
    """Has somebody said this?"""
    return words in workers.log


@pytest.mark.row(36)
async def test_a_worker_slower_than_its_group_waits(floor: Floor, workers: TrackProcesses) -> None:
    await work_too_slowly(floor, workers)


@pytest.mark.row(36)
@pytest.mark.red("epochs")
async def test_red_a_slow_worker_without_epochs(floor: Floor, workers: TrackProcesses) -> None:
    with pytest.raises(AssertionError, match=r"differ from the fold|has two contents|cover"):
        await work_too_slowly(floor, workers, WITHOUT="epochs")


async def recover_many(floor: Floor, workers: TrackProcesses, **environment: str) -> float:
    """Five kills while a hundred thousand units are recovered; the seconds that the sixth start takes."""
    await floor.send(once_each(MANY, "arrive"))
    first = workers.start()
    await floor.tracked()
    first.terminate()
    assert await ended(first) == 0
    for step in ("claimed:1", "claimed:2", "claimed:3", "claimed:4", "recovered:2"):
        assert await ended(workers.start(KILL_AT=step, **environment)) == -signal.SIGKILL
    began = asyncio.get_running_loop().time()
    last = workers.start(**environment)
    await workers.takes_work(last)
    seconds = asyncio.get_running_loop().time() - began
    await floor.send(once_each(1_000, "depart"))
    await floor.check()
    return seconds


@pytest.mark.row(39)
async def test_killed_while_many_units_are_recovered(
    floor: Floor, workers: TrackProcesses, record_property: object
) -> None:
    seconds = await recover_many(floor, workers)
    print(f"{MANY} units recovered in {seconds:.1f} s")
    assert seconds < RECOVERED_SECONDS


@pytest.mark.row(39)
@pytest.mark.red("recovery")
async def test_red_where_nothing_is_recovered(floor: Floor, workers: TrackProcesses) -> None:
    with pytest.raises(AssertionError):
        await recover_many(floor, workers, WITHOUT="recovery")
