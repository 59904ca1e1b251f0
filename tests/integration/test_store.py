"""The store through kills, pauses, a database that goes away and repeats: every row once, and the newest."""

import asyncio
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from services.adapters.migrate import migrate
from services.embedded.database import Database
from tests.integration.store_floor import Floor
from tests.integration.store_process import StoreProcess
from tests.parts import ask, until

pytestmark = pytest.mark.real_broker

ALL_ROWS = {
    "raw_scans": "SELECT t::text FROM raw_scans t",
    "units": "SELECT t::text FROM units t",
    "visits": "SELECT t::text FROM visits t WHERE NOT deleted",
}
"""A visit that came and vanished again leaves a row marked deleted only where a flush lay between the two."""


@pytest.fixture
def stores(fresh_broker: str, database: str, tmp_path: Path) -> Iterator[StoreProcess]:
    stores = StoreProcess(fresh_broker, database, tmp_path / "store.log")
    yield stores
    stores.end()


async def ended(child: subprocess.Popen[bytes], seconds: float = 60) -> int:
    code: int | None = None

    async def gone() -> bool:
        nonlocal code
        code = child.poll()
        return code is not None

    await until(gone, "the store has ended", seconds)
    assert isinstance(code, int)
    return code


async def count(dsn: str, table: str) -> int:
    return int((await ask(dsn, f"SELECT count(*) FROM {table}"))[0][0])


async def everything(dsn: str) -> dict[str, list[str]]:
    return {table: sorted(row[0] for row in await ask(dsn, query)) for table, query in ALL_ROWS.items()}


async def test_every_row_is_there_once_and_newest(fresh_broker: str, database: str, stores: StoreProcess) -> None:
    floor = Floor(seed=1)
    await floor.produce(fresh_broker)
    child = stores.start()
    await floor.stored(database)
    await floor.check(database)
    child.terminate()
    assert await ended(child) == 0


@pytest.mark.row(3, 4)
@pytest.mark.parametrize("point", ["before_begin", "before_commit", "after_commit"])
async def test_killed_at_a_named_point(point: str, fresh_broker: str, database: str, stores: StoreProcess) -> None:
    floor, kills = Floor(seed=2), 2
    for kill in range(kills):
        await floor.produce(fresh_broker, kill, kills + 1)
        child = stores.start(KILL_AT=f"{point}:1")
        assert await ended(child) == -signal.SIGKILL
    await floor.produce(fresh_broker, kills, kills + 1)
    stores.start()
    await floor.stored(database)
    await floor.check(database)


@pytest.mark.row(4)
@pytest.mark.red("positions in the transaction of the rows")
@pytest.mark.slow
async def test_red_where_positions_move_in_a_transaction_of_their_own(
    fresh_broker: str, database: str, stores: StoreProcess
) -> None:
    floor = Floor(seed=2)
    await floor.produce(fresh_broker)
    child = stores.start(KILL_AT="before_commit:1", WITHOUT="one transaction")
    assert await ended(child) == -signal.SIGKILL
    stores.start()
    await floor.stored(database)
    with pytest.raises(AssertionError):
        await floor.check(database)


@pytest.mark.row(2)
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_killed_at_random(seed: int, fresh_broker: str, database: str, stores: StoreProcess) -> None:
    rng, parts = random.Random(seed), 60
    floor = Floor(seed=seed, events=3_000)
    child = stores.start()
    for part in range(parts):
        await floor.produce(fresh_broker, part, parts)
        if rng.random() < 0.1:
            await until_grown(database, "raw_scans", rng.randint(1, 300))
            child.kill()
            child = stores.start()
    await floor.stored(database)
    await floor.check(database)


async def until_grown(dsn: str, table: str, by: int) -> None:
    """Wait until the table has some more rows, or all that there is to come."""
    before, still = await count(dsn, table), 0

    async def grown() -> bool:
        nonlocal still
        still += 1
        return await count(dsn, table) >= before + by or still > 100

    await until(grown, f"{table} grows")


@pytest.mark.row(35)
@pytest.mark.parametrize("point", ["before_begin", pytest.param("before_commit", marks=pytest.mark.slow)])
async def test_a_paused_store_is_fenced(point: str, fresh_broker: str, database: str, stores: StoreProcess) -> None:
    """It is stopped in a flush, replaced under its own name, and finds its partitions taken when it goes on.

    Inside its transaction it holds locks: the server ends it after the limit for idle transactions.
    """
    floor = Floor(seed=3)
    await floor.produce(fresh_broker, 0, 2)
    zombie = stores.start(PAUSE_AT=f"{point}:1")
    await until(lambda: taken_by(database, 1), "the first store has its partitions")
    second = stores.start()
    await until(lambda: taken_by(database, 2), "the second store has taken over")
    await floor.produce(fresh_broker, 1, 2)
    await floor.stored(database)
    before = await everything(database)
    zombie.send_signal(signal.SIGCONT)
    assert await ended(zombie) == 1
    # Whichever comes first: the database's fence, or a group that no longer knows this member.
    assert "another worker has taken over" in stores.log or "the broker refuses us" in stores.log
    assert await everything(database) == before
    await floor.check(database)
    assert second.poll() is None, "the one that took over goes on"


async def taken_by(dsn: str, epoch: int) -> bool:
    lowest = (await ask(dsn, "SELECT min(epoch) FROM sink_positions"))[0][0]
    return lowest is not None and lowest >= epoch


@pytest.mark.row(33)
async def test_two_stores_share_the_partitions(fresh_broker: str, database: str, stores: StoreProcess) -> None:
    floor = Floor(seed=4)
    await floor.produce(fresh_broker, 0, 2)
    stores.start(FLOORSTREAM_INSTANCE="a", FLOORSTREAM_SESSION_TIMEOUT_S="10")
    second = stores.start(FLOORSTREAM_INSTANCE="b", FLOORSTREAM_SESSION_TIMEOUT_S="10")
    await floor.produce(fresh_broker, 1, 2)
    await floor.stored(database)
    await floor.check(database)

    async def both_work() -> bool:
        return stores.log.count("takes work") >= 2

    await until(both_work, "both stores take work")
    second.terminate()
    assert await ended(second) == 0
    assert "Traceback" not in stores.log


@pytest.mark.row(27)
async def test_replaying_everything_changes_no_row(fresh_broker: str, database: str, stores: StoreProcess) -> None:
    floor = Floor(seed=5)
    await floor.produce(fresh_broker)
    child = stores.start()
    await floor.stored(database)
    child.kill()
    before = await everything(database)
    await ask(database, "UPDATE sink_positions SET position = 0, mark = -1")
    stores.start()
    await floor.stored(database)
    assert await everything(database) == before


@pytest.fixture
async def own_database(database_choice: str, tmp_path: Path) -> AsyncIterator[tuple[Database, Callable[[], str], str]]:
    """A database server that a test may end."""
    if database_choice != "embedded":
        pytest.skip("only the embedded database can be ended by a test")
    server = Database()
    dsn = server.start(tmp_path)
    await migrate(dsn)
    yield server, lambda: server.start(tmp_path), dsn
    server.kill()


async def go_away_and_come_back(
    broker: str, own_database: tuple[Database, Callable[[], str], str], log_path: Path, **environment: str
) -> None:
    """The server is killed under load and started again at its address."""
    server, start_again, dsn = own_database
    floor, parts = Floor(seed=6), 4
    stores = StoreProcess(broker, dsn, log_path)
    try:
        await floor.produce(broker, 0, parts)
        child = stores.start(**environment)
        await until(lambda: some(dsn), "the first rows")
        server.kill()
        for part in range(1, parts):
            await floor.produce(broker, part, parts)
        await until(lambda: says(stores, "database not usable"), "the store has noticed and tries again")
        await asyncio.sleep(5)  # the outage itself
        assert start_again() == dsn
        await floor.stored(dsn)
        await floor.check(dsn)
        assert child.poll() is None
        assert stores.log.count("database not usable") == stores.log.count("database usable again") == 1
    finally:
        stores.end()


@pytest.mark.row(16)
async def test_the_database_goes_away_and_comes_back(
    fresh_broker: str, own_database: tuple[Database, Callable[[], str], str], tmp_path: Path
) -> None:
    await go_away_and_come_back(fresh_broker, own_database, tmp_path / "store.log")


@pytest.mark.row(16)
@pytest.mark.red("transactions tried again")
@pytest.mark.slow
async def test_red_where_nothing_is_tried_again(
    fresh_broker: str, own_database: tuple[Database, Callable[[], str], str], tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match="tries again"):
        await go_away_and_come_back(fresh_broker, own_database, tmp_path / "store.log", WITHOUT="retries")


async def some(dsn: str) -> bool:
    return await count(dsn, "raw_scans") > 0


async def says(stores: StoreProcess, words: str) -> bool:
    return words in stores.log


@pytest.mark.row(12)
async def test_a_log_shorter_than_what_is_stored_is_refused(
    fresh_broker: str, database: str, stores: StoreProcess
) -> None:
    await ask(
        database,
        "INSERT INTO sink_positions (topic, partition, generation, position, mark, epoch)"
        " VALUES ('floor.scans', 1, 1, 500, -1, 1)",
    )
    child = stores.start()
    assert await ended(child) == 70
    assert "floor.scans/1 at offset 500" in stores.log
    assert "rebuild" in stores.log


@pytest.mark.parametrize(
    ("filled", "says"),
    [("7", "FLOORSTREAM_GENERATION=2"), ("NULL", "floorstream rebuild")],
    ids=["the next one has begun", "the next one is being made"],
)
async def test_a_store_of_a_life_that_is_over_writes_nothing(
    fresh_broker: str, database: str, stores: StoreProcess, filled: str, says: str
) -> None:
    await ask(
        database,
        "INSERT INTO generations (generation, topic, partition, source, filled)"
        f" VALUES (2, 'floor.scans', 0, 1, {filled})",
    )
    await Floor(seed=3, events=50).produce(fresh_broker)
    assert await ended(stores.start(FLOORSTREAM_GENERATION="1")) == 2
    assert says in stores.log
    assert await count(database, "raw_scans") == 0


async def test_a_database_without_tables_says_migrate(fresh_broker: str, empty_database: str, tmp_path: Path) -> None:
    stores = StoreProcess(fresh_broker, empty_database, tmp_path / "store.log")
    assert await ended(stores.start()) == 1
    assert "floorstream migrate" in stores.log
