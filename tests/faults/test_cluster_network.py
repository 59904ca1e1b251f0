"""The network between the product and three brokers is cut: both ways, refused at once, or the way back alone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import topology
from tests.faults.cluster import Cluster
from tests.faults.network import Cut, Network
from tests.faults.plant import under_load
from tests.faults.scans import Floor
from tests.faults.topics import committed
from tests.faults.track_process import TrackProcesses
from tests.parts import until

pytestmark = [pytest.mark.slow, pytest.mark.long]


@pytest.fixture
def network(cluster_elsewhere: Cluster) -> Network:
    """The one that is cut."""
    assert cluster_elsewhere.network is not None
    return cluster_elsewhere.network


@pytest.mark.row(13)
@pytest.mark.parametrize(("seed", "how", "seconds"), [(131, Cut.DROP, 20), (132, Cut.DROP, 120), (133, Cut.REJECT, 20)])
async def test_no_broker_can_be_reached(
    seed: int, how: Cut, seconds: float, network: Network, cluster_elsewhere: Cluster, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    async with under_load(tmp_path, cluster_elsewhere.address, monkeypatch, seed) as plant:
        network.cut(how, *cluster_elsewhere.ports)
        began = asyncio.get_running_loop().time()
        await plant.refused(503)
        await asyncio.sleep(max(0.0, began + seconds - asyncio.get_running_loop().time()))
        network.heal()


@pytest.mark.row(13)
@pytest.mark.parametrize("seed", [134])
async def test_the_leader_alone_cannot_be_reached(
    seed: int, network: Network, cluster_elsewhere: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is alive for the other brokers, so that nobody takes its place: what it leads waits."""
    async with under_load(tmp_path, cluster_elsewhere.address, monkeypatch, seed) as plant:
        leader = await cluster_elsewhere.leader(topology.SCANS.name)
        network.cut(Cut.DROP, cluster_elsewhere.ports[leader - 1])
        await plant.refused(503)
        network.heal()


async def lose_answers(
    cluster: Cluster, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, forgetful: bool
) -> None:
    """Three times what is produced arrives and nobody is told."""
    async with under_load(tmp_path, cluster.address, monkeypatch, seed, forgetful=forgetful) as plant:
        for _ in range(3):
            network.cut(Cut.ANSWERS, *cluster.ports)
            await plant.refused(503)
            network.heal()
            await plant.gets_on()


@pytest.mark.row(14)
@pytest.mark.parametrize("seed", [141])
async def test_no_answer_comes_back(
    seed: int, network: Network, cluster_elsewhere: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lose_answers(cluster_elsewhere, network, tmp_path, monkeypatch, seed, forgetful=False)


@pytest.mark.row(14)
@pytest.mark.red("ids that a sender keeps")
@pytest.mark.parametrize("seed", [142])
async def test_red_where_what_is_sent_again_has_another_id(
    seed: int, network: Network, cluster_elsewhere: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError, match="is not the fold of what was sent"):
        await lose_answers(cluster_elsewhere, network, tmp_path, monkeypatch, seed, forgetful=True)


@pytest.fixture
def workers(cluster_elsewhere: Cluster, tmp_path: Path) -> Iterator[TrackProcesses]:
    """Track workers on the cluster."""
    processes = TrackProcesses(cluster_elsewhere.address, "kafka", tmp_path)
    yield processes
    processes.end()


@pytest.fixture
async def floor(cluster_elsewhere: Cluster) -> Floor:
    """The plant model in force."""
    floor = Floor(cluster_elsewhere.address)
    await floor.publish_plant()
    return floor


@pytest.mark.row(13, 35)
async def test_a_worker_cut_off_beyond_its_session_changes_nothing(
    network: Network, cluster_elsewhere: Cluster, floor: Floor, workers: TrackProcesses
) -> None:
    """Another, on the brokers' side of the cut, takes over; what the first had in its hands arrives late."""
    cut_off = workers.start("1")
    await workers.takes_work(cut_off)
    load = asyncio.create_task(floor.produce(seed=135, units=150, pause_every=5))

    async def some() -> bool:
        return sum((await committed(floor.broker)).values()) > 100

    await until(some, "some scans are committed")
    network.cut(Cut.DROP, *cluster_elsewhere.ports)
    workers.inside = network.inside
    other = workers.start("2")
    await workers.takes_work(other)
    network.heal()
    await load
    await floor.check()
    assert other.poll() is None
