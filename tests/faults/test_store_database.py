"""The store and a database in trouble: it waits, tries the whole transaction again, and in the end every row is right.

Deadlines are shorter here than in life; what they are for is the same.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from services.embedded.process import free_port
from tests.faults.scraped import metrics
from tests.faults.tcp_proxy import TcpProxy, at_port
from tests.integration.store_floor import Floor
from tests.integration.store_process import StoreProcess
from tests.parts import ask, until

SEED = 21
PARTS = 3
LOCKED_S = 30
LOCKING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'floorstream store'"


@pytest.fixture
async def proxy(database: str) -> AsyncIterator[TcpProxy]:
    where = urlsplit(database)
    proxy = TcpProxy(str(where.hostname), int(where.port or 0))
    yield proxy
    await proxy.stop()


@pytest.fixture
def floor() -> Floor:
    return Floor(seed=SEED)


@pytest.fixture
def stores(fresh_broker: str, database: str, tmp_path: Path) -> Iterator[StoreProcess]:
    stores = StoreProcess(fresh_broker, database, tmp_path / "store.log")
    yield stores
    stores.end()


async def first_rows(dsn: str) -> bool:
    return bool(await ask(dsn, "SELECT 1 FROM raw_scans LIMIT 1"))


async def says(stores: StoreProcess, words: str) -> bool:
    return words in stores.log


async def right_in_the_end(floor: Floor, dsn: str, child: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Every row is there, and it was the same process that wrote them."""
    stored = asyncio.create_task(floor.stored(dsn, seconds))
    while not stored.done():
        await asyncio.wait([stored], timeout=0.2)
        if child.poll() is not None:
            stored.cancel()
            break
    assert child.poll() is None, "the store has gone on by itself"
    await stored
    await floor.check(dsn)


async def half_open(
    floor: Floor, fresh_broker: str, database: str, stores: StoreProcess, proxy: TcpProxy, **environment: str
) -> None:
    """The connections to the database pass nothing more, and nobody says so."""
    dsn = at_port(database, await proxy.start())
    await floor.produce(fresh_broker, 0, PARTS)
    child = stores.start(FLOORSTREAM_DATABASE_URL=dsn, **environment)
    await until(lambda: first_rows(database), "the first rows")
    assert proxy.freeze() > 0
    await floor.produce(fresh_broker, 1, PARTS)
    await floor.produce(fresh_broker, 2, PARTS)
    await right_in_the_end(floor, database, child, 20)
    assert "database not usable" in stores.log


@pytest.mark.row(15)
async def test_a_connection_that_is_half_open(
    floor: Floor, fresh_broker: str, database: str, stores: StoreProcess, proxy: TcpProxy
) -> None:
    await half_open(floor, fresh_broker, database, stores, proxy, DEADLINE_S="2")


@pytest.mark.slow
@pytest.mark.row(15)
@pytest.mark.red("deadlines of statements")
async def test_red_without_deadlines(
    floor: Floor, fresh_broker: str, database: str, stores: StoreProcess, proxy: TcpProxy
) -> None:
    with pytest.raises(AssertionError, match="every frame is in the database"):
        await half_open(floor, fresh_broker, database, stores, proxy, WITHOUT="deadlines")


async def slow(
    floor: Floor, fresh_broker: str, database: str, stores: StoreProcess, proxy: TcpProxy, **environment: str
) -> None:
    """Every answer of the database takes half a second: what waits stays bounded, batches grow, nothing times out."""
    rows = 100
    await floor.produce(fresh_broker)
    proxy.delay, port = 0.5, free_port()
    own = {"FLOORSTREAM_METRICS_PORT": str(port), "FLUSH_ROWS": str(rows)}
    child = stores.start(FLOORSTREAM_DATABASE_URL=at_port(database, await proxy.start()), **own, **environment)
    waiting: list[float] = []

    async def some_written() -> bool:
        waiting.append(await waiting_rows(port))
        return await first_rows(database) and waiting[-1] > 0

    await until(some_written, "the first rows are written, slowly")
    for _ in range(20):
        waiting.append(await waiting_rows(port))
        await asyncio.sleep(0.1)
    # It stops reading at four batches; one read, of a batch of every topic, may still come on top.
    assert max(waiting) <= 4 * rows + 2 * rows, waiting
    proxy.delay = 0.0
    await right_in_the_end(floor, database, child, 90)
    assert "database not usable" not in stores.log


async def waiting_rows(port: int) -> float:
    """Rows read and not written yet; 0 while nobody answers."""
    return (await metrics(port, "floorstream_store_waiting_rows")).get("", 0.0)


@pytest.mark.slow
@pytest.mark.row(17)
async def test_a_database_that_is_slow(
    floor: Floor, fresh_broker: str, database: str, stores: StoreProcess, proxy: TcpProxy
) -> None:
    await slow(floor, fresh_broker, database, stores, proxy)


@pytest.mark.slow
@pytest.mark.row(17)
@pytest.mark.red("bound of what waits to be written")
async def test_red_where_what_waits_has_no_bound(
    floor: Floor, fresh_broker: str, database: str, stores: StoreProcess, proxy: TcpProxy
) -> None:
    with pytest.raises(AssertionError, match=r"assert [0-9.]+ <="):
        await slow(floor, fresh_broker, database, stores, proxy, WITHOUT="bound")


async def gives_up(stores: StoreProcess) -> bool:
    return await says(stores, "statement timeout") or await says(stores, "database not usable")


async def locked(
    floor: Floor, fresh_broker: str, database: str, stores: StoreProcess, seconds: float, **environment: str
) -> None:
    """Somebody holds a lock on the table for much longer than a statement may take."""
    await floor.produce(fresh_broker, 0, PARTS)
    child = stores.start(**environment)
    await until(lambda: first_rows(database), "the first rows")
    other = await asyncpg.connect(database)
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE visits IN EXCLUSIVE MODE")
            await floor.produce(fresh_broker, 1, PARTS)
            await until(lambda: gives_up(stores), "a statement was given up, by the server or the client")
            assert child.poll() is None, "the store has gone on by itself"
            await asyncio.sleep(seconds)  # the lock itself
    finally:
        await other.close()
    await floor.produce(fresh_broker, 2, PARTS)
    await right_in_the_end(floor, database, child)


@pytest.mark.row(19)
async def test_a_lock_held_longer_than_a_statement_may_take(
    floor: Floor, fresh_broker: str, database: str, stores: StoreProcess
) -> None:
    await locked(floor, fresh_broker, database, stores, 3, DEADLINE_S="1")


@pytest.mark.long
@pytest.mark.row(19)
async def test_a_lock_held_for_half_a_minute(
    floor: Floor, fresh_broker: str, database: str, stores: StoreProcess
) -> None:
    await locked(floor, fresh_broker, database, stores, LOCKED_S)


@pytest.mark.slow
@pytest.mark.row(19)
@pytest.mark.red("whole transactions tried again after a lock")
async def test_red_without_patience_with_locks(
    floor: Floor, fresh_broker: str, database: str, stores: StoreProcess
) -> None:
    with pytest.raises(AssertionError, match="gone on by itself"):
        await locked(floor, fresh_broker, database, stores, 3, DEADLINE_S="1", WITHOUT="patience with locks")


PATIENT_DETECTOR = """
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = %L', current_database(), '5s'); END $$
"""


async def deadlock(floor: Floor, fresh_broker: str, database: str, stores: StoreProcess, **environment: str) -> None:
    """Somebody holds what the store waits for, and then waits for what the store holds: the store is the victim."""
    await floor.produce(fresh_broker, 0, PARTS)
    # A wait is looked at once, after this long: by then the other one has to wait as well.
    await ask(database, PATIENT_DETECTOR)
    child = stores.start(**environment)
    await until(lambda: first_rows(database), "the first rows")
    other = await asyncpg.connect(database)
    try:
        await other.execute("SET deadlock_timeout = '10min'")
        async with other.transaction():
            await other.execute("LOCK TABLE visits IN EXCLUSIVE MODE")
            await floor.produce(fresh_broker, 1, PARTS)
            await until(lambda: waits_for_a_lock(database), "the store waits for the table")
            await other.execute("SELECT 1 FROM sink_positions FOR UPDATE")
    finally:
        await other.close()
    await floor.produce(fresh_broker, 2, PARTS)
    await right_in_the_end(floor, database, child)
    assert "DeadlockDetectedError" in stores.log


async def waits_for_a_lock(dsn: str) -> bool:
    return bool(await ask(dsn, LOCKING))


@pytest.mark.row(19)
async def test_a_deadlock(floor: Floor, fresh_broker: str, database: str, stores: StoreProcess) -> None:
    await deadlock(floor, fresh_broker, database, stores)


@pytest.mark.slow
@pytest.mark.row(19)
@pytest.mark.red("whole transactions tried again after a deadlock")
async def test_red_without_patience_with_deadlocks(
    floor: Floor, fresh_broker: str, database: str, stores: StoreProcess
) -> None:
    with pytest.raises(AssertionError, match="gone on by itself"):
        await deadlock(floor, fresh_broker, database, stores, WITHOUT="patience with deadlocks")
