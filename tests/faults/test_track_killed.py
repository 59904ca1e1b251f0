"""track through kills at every step of a frame and at random: what it published equals the fold of the log."""

import asyncio
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.adapters.topics import create_topics
from services.settings import KafkaSettings
from tests.faults.scans import Floor
from tests.faults.track_process import STEPS, TrackProcesses
from tests.parts import until


@pytest.fixture
def workers(fresh_broker: str, broker_choice: str, tmp_path: Path) -> Iterator[TrackProcesses]:
    profile = "embedded" if broker_choice == "embedded" else "kafka"
    processes = TrackProcesses(fresh_broker, profile, tmp_path)
    yield processes
    processes.end()


@pytest.fixture
async def floor(fresh_broker: str) -> Floor:
    await create_topics(KafkaSettings(fresh_broker, True, 1, 4, 2, 6))
    floor = Floor(fresh_broker)
    await floor.publish_plant()
    return floor


async def ended(child: subprocess.Popen[bytes], seconds: float = 60) -> int:
    async def gone() -> bool:
        return child.poll() is not None

    await until(gone, "the worker has ended", seconds)
    return int(child.returncode)


async def test_everything_published_equals_the_fold(floor: Floor, workers: TrackProcesses) -> None:
    child = workers.start()
    await floor.produce(seed=1, units=60)
    await floor.check()
    child.terminate()
    assert await ended(child) == 0


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_a_step_of_a_frame(step: str, floor: Floor, workers: TrackProcesses) -> None:
    await floor.produce(seed=2, units=40)
    assert await ended(workers.start(KILL_AT=f"{step}:2")) == -signal.SIGKILL
    await floor.produce(seed=3, units=20)
    workers.start()
    tracked = await floor.check()
    assert tracked.marks == floor.last


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
async def test_killed_at_random(seed: int, floor: Floor, workers: TrackProcesses) -> None:
    rng = random.Random(seed)
    for kill in range(4):
        child = workers.start()
        load = asyncio.create_task(floor.produce(seed=10 * seed + kill, units=80, pause_every=5))
        log_size = len(workers.log)

        async def works(since: int = log_size) -> bool:
            return "takes work" in workers.log[since:]

        await until(works, "the worker takes work")
        await asyncio.sleep(rng.uniform(0, 0.6))
        child.kill()
        child.wait()
        await load
    workers.start()
    await floor.check()
