"""track and what only a real Kafka does to a log: heads removed, transactions, holes that nothing explains."""

import asyncio
import json
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from services import topology
from services.core.identity import partition_of
from tests.faults.scans import PARTITIONS, Floor, events
from tests.faults.topics import committed, delete_head, state_marks
from tests.faults.track_process import TrackProcesses, ended

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("real_kafka")]

BROKEN = 70


async def transact(floor: Floor, seed: int, units: int, every: int = 3) -> None:
    """A load in transactions of five events, of which every third is aborted."""
    async with AIOKafkaProducer(bootstrap_servers=floor.broker, transactional_id="scanner") as producer:
        load = list(events(seed, units))
        for number, at in enumerate(range(0, len(load), 5)):
            await producer.begin_transaction()
            acks = [await send(producer, event) for event in load[at : at + 5]]
            told = [await ack for ack in acks]
            if number % every == 0:
                await producer.abort_transaction()
                continue
            await producer.commit_transaction()
            for each in told:
                floor.last[each.partition] = max(floor.last.get(each.partition, -1), each.offset)


async def send(producer: AIOKafkaProducer, event: dict[str, Any]) -> Any:
    """Queue an event for its partition."""
    unit = str(event["unit_id"])
    value = json.dumps(event).encode()
    return await producer.send(topology.SCANS.name, value, key=unit.encode(), partition=partition_of(unit, PARTITIONS))


async def test_a_log_whose_head_is_gone_before_the_first_start(floor: Floor, workers: TrackProcesses) -> None:
    await floor.produce(seed=11, units=20)
    await delete_head(floor.broker, topology.SCANS.name, {p: o + 1 for p, o in floor.last.items()})
    await floor.publish_plant()
    await floor.produce(seed=12, units=20)
    workers.start()
    await floor.check()


async def test_transactions_leave_no_hole_and_aborted_ones_nothing(floor: Floor, workers: TrackProcesses) -> None:
    worker = workers.start()
    await transact(floor, seed=13, units=20)
    await floor.check()
    worker.terminate()
    assert await ended(worker) == 0
    assert await committed(floor.broker) == {p: mark + 1 for p, mark in (await state_marks(floor.broker)).items()}
    assert "reads again" not in workers.log


async def test_an_open_transaction_holds_back_and_is_no_standstill(floor: Floor, workers: TrackProcesses) -> None:
    worker = workers.start()
    await workers.takes_work(worker)
    async with AIOKafkaProducer(bootstrap_servers=floor.broker, transactional_id="scanner") as producer:
        await producer.begin_transaction()
        for event in list(events(14, 1))[:5]:
            await (await send(producer, event))
        await floor.produce(seed=15, units=20)
        held = partition_of("U14-0", PARTITIONS)
        free = {p: o for p, o in floor.last.items() if p != held}
        everything, floor.last = floor.last, free
        await floor.tracked()
        await asyncio.sleep(8)  # twice what a standstill takes to be noticed
        assert "reads again" not in workers.log
        await producer.commit_transaction()
    floor.last = everything
    await floor.check()


@pytest.mark.row(12)
async def test_a_hole_that_nothing_explains(floor: Floor, workers: TrackProcesses) -> None:
    await floor.produce(seed=16, units=20)
    worker = workers.start()
    await floor.tracked()
    worker.terminate()
    assert await ended(worker) == 0
    await floor.produce(seed=17, units=20)
    await delete_head(floor.broker, topology.SCANS.name, {p: o - 2 for p, o in floor.last.items()})
    assert await ended(workers.start()) == BROKEN
    assert "no batch header explains what is missing" in workers.log


@pytest.mark.row(33)
async def test_a_fetch_cleared_in_a_rebalance_is_read_again(floor: Floor, workers: TrackProcesses) -> None:
    """Without the gate Faust fetches while the group deals anew and then clears it: the hole heals."""
    load = asyncio.create_task(floor.produce(seed=19, units=600, pause_every=1))
    first = workers.start("1", WITHOUT="gate")
    await workers.takes_work(first)
    for name in ("2", "3"):
        other = workers.start(name, WITHOUT="gate")
        await workers.takes_work(other)
        other.terminate()
        assert await ended(other) == 0
    await load
    await floor.check()
    assert first.poll() is None
