"""Three brokers of Apache Kafka, three copies of everything and two in sync, and what a test does to one of them.

Started once for a module; every test begins with new topics.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from services import topology
from services.adapters.topics import create_topics
from services.embedded.apache_kafka import ApacheKafka
from services.embedded.errors import EmbeddedError
from services.settings import KafkaSettings
from tests.faults.network import Network, why_not
from tests.faults.topics import administering
from tests.parts import OPERATION_PARTITIONS, SCAN_PARTITIONS, none_of, until

NODES = 3
HEAP_MB = 256
WHOLE_SECONDS = 90.0
ASKED = 6 * NODES
"""So often in a row whichever broker answers must agree: one may know less than another for a moment."""


class Cluster:
    """A running cluster."""

    def __init__(self, kafka: ApacheKafka, directory: Path, network: Network | None = None) -> None:
        """`network`: the one it is in, if it is in one of its own."""
        self.kafka = kafka
        self.network = network
        self._directory = directory
        self._topics: set[str] = set()

    @property
    def address(self) -> str:
        """The bootstrap addresses."""
        return self.kafka.address

    @property
    def ports(self) -> list[int]:
        """Where the brokers take clients, node 1 first."""
        return [int(address.rpartition(":")[2]) for address in self.address.split(",")]

    @property
    def settings(self) -> KafkaSettings:
        """What a stage of the product is told of it."""
        return KafkaSettings(self.address, False, NODES, SCAN_PARTITIONS, OPERATION_PARTITIONS, 6)

    async def begin_anew(self) -> None:
        """New topics, with three copies; what groups have committed goes with the old ones."""
        await self.whole()
        names = {topic.name for topic in topology.TOPICS} | {topology.UNITS_CHANGELOG}
        self._topics = set()
        async with administering(self.address) as admin:
            if old := names & set(await admin.list_topics()):
                await admin.delete_topics(sorted(old))
            for _ in range(ASKED):
                await until(lambda: none_of(admin, names), "the old topics are gone", WHOLE_SECONDS)
        await create_topics(self.settings)
        self._topics = names
        for _ in range(ASKED):
            await self.whole()

    async def whole(self) -> None:
        """Wait until every partition of every topic has a leader and all its copies in sync."""
        lacking: list[str] = []

        async def in_sync() -> bool:
            with contextlib.suppress(KafkaError, OSError):
                found = await self._partitions()
                lacking[:] = self._topics - {topic for topic, _ in found}
                lacking.extend(f"{t}/{p['partition']}" for t, p in found if len(p["isr"]) < NODES)
                return not lacking
            return False

        await until(in_sync, f"all copies are in sync; not of {lacking}", WHOLE_SECONDS)

    async def leader(self, topic: str, partition: int = 0) -> int:
        """The node that leads a partition."""
        found = await self._partitions()
        return next(int(p["leader"]) for t, p in found if (t, p["partition"]) == (topic, partition))

    async def coordinator(self, group: str) -> int:
        """The node that a group's members report to."""
        async with administering(self.address) as admin:
            return int(await admin.find_coordinator(group))

    def controller(self) -> int:
        """The node that leads the quorum, by what the nodes have put down of the newest election they know."""
        states = [
            json.loads(path.read_text("utf-8"))
            for path in self._directory.glob("node-*/log/__cluster_metadata-0/quorum-state")
        ]
        return int(max(states, key=lambda state: state["leaderEpoch"])["leaderId"])

    async def bounce(self, node: int, *, clean: bool = False) -> None:
        """End a node (kill -9, or politely), start it on its log, wait until the cluster is whole again."""
        await asyncio.to_thread(self.kafka.stop_node if clean else self.kafka.kill_node, node)
        self.kafka.restart_node(node)
        await self.whole()

    async def lose_disk(self, *nodes: int) -> None:
        """kill -9, and these nodes come back with nothing."""
        for node in nodes:
            self.kafka.kill_node(node)
        for node in nodes:
            await asyncio.to_thread(self.kafka.wipe_node, node)
        self.kafka.restart_nodes(*nodes)

    async def _partitions(self) -> list[tuple[str, dict[str, Any]]]:
        async with administering(self.address) as admin:
            topics = await admin.describe_topics()
        return [(topic["topic"], partition) for topic in topics for partition in topic["partitions"]]


@asynccontextmanager
async def paused(cluster: Cluster, *nodes: int) -> AsyncIterator[None]:
    """Nodes are frozen in here: their connections stay open and nothing answers."""
    for node in nodes:
        cluster.kafka.pause(node)
    try:
        yield
    finally:
        for node in nodes:
            cluster.kafka.resume(node)


def started(directory: Path, network: Network | None = None) -> Iterator[Cluster]:
    """A cluster, ended after use; skips where there is no Java."""
    kafka = ApacheKafka() if network is None else ApacheKafka(host=network.host, inside=network.inside)
    try:
        kafka.install()
    except EmbeddedError as error:
        pytest.skip(f"no Apache Kafka here: {error}")
    try:
        kafka.start(directory, nodes=NODES, heap_mb=HEAP_MB)
        yield Cluster(kafka, directory, network)
    finally:
        kafka.kill()


@pytest.fixture(scope="module")
def running_cluster(broker_choice: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three brokers."""
    only_apache(broker_choice)
    yield from started(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")
def running_cluster_elsewhere(broker_choice: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three brokers in a network of their own, which can be cut."""
    only_apache(broker_choice)
    if reason := why_not():
        pytest.skip(reason)
    with Network() as network:
        yield from started(tmp_path_factory.mktemp("cluster"), network)


def only_apache(broker_choice: str) -> None:
    """Another broker is not what is asked for."""
    if broker_choice != "apache":
        pytest.skip("needs a real Kafka: --broker=apache")


@pytest.fixture
async def cluster(running_cluster: Cluster) -> Cluster:
    """Three brokers with new topics."""
    await running_cluster.begin_anew()
    return running_cluster


@pytest.fixture
async def cluster_elsewhere(running_cluster_elsewhere: Cluster) -> AsyncIterator[Cluster]:
    """Three brokers in a network of their own, with new topics; healed after the test."""
    network = running_cluster_elsewhere.network
    assert network is not None
    await running_cluster_elsewhere.begin_anew()
    yield running_cluster_elsewhere
    network.heal()
