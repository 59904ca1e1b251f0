"""The front door on the embedded broker: the scenarios of the log in memory, and what only a real broker can do."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services import topology
from services.adapters.kafka_producer import KafkaOutbox
from services.adapters.kafka_whole_log import WholeLog
from services.adapters.metrics import Metrics
from services.embedded.broker import Broker
from services.embedded.process import free_port
from services.ports import BrokerAway, Outgoing, TooManyPending
from services.settings import KafkaSettings
from tests.ingest_floor import PARTITIONS, PLANT, Floor, event, floor_on
from tests.ingest_scenarios import SCENARIOS, Scenario
from tests.parts import OPERATION_PARTITIONS, until

pytestmark = pytest.mark.real_broker

DEADLINE = 60


@pytest.fixture
def kafka(fresh_broker: str, broker_choice: str) -> KafkaSettings:
    return KafkaSettings(fresh_broker, broker_choice == "embedded", 1, PARTITIONS, OPERATION_PARTITIONS, 6)


async def read_all(address: str, topic: str) -> list[Outgoing]:
    """Everything in a topic, per partition in order; its end is the high watermark."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, fetch_max_wait_ms=20, auto_offset_reset="none")
    await consumer.start()
    try:
        count = topology.partitions(
            next(t for t in topology.TOPICS if t.name == topic), PARTITIONS, OPERATION_PARTITIONS
        )
        partitions = [TopicPartition(topic, number) for number in range(count)]
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, 0)
        found: dict[TopicPartition, list[Outgoing]] = {partition: [] for partition in partitions}
        async with asyncio.timeout(DEADLINE):
            while any(consumer.highwater(tp) is None or len(found[tp]) < consumer.highwater(tp) for tp in partitions):
                for tp, records in (await consumer.getmany(timeout_ms=50)).items():
                    found[tp] += [Outgoing(topic, tp.partition, r.key, r.value, tuple(r.headers)) for r in records]
        return [record for partition in partitions for record in found[partition]]
    finally:
        await consumer.stop()


@contextlib.asynccontextmanager
async def broker_floor(kafka: KafkaSettings) -> AsyncIterator[Floor]:
    async def records(topic: str) -> list[Outgoing]:
        return await read_all(kafka.brokers, topic)

    outbox = KafkaOutbox(kafka, Metrics())
    async with floor_on(outbox, WholeLog(kafka.brokers, topology.MASTER.name), records) as floor:
        yield floor


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_scenario(kafka: KafkaSettings, scenario: Scenario) -> None:
    async with broker_floor(kafka) as floor:
        await scenario(floor)


async def test_the_largest_refusal_fits(kafka: KafkaSettings) -> None:
    async with broker_floor(kafka) as floor:
        body = json.dumps({"x": "y" * 262_000}).encode()
        assert (await floor.post(body)).status_code == 422
        assert len(await floor.records("floor.rejects")) == 1


async def test_a_second_ingest_knows_the_plant_and_what_the_first_publishes(kafka: KafkaSettings) -> None:
    async with broker_floor(kafka) as one, broker_floor(kafka) as two:
        changed = PLANT.replace("OP20-IN", "GATE")
        assert (await one.client.put("/v1/plant", content=changed.encode())).json()["version"] == 2

        async def known() -> bool:
            return bool((await two.client.get("/v1/plant")).json()["version"] == 2)

        await until(known, "the second ingest has version 2 in force")
        assert (await two.post(event(read_point_id="GATE"))).status_code == 202


async def test_without_a_broker_the_answer_comes_within_the_deadline(tmp_path: Path) -> None:
    broker = Broker()
    outbox = KafkaOutbox(KafkaSettings(broker.start(tmp_path), True, 1, 1, 1, 6), Metrics(), deadline_s=1.0)
    record = Outgoing("floor.scans", 0, b"U1", b"{}")
    try:
        await outbox.start()
        assert await outbox.send([record]) == [0]
        assert await outbox.reachable()
        broker.kill()
        with pytest.raises(BrokerAway):
            await asyncio.wait_for(outbox.send([record]), 5)
        assert not await outbox.reachable()
    finally:
        broker.kill()
        await outbox.stop()


async def test_what_is_pending_is_bounded(kafka: KafkaSettings) -> None:
    outbox = KafkaOutbox(kafka, Metrics(), most_pending=10)
    await outbox.start()
    try:
        with pytest.raises(TooManyPending):
            await outbox.send([Outgoing("floor.scans", 0, b"U1", b"{}")] * 11)
        assert await outbox.send([Outgoing("floor.scans", 0, b"U1", b"{}")] * 10) == list(range(10))
        assert outbox.pending == 0
    finally:
        await outbox.stop()


@contextlib.asynccontextmanager
async def process_of(kafka: KafkaSettings, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "FLOORSTREAM_KAFKA": kafka.brokers, "FLOORSTREAM_PORT": str(port)}
    environment |= {"FLOORSTREAM_PROFILE": "embedded" if kafka.embedded else "kafka"}
    environment |= {"FLOORSTREAM_DATABASE_URL": "", "FLOORSTREAM_KEYS_FILE": "", "FLOORSTREAM_PARTITIONS": "4"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.ingest", env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
async def test_the_process_serves_and_stops_when_asked(kafka: KafkaSettings, asked: signal.Signals) -> None:
    port = free_port("127.0.0.1")
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=DEADLINE)

    async def plant_is_taken() -> bool:
        assert process.returncode is None
        with contextlib.suppress(httpx.TransportError):
            return (await client.put("/v1/plant", content=PLANT.encode())).status_code == 200
        return False

    async with process_of(kafka, port) as process, client:
        await until(plant_is_taken, "ingest takes a plant model")
        assert (await client.get("/readyz")).json() == {"ready": True, "missing": []}
        assert (await client.post("/v1/scans", json=event())).status_code == 202
        process.send_signal(asked)
        assert await asyncio.wait_for(process.wait(), DEADLINE) == 0


async def test_a_port_that_is_taken_is_a_usage_error(kafka: KafkaSettings) -> None:
    async with process_of(kafka, int(kafka.brokers.rpartition(":")[2])) as process:
        _, said = await asyncio.wait_for(process.communicate(), DEADLINE)
        assert (process.returncode, "FLOORSTREAM_PORT" in said.decode()) == (2, True)
