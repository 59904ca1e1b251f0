"""track and records nobody expects: far too large, nothing but bad ones, in another's partition."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.plant import load_plant
from services.adapters.wire import decode_event, visit_row
from services.core.equipment import PlantModel
from services.core.identity import partition_of
from services.core.log import LogFold
from services.embedded.process import free_port
from services.topology import SCANS, VISITS
from tests.faults.scans import PARTITIONS, PLANT, Floor, Tracked, consuming, encoded, events, producing
from tests.faults.scraped import metrics
from tests.faults.track_process import TrackProcesses
from tests.parts import until

LARGEST = 1_000_000
"""Bytes of value that a broker takes by its own default (max.message.bytes = 1,048,588)."""
FAR_TOO_LARGE = 10 << 20
REJECTS_RISE = 0.02
"""From this share on Prometheus raises FloorstreamRejectsRise (deploy/prometheus/rules)."""
RECORDED_US = 1_795_600_000_000_000


async def append_large(floor: Floor, size: int) -> bool:
    """One bad record of so many bytes; does the broker take it?"""
    producer = AIOKafkaProducer(bootstrap_servers=floor.broker, acks="all", max_request_size=2 * FAR_TOO_LARGE)
    await producer.start()
    try:
        ack = await producer.send_and_wait(SCANS.name, b"x" * size, key=b"LARGE", partition=0)
    except KafkaError:
        return False
    finally:
        await producer.stop()
    floor.last[0] = ack.offset
    return True


@pytest.mark.row(24)
@pytest.mark.parametrize("size", [LARGEST, FAR_TOO_LARGE])
async def test_a_record_that_is_as_large_as_the_broker_lets_it_be(
    size: int, floor: Floor, workers: TrackProcesses
) -> None:
    worker = workers.start()
    await floor.produce(seed=24, units=20)
    taken = await append_large(floor, size)
    assert taken or size == FAR_TOO_LARGE
    await floor.produce(seed=25, units=20)
    await floor.check()
    assert worker.poll() is None


def bad_records(seed: int, number: int) -> Iterator[bytes]:
    """Records of many kinds, none of which can be taken in."""
    rng = random.Random(seed)
    good = list(events(seed, 5))
    for n in range(number):
        event = {**rng.choice(good), "event_id": f"bad-{n}"}
        yield rng.choice(
            (
                json.dumps({**event, "event_time": "yesterday"}).encode(),
                json.dumps({**event, "operation_id": "NOWHERE", "action": "arrive"}).encode(),
                json.dumps({**event, "unit_id": ""}).encode(),
                json.dumps(event).encode()[: rng.randrange(40)],
                rng.randbytes(rng.randrange(200)),
                b"",
            )
        )


async def nothing_but_bad_ones(floor: Floor, workers: TrackProcesses, number: int, **environment: str) -> None:
    """Nothing stops, each is kept with its reason, and the share that an alarm looks at rises."""
    port = free_port()
    worker = workers.start(FLOORSTREAM_METRICS_PORT=str(port), **environment)
    await workers.takes_work(worker)
    async with producing(floor.broker) as producer:
        for n, value in enumerate(bad_records(22, number)):
            ack = await producer.send_and_wait(SCANS.name, value, key=b"BAD", partition=n % PARTITIONS)
            floor.last[ack.partition] = ack.offset
    await floor.check()
    assert len(floor.refused) == number
    judged = await metrics(port, "floorstream_track_events_total")
    refused = sum(count for labels, count in judged.items() if 'outcome="refused"' in labels)
    assert refused == number
    assert refused / sum(judged.values()) > REJECTS_RISE
    await floor.produce(seed=23, units=20)
    await floor.check()
    assert worker.poll() is None


@pytest.mark.row(21, 22)
async def test_nothing_but_bad_records(floor: Floor, workers: TrackProcesses) -> None:
    await nothing_but_bad_ones(floor, workers, 1_000)


@pytest.mark.slow
@pytest.mark.row(21, 22)
@pytest.mark.red("refusals on record")
async def test_red_where_bad_records_are_passed_over(floor: Floor, workers: TrackProcesses) -> None:
    with pytest.raises(AssertionError, match="rejects up to"):
        await nothing_but_bad_ones(floor, workers, 50, WITHOUT="refusals")


async def in_anothers_partition(floor: Floor, workers: TrackProcesses, **environment: str) -> None:
    """Every record of some units comes in the partition of others."""
    worker = workers.start(**environment)
    await floor.produce(seed=25, units=30, astray=1)
    expected = visits_of(25, 30)
    read = Tracked()
    at: dict[str, set[int]] = {}
    async with consuming(floor.broker, VISITS.name, PARTITIONS) as consumer:

        async def all_there() -> bool:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    read.take(record)
                    if (unit := json.loads(record.value).get("unit_id")) is not None:
                        at.setdefault(unit, set()).add(record.partition)
            return read.visits() == expected

        await until(all_there, "every unit's visits are those of all its events", 30)
    assert at == {unit: {partition_of(unit, PARTITIONS)} for unit in at}, "a unit has a state in two partitions"
    assert worker.poll() is None


def visits_of(seed: int, units: int) -> dict[tuple[str, int], dict[str, Any]]:
    """The rows of a load whose events come in the order they were made."""
    fold = LogFold({1: PlantModel.from_document(load_plant(PLANT), 1)})
    fold.marker(1)
    for event in events(seed, units):
        fold.take(decode_event(json.dumps(event).encode()), "kafka", RECORDED_US)
    rows = ((unit, seq, visit) for unit, visits in fold.visits.items() for seq, visit in visits.items())
    return {(unit, seq): encoded(visit_row(visit)) for unit, seq, visit in rows}


@pytest.mark.row(25)
async def test_units_in_anothers_partition(floor: Floor, workers: TrackProcesses) -> None:
    await in_anothers_partition(floor, workers)


@pytest.mark.slow
@pytest.mark.row(25)
@pytest.mark.red("forwarding")
async def test_red_where_a_unit_is_folded_wherever_it_is(floor: Floor, workers: TrackProcesses) -> None:
    with pytest.raises(AssertionError, match="two partitions"):
        await in_anothers_partition(floor, workers, WITHOUT="forwards")
