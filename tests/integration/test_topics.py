"""The topics on a real broker: made once, found the second time, and never used with another number of partitions."""

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import NodeNotReadyError

from services import settings, topology
from services.adapters import topics
from services.adapters.topics import TopicsError, create_topics, require_topics, start_admin
from services.embedded.broker import Broker
from services.settings import KafkaSettings

NAMES = {topic.name for topic in topology.TOPICS} | {topology.UNITS_CHANGELOG}


@pytest.fixture
def empty_broker(tmp_path: Path) -> Iterator[KafkaSettings]:
    """A broker without topics."""
    broker = Broker()
    address = broker.start(tmp_path)
    yield settings.read({"FLOORSTREAM_KAFKA": address, "FLOORSTREAM_PROFILE": "embedded"}).kafka
    broker.kill()


async def described(kafka: KafkaSettings) -> dict[str, int]:
    """Topic → number of partitions, as the broker says."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers)
    await admin.start()
    try:
        return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    finally:
        await admin.close()


async def test_all_topics_are_made_with_their_partitions(empty_broker: KafkaSettings) -> None:
    assert set(await create_topics(empty_broker)) == NAMES
    found = await described(empty_broker)
    assert {name: found[name] for name in ("floor.scans", "floor.partials", "floor.master")} == {
        "floor.scans": 4,
        "floor.partials": 2,
        "floor.master": 1,
    }
    assert found[topology.UNITS_CHANGELOG] == found[topology.SCANS.name]


async def test_the_second_time_nothing_is_made(empty_broker: KafkaSettings) -> None:
    await create_topics(empty_broker)
    assert await create_topics(empty_broker) == []


class Beginning:
    """The admin client of a broker that takes connections and names itself at the third question only."""

    def __init__(self) -> None:
        self.asked = 0

    async def start(self) -> None:
        """Connect."""

    async def list_topics(self) -> list[str]:
        """The question."""
        self.asked += 1
        if self.asked < 3:
            raise NodeNotReadyError
        return []


async def test_a_broker_that_does_not_know_itself_yet_is_asked_again() -> None:
    admin = Beginning()
    await start_admin(admin)
    assert admin.asked == 3


async def test_another_number_of_partitions_is_refused_by_name(empty_broker: KafkaSettings) -> None:
    await create_topics(empty_broker)
    with pytest.raises(TopicsError, match=r"floor\.scans has 4, not 8.*rebuild into new topics"):
        await create_topics(dataclasses.replace(empty_broker, scan_partitions=8))
    assert (await described(empty_broker))["floor.scans"] == 4


async def test_no_broker_is_one_clear_line(empty_broker: KafkaSettings) -> None:
    nowhere = dataclasses.replace(empty_broker, brokers="127.0.0.1:1")
    with pytest.raises(TopicsError, match=r"127\.0\.0\.1:1"):
        await create_topics(nowhere)


async def test_topics_that_are_just_being_made_are_waited_for(empty_broker: KafkaSettings) -> None:
    waiting = asyncio.create_task(require_topics(empty_broker))
    await create_topics(empty_broker)
    await waiting


async def test_topics_that_nobody_makes_are_named(empty_broker: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "HEARD_SECONDS", 0.0)
    with pytest.raises(TopicsError, match=r"floor\.scans.*floorstream topics create"):
        await require_topics(empty_broker)
