"""Offsets without a record, as transactions leave them on Apache Kafka: shown to be none, and told from a loss."""

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer

from schemas.plant import load_plant
from services.adapters.kafka_holes import Unproven, records_in
from services.commands.verify import verify
from services.embedded.apache_kafka import ApacheKafka
from tests.faults.scans import PLANT
from tests.integration.test_apache_kafka import require_programs
from tests.parts import ask, make_topics
from tests.stored_floor import SCANS, StoredFloor

pytestmark = pytest.mark.slow
EVENTS = [
    {"event_id": f"e{n}", "event_time": f"2026-11-23T06:0{n}:00Z", "unit_id": "U", "operation_id": "OP10", "action": a}
    for n, a in enumerate(("arrive", "start", "finish", "finish"))
]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one node."""
    require_programs()
    cluster = ApacheKafka()
    yield cluster.start(tmp_path_factory.mktemp("kafka"))
    cluster.stop()


async def transacted(address: str) -> tuple[int, list[int]]:
    """Two transactions and an aborted one between them, in the partition of U; the offsets of what was committed."""
    floor = StoredFloor({1: load_plant(PLANT)})
    partition, _ = floor.put_event(EVENTS[0])
    value = floor.logs[SCANS, partition][0].value
    offsets = []
    async with AIOKafkaProducer(bootstrap_servers=address, transactional_id="t", enable_idempotence=True) as producer:
        for kept in (True, False, True):
            await producer.begin_transaction()
            sent = [await producer.send_and_wait(SCANS, value, key=b"U", partition=partition) for _ in range(2)]
            if kept:
                await producer.commit_transaction()
                offsets += [ack.offset for ack in sent]
            else:
                await producer.abort_transaction()
    return partition, offsets


async def test_what_transactions_leave_is_no_loss(kafka: str) -> None:
    await make_topics(kafka)
    partition, offsets = await transacted(kafka)
    assert offsets == [0, 1, 6, 7]
    assert await records_in(kafka, partition, [(2, 5), (8, 8)]) == []
    assert await records_in(kafka, partition, [(1, 5), (7, 7)]) == [1, 7]


async def test_what_the_log_does_not_reach_is_unproven(kafka: str) -> None:
    await make_topics(kafka)
    with pytest.raises(Unproven, match="read only up to"):
        await asyncio.wait_for(records_in(kafka, 0, [(0, 3)]), 60)


async def test_rows_with_such_holes_are_equal(kafka: str, database: str) -> None:
    await make_topics(kafka)
    partition, _ = await transacted(kafka)
    floor = StoredFloor({1: load_plant(PLANT)})
    floor.put_marker(1)
    for event in EVENTS * 2:
        floor.put_event(event)
    floor.track()
    await floor.store(database)
    # Repeats, which change no row; the log has no record at these offsets.
    await ask(database, 'DELETE FROM raw_scans WHERE partition = $1 AND "offset" = ANY ($2)', partition, [5, 8])
    assert (await verify(database, kafka, 0)).differences.named == []
    await ask(database, 'DELETE FROM raw_scans WHERE partition = $1 AND "offset" = 6', partition)
    named = (await verify(database, kafka, 0)).differences.named
    assert named == [f"raw_scans {partition}:6: is missing, the log has it"]
