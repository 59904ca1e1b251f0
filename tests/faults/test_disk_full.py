"""Disks that are full: the database's for rows and for its log, and the one a worker writes its own log to."""

import asyncio
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from services.adapters.migrate import migrate
from services.embedded.database import Database
from tests.faults.scans import Floor as TrackFloor
from tests.faults.small_disk import SmallDisk, small_disk
from tests.faults.track_process import TrackProcesses, ended
from tests.integration.store_floor import Floor
from tests.integration.store_process import StoreProcess
from tests.parts import ask, until

SEED = 18
PARTS = 3
EVENTS = 3_000
ROOM = 1 << 20
DATABASE_MB = 96
WORKER_MB = 1


@contextmanager
def database_on(directory: Path, folder: str) -> Iterator[tuple[Database, SmallDisk, str]]:
    """A server whose `folder` lies on a small disk; its DSN."""
    server = Database()
    dsn = server.start(directory)
    asyncio.run(migrate(dsn))
    server.stop()
    data = directory / "postgres" / "data"
    with small_disk(directory / "postgres" / "small", DATABASE_MB, "0700", data.stat().st_uid) as disk:
        subprocess.run(["cp", "-a", str(data / folder), str(disk.path)], check=True)
        shutil.rmtree(data / folder)
        (data / folder).symlink_to(f"../small/{folder}")
        try:
            assert server.start(directory) == dsn
            yield server, disk, dsn
        finally:
            server.kill()


@pytest.fixture
def rows_on_a_small_disk(tmp_path: Path) -> Iterator[tuple[Database, SmallDisk, str]]:
    with database_on(tmp_path, "base") as parts:
        yield parts


@pytest.fixture
def log_on_a_small_disk(tmp_path: Path) -> Iterator[tuple[Database, SmallDisk, str]]:
    with database_on(tmp_path, "pg_wal") as parts:
        yield parts


@pytest.fixture
def stores(fresh_broker: str, tmp_path: Path) -> Iterator[Callable[[str], StoreProcess]]:
    started: list[StoreProcess] = []

    def on(dsn: str) -> StoreProcess:
        started.append(StoreProcess(fresh_broker, dsn, tmp_path / "store.log"))
        return started[-1]

    yield on
    for each in started:
        each.end()


async def full_of_rows(
    broker: str, parts: tuple[Database, SmallDisk, str], on: Callable[[str], StoreProcess], **environment: str
) -> None:
    """There is no room for rows; then somebody makes room."""
    _, disk, dsn = parts
    floor, stores = Floor(seed=SEED, events=EVENTS), on(dsn)
    await floor.produce(broker, 0, PARTS)
    child = stores.start(**environment)
    await until(lambda: some(dsn), "the first rows")
    disk.fill(leave=ROOM)
    await floor.produce(broker, 1, PARTS)
    await floor.produce(broker, 2, PARTS)
    await until(lambda: says(stores, "No space left on device"), "the store has met the full disk")
    await asyncio.sleep(3)  # how long it is full
    assert child.poll() is None, "the store tries again"
    disk.free()
    await floor.stored(dsn)
    await floor.check(dsn)


async def some(dsn: str) -> bool:
    return bool(await ask(dsn, "SELECT 1 FROM raw_scans LIMIT 1"))


async def says(stores: StoreProcess, words: str) -> bool:
    return words in stores.log


@pytest.mark.row(18)
async def test_no_room_for_rows(
    fresh_broker: str, rows_on_a_small_disk: tuple[Database, SmallDisk, str], stores: Callable[[str], StoreProcess]
) -> None:
    await full_of_rows(fresh_broker, rows_on_a_small_disk, stores)


@pytest.mark.slow
@pytest.mark.row(18)
@pytest.mark.red("transactions tried again on a full disk")
async def test_red_without_patience_with_a_full_disk(
    fresh_broker: str, rows_on_a_small_disk: tuple[Database, SmallDisk, str], stores: Callable[[str], StoreProcess]
) -> None:
    with pytest.raises(AssertionError, match="the store tries again"):
        await full_of_rows(fresh_broker, rows_on_a_small_disk, stores, WITHOUT="patience with a full disk")


@pytest.mark.row(18)
async def test_no_room_for_the_log_of_the_database(
    fresh_broker: str, log_on_a_small_disk: tuple[Database, SmallDisk, str], stores: Callable[[str], StoreProcess],
    tmp_path: Path,
) -> None:  # fmt: skip
    """Then PostgreSQL ends by itself (PANIC); with room again it is started again."""
    server, disk, dsn = log_on_a_small_disk
    floor, stored = Floor(seed=SEED), stores(dsn)
    await floor.produce(fresh_broker, 0, PARTS)
    child = stored.start()
    await until(lambda: some(dsn), "the first rows")
    disk.fill()
    await floor.produce(fresh_broker, 1, PARTS)
    await until(lambda: gone(server, dsn), "the server has ended")
    await floor.produce(fresh_broker, 2, PARTS)
    await until(lambda: says(stored, "database not usable"), "the store has noticed")
    disk.free()
    assert server.start(tmp_path) == dsn
    await floor.stored(dsn)
    await floor.check(dsn)
    assert child.poll() is None, "the store has gone on by itself"


async def gone(server: Database, dsn: str) -> bool:
    """Ask for one segment of the log after the other until the server is gone."""
    try:
        await ask(dsn, "CREATE TABLE IF NOT EXISTS filler (n int)")
        await ask(dsn, "INSERT INTO filler VALUES (1)")
        await ask(dsn, "SELECT pg_switch_wal()")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return server.pid is None
    return False


@pytest.mark.row(20)
async def test_no_room_for_what_a_worker_writes(
    floor: TrackFloor, fresh_broker: str, broker_choice: str, tmp_path: Path
) -> None:
    """Its log lines are lost, its work is not: nothing it has to keep lies on its own disk."""
    profile = "embedded" if broker_choice == "embedded" else "kafka"
    with small_disk(tmp_path / "small", WORKER_MB) as disk:
        workers = TrackProcesses(fresh_broker, profile, disk.path)
        try:
            first = workers.start()
            await workers.takes_work(first)
            disk.fill()
            await floor.produce(seed=20, units=40)
            await floor.check()
            first.terminate()
            assert await ended(first) == 0
            second = workers.start()
            await floor.produce(seed=21, units=20)
            await floor.check()
            assert second.poll() is None
            second.terminate()
            assert await ended(second) == 0
        finally:
            workers.end()
