"""alert through kills at every step, changes of owner and late writers: raised once, forgotten never, no gap.

What must hold in the end of any life: versions without a gap that never change, an incident ended before the next is
raised, and active is exactly what is over its limit now.
"""

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from services.core.identity import partition_of
from services.topology import ALERTS, EPOCH_KEY
from tests.faults.track_process import ended
from tests.integration.alert_process import STEPS, AlertProcesses, Floor, Told, led
from tests.parts import OPERATION_PARTITIONS, until

pytestmark = pytest.mark.real_broker

NAMES = [f"OP{number}" for number in range(24)]
LIMIT = 10
PLANT = f"""
areas:
  - id: X
    work_centers:
      - id: L
        operations: [{{id: SLOW}}, {", ".join(f"{{id: {name}, wip_limit: {LIMIT}}}" for name in NAMES)}]
alerting:
  on_delay: 0s
  off_delay: 0s
  rules: [{{id: slow, measure: wip_above, operation: SLOW, wip: 10, on_delay: 8s}}]
"""


@pytest.fixture
def workers(fresh_broker: str, broker_choice: str, tmp_path: Path) -> Iterator[AlertProcesses]:
    processes = AlertProcesses(fresh_broker, "embedded" if broker_choice == "embedded" else "kafka", tmp_path)
    yield processes
    processes.end()


@pytest.fixture
async def told(fresh_broker: str) -> AsyncIterator[Told]:
    told = Told(fresh_broker)
    await told.start()
    yield told
    await told.stop()


@pytest.fixture
async def floor(fresh_broker: str) -> AsyncIterator[Floor]:
    producer = AIOKafkaProducer(bootstrap_servers=fresh_broker, acks="all")
    await producer.start()
    await led(producer)
    floor = Floor(producer)
    await floor.plant(PLANT)
    floor.keep_beating()
    yield floor
    await floor.stop()
    await producer.stop()


async def load(floor: Floor, seed: int, states: int) -> dict[str, int]:
    """Every operation's WIP wanders about its limit; what it is in the end."""
    rng = random.Random(seed)
    wip = {name: rng.choice([2, 20]) for name in NAMES}
    for name in [*NAMES, *(rng.choice(NAMES) for _ in range(states))]:
        wip[name] = rng.choice([2, 11, 12, 20])
        await floor.state(name, wip=wip[name])
        await asyncio.sleep(0.004)
    return wip


async def right_in_the_end(told: Told, wip: dict[str, int], seconds: float = 40) -> None:
    """Active is exactly what is over its limit, and every alert has had a life without contradiction."""

    def active(name: str) -> bool:
        changes = told.changes(f"wip_limit|{name}")
        return bool(changes) and changes[-1] == "raised"

    async def right() -> bool:
        await told.read()
        return all(active(name) == (wip[name] > LIMIT) for name in NAMES)

    await until(right, "active is what is over its limit", seconds)
    for alert_id in told.versions:
        changes = told.changes(alert_id)
        assert changes == [["raised", "returned"][n % 2] for n in range(len(changes))], f"{alert_id}: {changes}"


async def kill_at_a_step(step: str, floor: Floor, workers: AlertProcesses, told: Told, without: str = "") -> None:
    first = workers.start(KILL_AT=f"{step}:{1 if step in STEPS[:2] else 4}", WITHOUT=without)
    while first.poll() is None:
        await load(floor, 1, 50)
    assert await ended(first) == -signal.SIGKILL
    running = asyncio.create_task(load(floor, 2, 300))
    second = workers.start(WITHOUT=without)
    wip = await running
    await right_in_the_end(told, wip)
    second.terminate()
    assert await ended(second) == 0


@pytest.mark.row(3)
@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_a_step_under_load(step: str, floor: Floor, workers: AlertProcesses, told: Told) -> None:
    await kill_at_a_step(step, floor, workers, told)


@pytest.mark.row(3)
@pytest.mark.red("recovery")
@pytest.mark.slow
async def test_red_without_recovery(floor: Floor, workers: AlertProcesses, told: Told) -> None:
    with pytest.raises(AssertionError, match="a version never changes"):
        await kill_at_a_step("acked", floor, workers, told, without="recovery")


async def raised_over_a_kill(floor: Floor, workers: AlertProcesses, told: Told, without: str = "") -> int:
    """It is over its limit, the owner dies, it is still over its limit; since when it was so, as the alert tells."""
    first = workers.start(WITHOUT=without)
    await workers.takes_work(first)
    before = floor.clock.now_us()
    await floor.state("SLOW", wip=11)
    await asyncio.sleep(2)  # the on_delay is running: that is what is to be carried over
    await floor.state("SLOW", wip=12)
    first.kill()
    first.wait()
    await workers.takes_work(workers.start(WITHOUT=without))
    await told.shows("slow|SLOW", ["raised"])
    return int(told.versions["slow|SLOW"][1]["since_us"]) - before


async def test_an_on_delay_goes_on_over_a_kill(floor: Floor, workers: AlertProcesses, told: Told) -> None:
    assert await raised_over_a_kill(floor, workers, told) < 1_000_000


@pytest.mark.slow
async def test_red_where_what_is_pending_is_not_kept(floor: Floor, workers: AlertProcesses, told: Told) -> None:
    assert await raised_over_a_kill(floor, workers, told, without="pendings") > 1_000_000


async def late_write(floor: Floor, workers: AlertProcesses, told: Told, without: str = "") -> None:
    """Somebody who has lost the partition says late that an alert is over; the owner dies after that."""
    first = workers.start(WITHOUT=without)
    await floor.state("OP1", wip=20)
    await told.shows("wip_limit|OP1", ["raised"])
    version = told.versions["wip_limit|OP1"][1]
    first.kill()
    first.wait()
    second = workers.start(WITHOUT=without)
    await workers.takes_work(second)
    stale = {**version, "version": 2, "change": "returned", "state": "normal", "end": "returned"}
    await floor.producer.send_and_wait(
        ALERTS.name,
        json.dumps(stale).encode(),
        key=b"wip_limit|OP1",
        partition=partition_of("OP1", OPERATION_PARTITIONS),
    )
    second.kill()
    second.wait()
    third = workers.start(WITHOUT=without)
    await workers.takes_work(third)
    await floor.state("OP2", wip=20)
    await told.shows("wip_limit|OP2", ["raised"])
    assert told.passed_over >= 1
    assert told.changes("wip_limit|OP1") == ["raised"]


@pytest.mark.row(35)
async def test_a_late_writer_changes_nothing(floor: Floor, workers: AlertProcesses, told: Told) -> None:
    await late_write(floor, workers, told)


@pytest.mark.row(35)
@pytest.mark.red("epochs")
@pytest.mark.slow
async def test_red_where_epochs_do_not_count(floor: Floor, workers: AlertProcesses, told: Told) -> None:
    with pytest.raises(AssertionError):
        await late_write(floor, workers, told, without="epochs")


@pytest.mark.row(35)
async def test_what_a_late_writer_wrote_is_written_again_by_the_owner(
    floor: Floor, workers: AlertProcesses, told: Told
) -> None:
    """Or compaction would keep the late writer's record, and forget the owner's."""
    await workers.takes_work(workers.start())
    await floor.state("OP1", wip=20)
    await told.shows("wip_limit|OP1", ["raised"])
    first = told.versions["wip_limit|OP1"][1]
    late = {**first, "epoch": first["epoch"] - 1, "version": 2, "state": "normal"}
    await floor.producer.send_and_wait(
        ALERTS.name,
        json.dumps(late).encode(),
        key=b"wip_limit|OP1",
        partition=partition_of("OP1", OPERATION_PARTITIONS),
    )

    async def written_again() -> bool:
        await told.read()
        return told.passed_over > 0 and told.last_epochs[b"wip_limit|OP1"] == first["epoch"]

    await until(written_again, "the owner's version is the last of its key again")
    assert told.changes("wip_limit|OP1") == ["raised"]


async def claimed_by_somebody_else(floor: Floor, workers: AlertProcesses, told: Told, without: str = "") -> None:
    """A worker that slept between its assignment and its claim claims a partition that is not its own any more."""
    owner = workers.start(WITHOUT=without)
    await workers.takes_work(owner)
    await floor.producer.send_and_wait(
        ALERTS.name, b"{}", key=EPOCH_KEY, partition=partition_of("OP1", OPERATION_PARTITIONS)
    )
    await told.read()
    if not without:
        assert await ended(owner) == 1
        owner = workers.start()
    await floor.state("OP1", wip=20)
    await told.shows("wip_limit|OP1", ["raised"], 20 if without else 60)
    assert owner.poll() is None


@pytest.mark.row(35)
async def test_somebody_elses_claim_is_noticed(floor: Floor, workers: AlertProcesses, told: Told) -> None:
    await claimed_by_somebody_else(floor, workers, told)


@pytest.mark.row(35)
@pytest.mark.red("watch for claims")
@pytest.mark.slow
async def test_red_where_nobody_watches_for_claims(floor: Floor, workers: AlertProcesses, told: Told) -> None:
    with pytest.raises(AssertionError):
        await claimed_by_somebody_else(floor, workers, told, without="watch")


async def asleep(floor: Floor, workers: AlertProcesses, told: Told) -> None:
    """A worker is stopped when it has decided, somebody else takes over, and then it goes on."""
    sleeper = workers.start("0", PAUSE_AT="decided:4")
    await workers.takes_work(sleeper)
    running = asyncio.create_task(load(floor, 6, 1_500))
    other = workers.start("1")
    await workers.takes_work(other)
    await running
    wip = await load(floor, 7, 100)
    await right_in_the_end(told, wip, 90)
    sleeper.send_signal(signal.SIGCONT)
    wip = await load(floor, 8, 200)
    await right_in_the_end(told, wip, 90)


@pytest.mark.row(35)
@pytest.mark.slow
async def test_a_worker_that_slept_changes_nothing(
    floor: Floor, workers: AlertProcesses, told: Told, broker_choice: str
) -> None:
    if broker_choice == "embedded":
        pytest.skip("needs a real Kafka: --broker=apache")
    await asleep(floor, workers, told)


@pytest.mark.row(33)
@pytest.mark.slow
async def test_from_one_worker_to_two_and_back(floor: Floor, workers: AlertProcesses, told: Told) -> None:
    first = workers.start("0")
    await workers.takes_work(first)
    await load(floor, 3, 200)
    running = asyncio.create_task(load(floor, 4, 1_500))
    second = workers.start("1")
    await workers.takes_work(second)
    wip = await running
    await right_in_the_end(told, wip)
    second.terminate()
    assert await ended(second) == 0
    wip = await load(floor, 5, 500)
    await right_in_the_end(told, wip, 60)
    assert first.poll() is None


@pytest.mark.row(2)
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
async def test_killed_at_random(seed: int, floor: Floor, workers: AlertProcesses, told: Told) -> None:
    rng = random.Random(seed)
    wip: dict[str, int] = {}
    for kill in range(4):
        child = workers.start()
        running = asyncio.create_task(load(floor, 10 * seed + kill, 400))
        await workers.takes_work(child)
        await asyncio.sleep(rng.uniform(0, 0.8))
        child.kill()
        child.wait()
        wip = await running
    workers.start()
    await right_in_the_end(told, wip)
