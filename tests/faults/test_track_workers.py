"""track on a real Kafka: workers that come and go under load, and one that sleeps past its session and wakes up."""

import asyncio
import signal

import psutil
import pytest

from services import topology
from services.topology import EPOCH_KEY
from tests.faults.scans import PARTITIONS, Floor, consuming
from tests.faults.topics import all_committed
from tests.faults.track_process import TrackProcesses, ended
from tests.parts import until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("real_kafka")]


async def scale_up_and_down(floor: Floor, workers: TrackProcesses, **environment: str) -> None:
    """1 → 2 → 1 workers by SIGTERM while scans flow."""
    load = asyncio.create_task(floor.produce(seed=5, units=700, pause_every=1))
    first = workers.start("1", **environment)
    await workers.takes_work(first)
    second = workers.start("2", **environment)
    await workers.takes_work(second)
    first.terminate()
    assert await ended(first) == 0
    third = workers.start("3", **environment)
    await workers.takes_work(third)
    second.terminate()
    assert await ended(second) == 0
    await load
    await floor.check()


async def sleep_past_the_session(floor: Floor, workers: TrackProcesses, **environment: str) -> None:
    """A worker is stopped with a state batch in its hands, loses its partitions, goes on; then all is recovered."""
    await floor.produce(seed=6, units=60)
    sleeper = workers.start("1", PAUSE_AT="outputs acked:3", **environment)
    await until(lambda: asleep(sleeper.pid), "the worker sleeps with a state batch in its hands")
    await floor.produce(seed=7, units=60)
    other = workers.start("2", **environment)
    await floor.tracked()
    await floor.produce(seed=8, units=60)
    await until(lambda: all_committed(floor), "the other has written all its states, so none behind the sleeper's")
    sleeper.send_signal(signal.SIGCONT)
    await until(lambda: wrote_late(floor), "the sleeper has written what it held", 30)
    for child in (sleeper, other):
        child.kill()
        child.wait()
    workers.start("3", **environment)
    await floor.produce(seed=6, units=60)
    await floor.produce(seed=7, units=60)
    await floor.produce(seed=9, units=60)
    await floor.check()


async def asleep(pid: int) -> bool:
    """Is the process stopped?"""
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


async def wrote_late(floor: Floor) -> bool:
    """Is there a state in the changelog that was written after its writer had lost the partition?"""
    newest: dict[int, int] = {}
    async with consuming(floor.broker, topology.UNITS_CHANGELOG, PARTITIONS) as consumer:
        while batches := (await consumer.getmany(timeout_ms=500)).values():
            for record in (record for records in batches for record in records):
                if record.key == EPOCH_KEY:
                    newest[record.partition] = record.offset
                elif int.from_bytes(record.value[:8], "big") < newest[record.partition]:
                    return True
    return False


@pytest.mark.row(33)
async def test_one_two_one_workers(floor: Floor, workers: TrackProcesses) -> None:
    await scale_up_and_down(floor, workers)


@pytest.mark.row(35)
async def test_a_worker_that_slept_past_its_session(floor: Floor, workers: TrackProcesses) -> None:
    await sleep_past_the_session(floor, workers)


@pytest.mark.row(33)
@pytest.mark.red("recovery")
async def test_red_without_recovery(floor: Floor, workers: TrackProcesses) -> None:
    with pytest.raises(AssertionError, match=r"differ from the fold|has two contents"):
        await scale_up_and_down(floor, workers, WITHOUT="recovery")


@pytest.mark.row(35)
@pytest.mark.red("epochs")
async def test_red_without_epochs(floor: Floor, workers: TrackProcesses) -> None:
    with pytest.raises(AssertionError, match=r"differ from the fold|has two contents|cover"):
        await sleep_past_the_session(floor, workers, WITHOUT="epochs")
