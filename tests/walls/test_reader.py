"""The role of the walls reads schema kpi and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import pytest

from services.adapters.migrate import MIGRATIONS
from tests.walls.conftest import Filled, ask_one

ROLE = "floorstream_reader"
PASSWORD = "only for this test"
EVERYTHING = "SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE "


@pytest.fixture(scope="module")
def dsn(filled: Filled) -> str:
    """The address of the database for the role."""
    asyncio.run(ask_one(filled.dsn, f"ALTER ROLE {ROLE} PASSWORD '{PASSWORD}'"))
    parts = urlsplit(filled.dsn)
    return urlunsplit(parts._replace(netloc=f"{ROLE}:{quote(PASSWORD)}@{parts.hostname}:{parts.port}"))


@pytest.fixture
async def reader(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the role."""
    reader = await asyncpg.connect(dsn)
    yield reader
    await reader.close()


async def test_it_reads_every_view_of_the_schema(reader: asyncpg.Connection) -> None:
    views = [row[0] for row in await reader.fetch(EVERYTHING + "n.nspname = 'kpi' AND c.relkind IN ('v', 'm')")]
    assert len(views) > 8
    for view in views:
        await reader.fetch(f"SELECT * FROM {view} LIMIT 1")


async def test_it_reads_no_table(reader: asyncpg.Connection) -> None:
    tables = [
        row[0] for row in await reader.fetch(EVERYTHING + "n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v')")
    ]
    assert len(tables) > 10
    for table in tables:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.fetch(f"SELECT * FROM {table} LIMIT 1")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE kpi.visits SET quantity = 0",
        "DELETE FROM kpi.rejects",
        "CREATE TABLE kpi.mine (a int)",
        "CREATE TEMP TABLE mine (a int)",
    ],
)
async def test_it_changes_nothing(reader: asyncpg.Connection, statement: str) -> None:
    with pytest.raises((asyncpg.ReadOnlySQLTransactionError, asyncpg.InsufficientPrivilegeError)):
        await reader.execute(statement)


async def test_it_changes_nothing_where_it_asks_to_write(reader: asyncpg.Connection) -> None:
    await reader.execute("SET default_transaction_read_only = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.execute("DELETE FROM kpi.rejects")


async def test_a_query_without_end_is_ended(reader: asyncpg.Connection) -> None:
    assert await reader.fetchval("SHOW statement_timeout") == "5s"
    assert await reader.fetchval("SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user") == 20


async def test_a_migrating_role_without_the_right_says_what_to_do(empty_database: str) -> None:
    conn = await asyncpg.connect(empty_database)
    said: list[str] = []
    try:
        await conn.execute("CREATE SCHEMA kpi")
        conn.add_log_listener(lambda _, message: said.append(str(message)))
        async with conn.transaction():
            await conn.execute(f"ALTER ROLE {ROLE} RENAME TO away; CREATE ROLE modest; SET LOCAL ROLE modest")
            await conn.execute((MIGRATIONS / "011_reader.sql").read_text("utf-8"))
            raise asyncpg.RaiseError
    except asyncpg.RaiseError:
        pass
    finally:
        await conn.close()
    assert any("011_reader.sql" in message for message in said)
