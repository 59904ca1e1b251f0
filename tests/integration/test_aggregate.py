"""aggregate through kills and changes of owner: what it published is the pure sum of the partials."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from services import topology
from services.adapters.clock import SystemClock
from services.adapters.plant_master import PlantRecord, plant_key, plant_value
from services.core.operations import Operations
from tests.integration.aggregate_process import AggregateProcesses, Expected, Shown, feed
from tests.partials import Sent, log_of, publish
from tests.parts import until
from tests.show_floor import document

pytestmark = pytest.mark.real_broker


@pytest.fixture
def workers(fresh_broker: str, broker_choice: str, tmp_path: Path) -> Iterator[AggregateProcesses]:
    profile = "embedded" if broker_choice == "embedded" else "kafka"
    processes = AggregateProcesses(fresh_broker, profile, tmp_path)
    yield processes
    processes.end()


@pytest.fixture
async def shown(fresh_broker: str) -> AsyncIterator[Shown]:
    shown = Shown(fresh_broker)
    await shown.start()
    yield shown
    await shown.stop()


@pytest.fixture
async def producer(fresh_broker: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=fresh_broker, acks="all")
    await producer.start()
    yield producer
    await producer.stop()


def partials(seed: int) -> list[Sent]:
    """What four lanes publish of a random log, mixed as it would arrive."""
    rnd = random.Random(seed)
    sent = publish(log_of(rnd, 40, SystemClock().now_us()), 4, rnd).sent
    order = {key: rnd.random() for key, _ in sent}
    return sorted(sent, key=lambda item: order[item[0]])


async def equal(expected: Expected, shown: Shown, seconds: float = 60) -> None:
    async def is_equal() -> bool:
        await shown.read()
        return not expected.differing(shown)

    await until(is_equal, f"published states are the sums; still differing: {expected.differing(shown)}", seconds)


async def told(workers: AggregateProcesses, words: str, times: int) -> None:
    async def is_told() -> bool:
        return workers.log.count(words) >= times

    await until(is_told, f"{times} times {words!r} in the log")


async def test_states_are_the_sums_of_the_partials(
    workers: AggregateProcesses, producer: AIOKafkaProducer, shown: Shown, tmp_path: Path
) -> None:
    sent = partials(1)
    child = workers.start(FLOORSTREAM_READY_FILE=str(tmp_path / "ready"))
    await feed(producer, sent)
    await equal(Expected(sent), shown)
    await told(workers, "takes work: partitions [0, 1]", 1)
    assert (tmp_path / "ready").exists()
    child.terminate()
    assert await asyncio.to_thread(child.wait, 30) == 0


async def test_limits_are_those_of_the_newest_plant_model(
    workers: AggregateProcesses, producer: AIOKafkaProducer, shown: Shown
) -> None:
    async def published(version: int, limit_us: int | None) -> None:
        record = PlantRecord(version, 0, "test", document({"A": {"dwell_limit_us": limit_us}}))
        await producer.send_and_wait(topology.MASTER.name, plant_value(record), plant_key(version), partition=0)

    async def shows(over: int | None) -> None:
        async def is_shown() -> bool:
            await shown.read()
            return "A" in shown.states() and shown.states()["A"]["over_dwell_limit"] == over

        await until(is_shown, f"{over} stays over the limit")

    sent = partials(6)
    stays = sum(state.counts.wip for state in [Operations(Expected(sent).partials).state("A", 0)])
    await published(1, 0)
    await feed(producer, sent)
    workers.start()
    await shows(stays)
    assert stays > 0
    await published(2, None)
    await shows(None)


@pytest.mark.row(2)
async def test_killed_at_random(workers: AggregateProcesses, producer: AIOKafkaProducer, shown: Shown) -> None:
    rnd, sent = random.Random(2), partials(2)
    part = len(sent) // 4
    for kill in range(3):
        child = workers.start()
        await told(workers, "takes work", kill + 1)
        feeding = asyncio.create_task(feed(producer, sent[kill * part : (kill + 1) * part]))
        await asyncio.sleep(rnd.uniform(0, 0.8))
        child.kill()
        child.wait()
        await feeding
    workers.start()
    await feed(producer, sent[3 * part :])
    await equal(Expected(sent), shown)


async def test_half_a_sum_is_never_published(
    workers: AggregateProcesses, producer: AIOKafkaProducer, shown: Shown
) -> None:
    sent = partials(3)
    await feed(producer, sent)
    workers.start()
    await equal(Expected(sent), shown)
    assert shown.count == len(Expected(sent).partials.operations) + 1, "each state was published once"


@pytest.mark.row(33)
async def test_another_worker_goes_on_with_the_same_numbers(
    workers: AggregateProcesses, producer: AIOKafkaProducer, shown: Shown
) -> None:
    sent = partials(4)
    first = workers.start("0")
    await told(workers, "takes work: partitions [0, 1]", 1)
    await feed(producer, sent[: len(sent) // 2])
    workers.start("1")
    await told(workers, "takes work: partitions [0]", 1)
    await told(workers, "takes work: partitions [1]", 1)
    await feed(producer, sent[len(sent) // 2 :])
    await equal(Expected(sent), shown)
    first.kill()
    first.wait()
    await told(workers, "takes work: partitions [0, 1]", 2)
    await equal(Expected(sent), shown)


@pytest.mark.row(35)
@pytest.mark.slow
async def test_a_worker_that_slept_past_its_session_shows_nothing_old(
    broker_choice: str, workers: AggregateProcesses, producer: AIOKafkaProducer, shown: Shown
) -> None:
    if broker_choice == "embedded":  # it does not expire a stopped member
        pytest.skip("needs a real Kafka: --broker=apache")
    sent = partials(5)
    first = workers.start("0")
    await told(workers, "takes work: partitions [0, 1]", 1)
    await feed(producer, sent[: len(sent) // 2])
    first.send_signal(signal.SIGSTOP)
    slept_us = SystemClock().now_us()
    workers.start("1")
    await told(workers, "takes work: partitions [0, 1]", 2)
    await feed(producer, sent[len(sent) // 2 :])
    expected = Expected(sent)
    await equal(expected, shown)
    first_seen = shown.plant()

    async def sleeper_is_due() -> bool:
        await shown.read()
        return shown.plant() != first_seen

    await until(sleeper_is_due, "the plant is published for its age alone, as the sleeper would have long ago")
    first.send_signal(signal.SIGCONT)

    async def has_partitions_again() -> bool:
        await shown.read()
        summed = [shown.summed_at(name) for name in expected.differing(shown)]
        # What lay in its producer when it fell asleep it may still write; the owner writes all anew after that.
        assert all(at <= slept_us for at in summed), "it summed up without what had come while it slept"
        return "takes work: partitions [0]" in workers.log and "takes work: partitions [1]" in workers.log

    await until(has_partitions_again, "both share the work again")
    assert "publishing waits for the group" in workers.log
    await equal(expected, shown)
