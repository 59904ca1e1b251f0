"""The embedded broker keeps what is produced, gives it back, and leaves nothing running."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.embedded.broker import Broker
from services.embedded.errors import EmbeddedError
from services.embedded.process import wait_until


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.kill()


async def produce(address: str, topic: str, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=1)


async def consume(address: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=address, fetch_max_wait_ms=20)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 1)
        consumer.assign([partition])
        consumer.seek(partition, 0)
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


async def create_topic(address: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    finally:
        await admin.close()


async def test_what_is_produced_is_consumed(broker: Broker, tmp_path: Path) -> None:
    address = broker.start(tmp_path)
    await create_topic(address, "scans")
    values = [b"%d" % number for number in range(100)]
    await produce(address, "scans", values)
    assert await consume(address, "scans", len(values)) == values


def test_it_listens_on_the_loopback_address_only(broker: Broker, tmp_path: Path) -> None:
    broker.start(tmp_path)
    listening = {
        c.laddr.ip for c in psutil.Process(broker.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_stop_leaves_no_process_and_may_be_repeated(broker: Broker, tmp_path: Path) -> None:
    broker.start(tmp_path)
    pid = broker.pid
    broker.stop()
    broker.stop()
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_a_stopped_broker_starts_again_empty(broker: Broker, tmp_path: Path) -> None:
    broker.start(tmp_path)
    broker.stop()
    broker.start(tmp_path)
    assert broker.pid is not None


def test_starting_twice_is_refused(broker: Broker, tmp_path: Path) -> None:
    broker.start(tmp_path)
    with pytest.raises(EmbeddedError, match="already runs"):
        broker.start(tmp_path)


def test_a_broker_that_was_killed_is_seen_as_gone(broker: Broker, tmp_path: Path) -> None:
    broker.start(tmp_path)
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)
    assert wait_until(lambda: broker.pid is None, 60)


def test_nothing_is_written_to_the_home_directory(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    broker.start(tmp_path / "data")
    assert list(home.iterdir()) == []


def test_another_system_gets_one_line_that_says_what_is_supported(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(EmbeddedError, match=r"^the embedded broker cannot run here .*glibc >= 2\.28.*$"):
        broker.start(tmp_path)
