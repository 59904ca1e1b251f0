"""The edge program behind a network that is cut: an hour of reads while nothing can be sent, and each is a visit once.

18,000 reads, five a second for an hour, come in while packets vanish and then while the cable is pulled. In the slow
tests the hour is compressed, as far as the scanner can send; the long one takes the hour.
"""

import asyncio
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.embedded.process import free_port
from tests.faults import network
from tests.faults.network import Cut, Network
from tests.integration.edge_gate import EDGE_PLANT, Gate
from tests.integration.stage_beside import new_key, stage_beside
from tests.integration.up_process import Running
from tests.parts import until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(network.why_not()), reason=network.why_not() or "-")]
BEFORE = 500
HOUR = 18_000
PIECES = 60
"""That half the hour's reads come in, with pauses between them."""
MOST_GROWTH_MB = 4.0
"""From half the hour on: what is kept only on the disk takes no more memory, however much it is."""


@pytest.fixture
def link() -> Iterator[Network]:
    """Between the edge, inside, and the server."""
    with Network() as made:
        yield made


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Running]:
    """The server, with the edge's plant."""
    plant = tmp_path / "plant.yaml"
    plant.write_text(EDGE_PLANT, "utf-8")
    with Running(tmp_path, "up", "--port", str(free_port()), "--plant", str(plant)) as running:
        yield running


@pytest.fixture
def port() -> int:
    """Of the server, at its end of the link."""
    return free_port()


@pytest.fixture
def edge(link: Network, port: int, stack: Running, tmp_path: Path) -> Iterator[Gate]:
    """The program, inside; outside an ingest that takes what comes over the link, with a key."""
    server, keys = f"http://{link.outside}:{port}", tmp_path / "keys.json"
    (tmp_path / "edge").mkdir()
    key = new_key(stack, keys)
    with (
        stage_beside(stack, "ingest", server, keys),
        Gate(tmp_path / "edge", server, key=key, inside=link.inside) as made,
    ):
        yield made


def most_mb(edge: Gate) -> float:
    """The most memory that it has had so far."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{edge.pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) / 1024


def codes(begin: int, end: int) -> list[str]:
    return [f"U{number}" for number in range(begin, end)]


async def scanned(edge: Gate, begin: int, end: int, seconds: float) -> None:
    """Reads come in over so many seconds, while nothing leaves."""
    began, size = asyncio.get_running_loop().time(), (end - begin) // PIECES
    for number in range(PIECES):
        await asyncio.to_thread(edge.scan, codes(begin + number * size, begin + (number + 1) * size))
        await passed(began, seconds * (number + 1) / PIECES)
    await asyncio.to_thread(edge.waits_until, end - BEFORE, "all that was read is in the queue")


@pytest.mark.parametrize("cut_s", [10.0, pytest.param(1_800.0, marks=pytest.mark.long)], ids=["compressed", "real"])
async def test_an_hour_without_network_is_counted_once_and_takes_no_memory(
    cut_s: float, edge: Gate, link: Network, port: int, stack: Running, tmp_path: Path
) -> None:
    edge.start()
    await asyncio.to_thread(edge.scan, codes(0, BEFORE))
    await asyncio.to_thread(edge.waits_until, 0, "what is read with a network is sent")
    memory = [most_mb(edge)]

    half = BEFORE + HOUR // 2
    link.cut(Cut.SENT, port)
    await scanned(edge, BEFORE, half, cut_s)
    memory.append(most_mb(edge))
    link.plug(pulled=True)
    link.heal()
    await scanned(edge, half, BEFORE + HOUR, cut_s)
    memory.append(most_mb(edge))
    link.plug(pulled=False)

    await asyncio.to_thread(edge.waits_until, 0, "all was sent")
    memory.append(most_mb(edge))
    print("MB before, after half the hour, after the hour, once all is sent:", [round(each, 1) for each in memory])
    assert edge.end("terminate") == 0
    assert stack.floorstream("drain", "--timeout", "60s").returncode == 0
    verified = stack.floorstream("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert stack.floorstream("export", "--out", str(tmp_path / "out")).returncode == 0
    with (tmp_path / "out" / "visits.csv").open(encoding="utf-8", newline="") as file:
        visits = list(csv.DictReader(file))
    assert sorted(visit["unit_id"] for visit in visits) == sorted(codes(0, BEFORE + HOUR))
    assert {visit["repeats"] for visit in visits} == {"0"}
    assert max(memory) - memory[1] < MOST_GROWTH_MB


async def passed(began: float, seconds: float) -> None:
    """Wait until the network has been away for so long."""

    async def long_enough() -> bool:
        return asyncio.get_running_loop().time() > began + seconds

    await until(long_enough, "the network has been away for a while", seconds + 10)
