"""Which broker and which database the tests run on: `--broker=embedded|apache|HOST:PORT`, `--database=embedded|URL`.

fresh_broker       a broker whose floor.* topics are new and empty
empty_database     the DSN of a database of its own, without tables
database           the same, migrated
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services import topology
from services.adapters.migrate import migrate
from services.adapters.plant_master import follow
from services.adapters.topics import start_admin
from services.embedded.apache_kafka import ApacheKafka
from services.embedded.broker import Broker
from services.embedded.database import Database
from services.embedded.errors import EmbeddedError

SCAN_PARTITIONS = 4
OPERATION_PARTITIONS = 2
POLL_SECONDS = 0.05


def pytest_addoption(parser: pytest.Parser) -> None:
    """The two options."""
    group = parser.getgroup("floorstream")
    group.addoption("--broker", default="embedded", help="embedded, apache, or HOST:PORT of a running one")
    group.addoption("--database", default="embedded", help="embedded, or the URL of a server to make databases on")


@pytest.fixture(scope="session")
def broker_choice(request: pytest.FixtureRequest) -> str:
    """What --broker says."""
    return str(request.config.getoption("--broker"))


@pytest.fixture(scope="session")
def database_choice(request: pytest.FixtureRequest) -> str:
    """What --database says."""
    return str(request.config.getoption("--database"))


@pytest.fixture
async def fresh_broker(broker_choice: str, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a broker with new topics: a server of its own, which takes 3 s at most."""
    part = {"embedded": Broker, "apache": ApacheKafka}.get(broker_choice)
    if part is None:
        await make_topics(broker_choice)
        yield broker_choice
        return
    server = part()
    if isinstance(server, ApacheKafka):
        try:
            server.install()
        except EmbeddedError as error:
            pytest.skip(f"no Apache Kafka here: {error}")
    try:
        address = server.start(tmp_path)
        await make_topics(address)
        yield address
    finally:
        server.kill()


async def make_topics(address: str) -> None:
    """The topics of topology.py, empty."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    names = [*(topic.name for topic in topology.TOPICS), topology.UNITS_CHANGELOG]
    try:
        await start_admin(admin)
        old = set(names) & set(await admin.list_topics())
        if old:
            await admin.delete_topics(sorted(old))
            await until(lambda: none_of(admin, old), "the old topics are gone")
        await admin.create_topics(
            [
                NewTopic(topic.name, topology.partitions(topic, SCAN_PARTITIONS, OPERATION_PARTITIONS), 1)
                for topic in topology.TOPICS
            ]
        )
    finally:
        await admin.close()


async def none_of(admin: AIOKafkaAdminClient, names: set[str]) -> bool:
    """Has the broker none of these topics?"""
    return not names & set(await admin.list_topics())


@pytest.fixture(scope="session")
def database_server(database_choice: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of a server on which databases may be made."""
    if database_choice == "embedded":
        server = Database()
        yield server.start(tmp_path_factory.mktemp("database"))
        server.kill()
    else:
        yield database_choice


@pytest.fixture
async def empty_database(database_server: str) -> AsyncIterator[str]:
    """The DSN of a database without tables, dropped after the test."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await ask(database_server, f"CREATE DATABASE {name}")
    yield with_database(database_server, name)
    await ask(database_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(empty_database: str) -> str:
    """The DSN of a migrated database, dropped after the test."""
    await migrate(empty_database)
    return empty_database


def with_database(dsn: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


async def ask(dsn: str, query: str, *arguments: object) -> list[asyncpg.Record]:
    """The rows of one statement."""
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(query, *arguments))
    finally:
        await connection.close()


async def until(condition: Callable[[], Awaitable[bool]], meaning: str, seconds: float = 60.0) -> None:
    """Wait until the condition holds; an AssertionError says what did not come true."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds:.0f} s: {meaning}"
        await asyncio.sleep(POLL_SECONDS)


async def orders_of(broker: str) -> dict[str, dict[str, Any]]:
    """The production orders that hold in a log."""
    master = follow(broker)
    following = asyncio.create_task(master.run())
    try:
        async with asyncio.timeout(60):
            await master.wait_for(lambda: master.complete)
        return master.orders
    finally:
        following.cancel()
        await asyncio.wait([following])
