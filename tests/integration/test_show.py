"""Show on a real broker: the feed over restarts, the plant model, and the stage as a process."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from services import settings
from services.adapters import operations_feed
from services.adapters.clock import SystemClock
from services.adapters.kafka_follow import Follower
from services.adapters.metrics import Metrics
from services.adapters.plant_master import PlantRecord, plant_key, plant_value
from services.embedded.broker import Broker
from services.show.app import ShowDeps, run, wire
from services.topology import MASTER, OPERATIONS, PLANT_KEY, SCANS
from tests.parts import make_topics, until
from tests.show_floor import T0, document, operation, plant

ROOT = Path(__file__).parents[2]


def configured(broker: str, **more: str) -> settings.StageSettings:
    """The settings of the stage."""
    return settings.read({"FLOORSTREAM_KAFKA": broker, "FLOORSTREAM_PROFILE": "embedded", **more})


async def write(broker: str, *states: dict[str, Any], partition: int = 0) -> None:
    """States into floor.operations."""
    async with writing(broker) as producer:
        for state in states:
            key = state["operation_id"].encode() if "operation_id" in state else PLANT_KEY
            await producer.send_and_wait(OPERATIONS.name, json.dumps(state).encode(), key, partition=partition)


@contextlib.asynccontextmanager
async def writing(broker: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer."""
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@dataclass
class Recorder:
    """Stands where the board does: what it was told, in order, and a wish to wait for it."""

    wip: dict[str, int] = field(default_factory=dict)
    plants: int = 0
    forgotten: list[int] = field(default_factory=list)
    ends: dict[int, int] = field(default_factory=dict)

    def take_operation(self, partition: int, state: Any) -> None:
        """A state."""
        self.wip[state["operation_id"]] = state["wip"]

    def take_plant(self, partition: int, state: Any) -> None:
        """The plant."""
        self.plants += 1

    def take_ends(self, ends: Any, now_us: int) -> None:
        """How far floor.scans has come."""
        self.ends = dict(ends)

    def forget(self, partition: int) -> None:
        """A log that began anew."""
        self.forgotten.append(partition)

    async def knows(self, **wip: int) -> None:
        """Wait until these are the newest."""

        async def has() -> bool:
            return self.wip == wip

        await until(has, f"{wip} known, not {self.wip}")


@contextlib.asynccontextmanager
async def following(broker: str) -> AsyncIterator[tuple[Follower, Recorder]]:
    """A feed at work."""
    told = Recorder()
    kafka = configured(broker).kafka
    board = operations_feed.followed(told, kafka.operation_partitions)
    ends = operations_feed.scan_ends(told, SystemClock(), kafka.scan_partitions)
    feed = Follower(broker, [board], lambda: None, ends)
    task = asyncio.create_task(feed.run())
    try:
        yield feed, told
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_the_feed_reads_what_is_there_and_follows(fresh_broker: str) -> None:
    await write(fresh_broker, operation("A", queued=1), operation("A", queued=2), plant())
    await write(fresh_broker, operation("B", held=3), partition=1)
    async with following(fresh_broker) as (feed, told):
        await told.knows(A=2, B=3)
        await until(lambda: caught_up(feed), "it knows that it has read everything")
        await write(fresh_broker, operation("B", held=4), partition=1)
        await told.knows(A=2, B=4)
        assert told.plants == 1
        assert told.forgotten == []


async def test_the_feed_of_an_empty_log_has_caught_up(fresh_broker: str) -> None:
    async with following(fresh_broker) as (feed, _):
        await until(lambda: caught_up(feed), "there is nothing to read")


async def test_the_feed_says_how_far_the_scans_have_come(fresh_broker: str) -> None:
    async with following(fresh_broker) as (_, told), writing(fresh_broker) as producer:
        for _ in range(3):
            await producer.send_and_wait(SCANS.name, b"{}", b"U1", partition=1)
        await until(lambda: ended(told, 1, 3), "three scans are seen")
        assert told.ends[0] == 0


async def ended(told: Recorder, partition: int, end: int) -> bool:
    return told.ends.get(partition) == end


async def caught_up(feed: Follower) -> bool:
    return feed.caught_up


@pytest.mark.row(12)
async def test_the_feed_begins_anew_with_a_broker_that_has_forgotten(
    broker_choice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if broker_choice != "embedded":
        pytest.skip("only the embedded broker forgets")
    port = free_port()
    monkeypatch.setattr("services.embedded.process.free_port", lambda host: port)
    first, second = Broker(), Broker()
    address = first.start(tmp_path)
    await make_topics(address)
    await write(address, *[operation("A", queued=n) for n in range(5)])
    async with following(address) as (_, told):
        await told.knows(A=4)
        first.kill()
        assert second.start(tmp_path) == address
        try:
            await make_topics(address)
            await write(address, operation("A", queued=9))
            await told.knows(A=9)
            assert 0 in told.forgotten
        finally:
            second.kill()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def test_states_and_plant_model_reach_the_board(fresh_broker: str) -> None:
    async with wire(configured(fresh_broker), Metrics()) as shown:
        task = asyncio.create_task(run(shown))
        try:
            await write(fresh_broker, operation("A", SystemClock().now_us(), queued=2))
            for version in (1, 2):
                await write_model(fresh_broker, version)
            await until(lambda: shows(shown, 2, {"A": 2, "C2": 0}), "version 2 with its operations")
        finally:
            task.cancel()
            await asyncio.wait([task])


async def write_model(broker: str, version: int) -> None:
    """A version of the plant model with operation A and one named after the version."""
    record = PlantRecord(version, T0, "test", document({"A": {}, f"C{version}": {}}))
    async with writing(broker) as producer:
        await producer.send_and_wait(MASTER.name, plant_value(record), plant_key(version))


async def shows(shown: ShowDeps, version: int, wip: dict[str, int]) -> bool:
    now = shown.board.operations(SystemClock().now_us())
    found = {entry["operation_id"]: entry["state"]["wip"] for entry in now["operations"]}
    return (now["model_version"], found) == (version, wip)


async def test_the_stage_ends_by_itself_when_asked_while_boards_watch(fresh_broker: str) -> None:
    port = free_port()
    child = start(fresh_broker, port)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=None) as client:
            await until(lambda: answers(client), "it serves")
            async with client.stream("GET", "/v1/live") as stream:
                chunks = stream.aiter_text()
                assert "event: snapshot" in await anext(chunks)
                child.send_signal(signal.SIGTERM)
                async for _ in chunks:
                    pass  # until it ends properly: a broken connection would raise
        assert await asyncio.to_thread(child.wait, 60) == 0
    finally:
        child.kill()
        child.wait()


async def test_a_port_that_is_taken_is_a_usage_error(fresh_broker: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        child = start(fresh_broker, taken.getsockname()[1])
        assert await asyncio.to_thread(child.wait, 60) == 2


async def answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).status_code == 200
    except httpx.TransportError:
        return False


def start(broker: str, port: int) -> subprocess.Popen[bytes]:
    """The stage as a process."""
    given = {"FLOORSTREAM_KAFKA": broker, "FLOORSTREAM_PROFILE": "embedded", "FLOORSTREAM_PORT": str(port)}
    return subprocess.Popen([sys.executable, "-m", "services.show"], env={**os.environ, **given}, cwd=ROOT)
