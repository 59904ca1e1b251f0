"""One database for all tests of a module: the simulated plant of the last 25 minutes."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from loadtest.lines import lines
from loadtest.plant import Plant
from loadtest.shifts import MINUTE, SECOND
from services.adapters.clock import SystemClock
from services.adapters.migrate import migrate
from tests.parts import ask, with_database
from tests.walls.sampled_floor import SampledFloor

LENGTH = 25 * MINUTE
LINE_2 = 10 * MINUTE
GRID = 30 * SECOND
"""The plant ends at a point of the grid that panels ask for: there a sampled curve is exact."""


@dataclass
class Filled:
    """The database, the plant that filled it, and the time it worked, µs."""

    dsn: str
    plant: Plant
    begin: int
    end: int
    products: dict[str, str]


@pytest.fixture(scope="module")
def filled(database_server: str) -> Iterator[Filled]:
    """Everything the stages would have stored."""
    name = f"walls_{uuid.uuid4().hex[:12]}"
    asyncio.run(ask_one(database_server, f"CREATE DATABASE {name}"))
    yield asyncio.run(fill(with_database(database_server, name)))
    asyncio.run(ask_one(database_server, f"DROP DATABASE {name} WITH (FORCE)"))


async def ask_one(dsn: str, query: str) -> None:
    """One statement."""
    await ask(dsn, query)


async def fill(dsn: str) -> Filled:
    """Let the plant work up to now."""
    end = SystemClock().now_us() // GRID * GRID
    begin = end - LENGTH
    plant = Plant(7, lines(begin, begin + LINE_2))
    floor = SampledFloor()
    floor.work(plant, begin, end)
    floor.refuse("LOST", end)
    floor.track()
    await migrate(dsn)
    await floor.store(dsn)
    return Filled(dsn, plant, begin, end, floor.products)
