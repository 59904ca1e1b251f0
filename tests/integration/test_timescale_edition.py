"""TimescaleDB's Apache-2.0 edition really is that edition, and runs where only root and apt are given."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import psutil
import pytest

from services.embedded.errors import EmbeddedError
from services.embedded.timescale import TimescaleApache, remove_old

pytestmark = pytest.mark.slow
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
CREATE_READINGS = """
    CREATE TABLE readings (at timestamptz NOT NULL, station text NOT NULL, wip int NOT NULL, PRIMARY KEY (at, station));
    SELECT create_hypertable('readings', 'at', chunk_time_interval => interval '1 day');
"""


def require_timescale() -> None:
    reason = TimescaleApache().missing()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    require_timescale()
    server = TimescaleApache()
    yield server.start(tmp_path_factory.mktemp("timescale"))
    server.stop()


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection whose work is undone after the test; the extension is there."""
    connection = await asyncpg.connect(dsn)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    yield connection
    await transaction.rollback()
    await connection.close()


async def test_the_licence_in_force_is_apache(connection: asyncpg.Connection) -> None:
    assert await connection.fetchval("SHOW timescaledb.license") == "apache"


async def test_the_extension_is_version_2(connection: asyncpg.Connection) -> None:
    version = await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
    assert re.fullmatch(r"2\.\d+\.\d+", version)


async def test_rows_of_two_days_lie_in_two_chunks(connection: asyncpg.Connection) -> None:
    await connection.execute(CREATE_READINGS)
    rows = [(MIDNIGHT + timedelta(hours=hour), "ST-1", hour) for hour in range(48)]
    await connection.executemany("INSERT INTO readings VALUES ($1, $2, $3)", rows)
    per_chunk = await connection.fetch("SELECT count(*) FROM readings GROUP BY tableoid")
    assert [row["count"] for row in per_chunk] == [24, 24]


async def test_time_bucket_counts_by_the_hour(connection: asyncpg.Connection) -> None:
    await connection.execute(CREATE_READINGS)
    rows = [(MIDNIGHT + timedelta(minutes=20 * step), "ST-1", step) for step in range(6)]
    await connection.executemany("INSERT INTO readings VALUES ($1, $2, $3)", rows)
    buckets = await connection.fetch(
        "SELECT time_bucket('1 hour', at) AS hour, max(wip) AS wip FROM readings GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in buckets] == [(MIDNIGHT, 2), (MIDNIGHT + timedelta(hours=1), 5)]


async def test_compression_belongs_to_the_other_edition(connection: asyncpg.Connection) -> None:
    await connection.execute(CREATE_READINGS)
    with pytest.raises(asyncpg.FeatureNotSupportedError, match="apache"):
        await connection.execute("ALTER TABLE readings SET (timescaledb.compress)")


async def test_committed_rows_survive_a_kill(tmp_path: Path) -> None:
    require_timescale()
    server = TimescaleApache()
    try:
        connection = await asyncpg.connect(server.start(tmp_path))
        await connection.execute("CREATE TABLE kept AS SELECT 7 AS wip")
        server.kill()
        connection.terminate()
        connection = await asyncpg.connect(server.start(tmp_path))
        assert await connection.fetchval("SELECT wip FROM kept") == 7
        await connection.close()
    finally:
        server.stop()


def test_the_server_is_not_root_and_listens_on_loopback_only(tmp_path: Path) -> None:
    require_timescale()
    server = TimescaleApache()
    try:
        server.start(tmp_path)
        running = psutil.Process(server.pid)
        assert (running.uids().real != 0, {line.laddr.ip for line in running.net_connections()}) == (
            True,
            {"127.0.0.1"},
        )
    finally:
        server.stop()


def test_stop_leaves_no_process_and_no_mount(tmp_path: Path) -> None:
    require_timescale()
    server = TimescaleApache()
    server.start(tmp_path)
    pid = server.pid
    assert pid is not None
    server.stop()
    assert not psutil.pid_exists(pid)
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def test_a_second_server_on_the_same_cluster_is_refused(tmp_path: Path) -> None:
    require_timescale()
    server = TimescaleApache()
    try:
        server.start(tmp_path)
        with pytest.raises(EmbeddedError, match=f"process {server.pid} already serves"):
            TimescaleApache().start(tmp_path)
    finally:
        server.stop()


def test_a_folder_that_is_not_ours_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("my only copy")
    with pytest.raises(EmbeddedError, match="is no file tree of ours"):
        remove_old(tmp_path)
