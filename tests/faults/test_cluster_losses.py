"""The whole product on three brokers of which one is frozen or comes back with an empty disk, or all of them do."""

import contextlib
from pathlib import Path

import pytest

from services import topology
from services.adapters.topics import create_topics
from tests.faults.cluster import NODES, Cluster, paused
from tests.faults.plant import under_load
from tests.parts import until

pytestmark = [pytest.mark.slow, pytest.mark.long]


@pytest.mark.row(10)
@pytest.mark.parametrize("seed", [103])
async def test_the_leader_is_paused_and_the_others_go_on(
    seed: int, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with under_load(tmp_path, cluster.address, monkeypatch, seed) as plant:
        leader = await cluster.leader(topology.SCANS.name)
        async with paused(cluster, leader):
            await plant.gets_on()
        await cluster.whole()


@pytest.mark.row(11)
@pytest.mark.parametrize("seed", [107])
async def test_every_broker_loses_its_disk_in_turn(
    seed: int, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with under_load(tmp_path, cluster.address, monkeypatch, seed) as plant:
        for node in range(1, NODES + 1):
            await cluster.lose_disk(node)
            await cluster.whole()
            await plant.gets_on()


@pytest.mark.row(12)
@pytest.mark.parametrize("seed", [121])
async def test_all_brokers_lose_their_disks_at_once(
    seed: int, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The topics are made anew, as one does who believes that this helps: the rows are not those of the new log."""
    with contextlib.suppress(LostLog):
        async with under_load(tmp_path, cluster.address, monkeypatch, seed) as plant:
            await cluster.lose_disk(*range(1, NODES + 1))
            await create_topics(cluster.settings)
            await until(plant.has_ended, "the product has ended", 150)
            raise LostLog
    assert plant.up.process.returncode == 70
    said = "\n".join(plant.up.lines)
    assert "exit code 70: a guarantee could not be kept" in said
    assert "floorstream rebuild" in said


class LostLog(Exception):
    """Nothing is left to compare with."""
