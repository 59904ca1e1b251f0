"""The whole product on three brokers that are killed, started again and paused one by one, or all at once."""

import asyncio
from pathlib import Path

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from services import topology
from services.adapters.kafka_producer import KafkaOutbox
from services.adapters.metrics import Metrics
from services.adapters.topics import wanted_topics
from services.ports import BrokerAway, Outgoing, TooManyPending
from tests.faults.cluster import NODES, Cluster, paused
from tests.faults.plant import under_load
from tests.faults.topics import administering
from tests.parts import until

pytestmark = pytest.mark.slow

SENDERS = 3
SCANS = [Outgoing(topology.SCANS.name, number % 4, b"U", b"{}", ()) for number in range(400)]
"""One request."""


@pytest.mark.row(11)
@pytest.mark.long
@pytest.mark.parametrize("seed", [101])
async def test_leader_coordinator_and_controller_killed_five_times(
    seed: int, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with under_load(tmp_path, cluster.address, monkeypatch, seed) as plant:
        for turn in range(5):
            victim = (
                await cluster.leader(topology.SCANS.name, turn % 4),
                await cluster.coordinator(topology.TRACK_GROUP),
                cluster.controller(),
            )[turn % 3]
            await cluster.bounce(victim)
            await plant.gets_on()


@pytest.mark.row(11)
@pytest.mark.parametrize("seed", [102])
async def test_every_broker_started_again_in_turn(
    seed: int, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with under_load(tmp_path, cluster.address, monkeypatch, seed) as plant:
        for node in range(1, NODES + 1):
            await cluster.bounce(node, clean=True)
            await plant.gets_on()


@pytest.mark.row(10)
@pytest.mark.long
@pytest.mark.parametrize(("seed", "seconds"), [(104, 5), (105, 30), (106, 90)])
async def test_all_brokers_are_paused(
    seed: int, seconds: float, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with under_load(tmp_path, cluster.address, monkeypatch, seed) as plant:
        async with paused(cluster, *range(1, NODES + 1)):
            began = asyncio.get_running_loop().time()
            await plant.refused(503)
            await asyncio.sleep(max(0.0, began + seconds - asyncio.get_running_loop().time()))
        await cluster.whole()


async def flood(cluster: Cluster, most_pending: int) -> int:
    """Senders on and on while nobody acknowledges; how many records wait in the end."""
    outbox = KafkaOutbox(cluster.settings, Metrics(), most_pending=most_pending)
    await outbox.start()
    told: list[BaseException] = []
    try:
        await outbox.send(SCANS)  # the client knows now who leads
        async with paused(cluster, *range(1, NODES + 1)):
            for _ in range(SENDERS):
                requests = [outbox.send(SCANS) for _ in range(2)]
                told += [each for each in await asyncio.gather(*requests, return_exceptions=True) if each is not None]
            pending = outbox.pending

        async def nothing_waits() -> bool:
            return outbox.pending == 0

        await until(nothing_waits, "the brokers have taken what waited")
    finally:
        await outbox.stop()
    assert all(isinstance(each, BrokerAway | TooManyPending) for each in told)
    return pending


@pytest.mark.row(10)
@pytest.mark.long
async def test_what_waits_for_a_paused_broker_is_bounded(cluster: Cluster) -> None:
    assert await flood(cluster, most_pending=1_000) <= 1_000


@pytest.mark.row(10)
@pytest.mark.long
@pytest.mark.red("limit of what waits")
async def test_red_without_a_limit_of_what_waits(cluster: Cluster) -> None:
    with pytest.raises(AssertionError):
        assert await flood(cluster, most_pending=1 << 40) <= 1_000


async def test_topics_have_three_copies_of_which_two_must_be_in_sync(cluster: Cluster) -> None:
    names = [topic.name for topic in wanted_topics(cluster.settings)]
    async with administering(cluster.address) as admin:
        described = await admin.describe_topics(names)
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    copies = {topic["topic"]: {len(each["replicas"]) for each in topic["partitions"]} for topic in described}
    needed = {name: dict(entry[:2] for entry in entries) for *_, name, entries in answer.resources}
    assert copies == {name: {3} for name in names}
    assert {name: config["min.insync.replicas"] for name, config in needed.items()} == dict.fromkeys(names, "2")
