"""Hostile bodies, round upon round, to an ingest that is a process of its own: it goes on, and its memory has an end.

What a round leaves behind is free memory: glibc keeps it for each thread in which documents are read, while the 16 MB
that are in use are the same after 8 rounds and after 72. So it grows for some rounds, and then in rare steps: 165 MB
after 5 rounds, 184 after 20, 190 after 64.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from statistics import median

import httpx
import pytest

from services.embedded.process import free_port
from tests.faults.ingest_process import IngestProcesses
from tests.hostile_bodies import Hostile, hostile_bodies
from tests.ingest_floor import PLANT, event
from tests.parts import until

pytestmark = pytest.mark.slow
ROUNDS = 64
FEWER_ROUNDS = 24
AT_ONCE = 4
MOST_GROWTH_MB = 24.0
"""From the second quarter of the rounds to the last; what the allocator keeps comes in steps of up to 15."""
MOST_MB = 300.0
"""At any moment: 219 were seen, and 72 before the first body."""


@pytest.fixture
def doors(fresh_broker: str, broker_choice: str, tmp_path: Path) -> Iterator[IngestProcesses]:
    profile = "embedded" if broker_choice == "embedded" else "kafka"
    processes = IngestProcesses(fresh_broker, profile, free_port(), tmp_path / "ingest.log")
    yield processes
    processes.end()


@pytest.fixture
async def client(doors: IngestProcesses) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=doors.address, trust_env=False, timeout=120) as made:
        yield made


def megabytes(pid: int, field: str) -> float:
    """VmRSS: the memory that the process has now; VmHWM: the most it ever had."""
    found = re.search(rf"^{field}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) / 1024


async def plant_is_taken(client: httpx.AsyncClient) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return (await client.put("/v1/plant", content=PLANT.encode())).status_code in (200, 201)
    return False


async def one_round(client: httpx.AsyncClient, bodies: list[Hostile]) -> None:
    """All of them, some at once; none is an internal error."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def send(each: Hostile) -> None:
        async with turns:
            answer = await client.post(each.path, content=each.body, headers=each.headers)
        assert answer.status_code in (200, 202, 400, 413, 422), (each.path, each.body[:80], answer.text[:300])

    await asyncio.gather(*map(send, bodies))


async def memory_of_rounds(
    doors: IngestProcesses, client: httpx.AsyncClient, rounds: int, **environment: str
) -> tuple[float, float]:
    """By how many MB the last quarter of the rounds lies above the second, and the most at any moment."""
    child, bodies, seen = doors.start(**environment), hostile_bodies(), list[float]()
    await until(lambda: plant_is_taken(client), "ingest takes a plant model")
    for _ in range(rounds):
        await one_round(client, bodies)
        seen.append(round(megabytes(child.pid, "VmRSS"), 1))
    most = megabytes(child.pid, "VmHWM")
    print(f"MB after each round: {seen}; the most at any moment: {most:.0f}")
    assert (await client.post("/v1/scans", json=[event()])).status_code == 202
    return median(seen[-rounds // 4 :]) - median(seen[rounds // 4 : rounds // 2]), most


async def test_memory_has_an_end(doors: IngestProcesses, client: httpx.AsyncClient) -> None:
    growth, most = await memory_of_rounds(doors, client, ROUNDS)
    assert growth < MOST_GROWTH_MB
    assert most < MOST_MB


async def test_red_where_what_was_read_is_not_forgotten(doors: IngestProcesses, client: httpx.AsyncClient) -> None:
    growth, _ = await memory_of_rounds(doors, client, FEWER_ROUNDS, WITHOUT="forgetting")
    assert growth > MOST_GROWTH_MB
