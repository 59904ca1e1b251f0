"""The schema is made once, by whoever comes first, and has the same names on every edition."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from services.adapters.migrate import MIGRATIONS, MigrationError, available, migrate, missing
from services.cli import main
from services.embedded.timescale import TimescaleApache
from tests.parts import ask

TABLES = {
    "alert_actions", "notifications", "notify_attempts", "notify_channels", "notify_positions", "orders",
    "alert_changes", "alerts", "epcis_captures", "generations",
    "api_keys", "machine_events", "operation_samples", "plant_models", "raw_scans", "rejects", "schema_migrations",
    "machine_shifts", "machine_states", "plant_samples", "sink_positions", "units", "visits",
    "visits_told", "work_units",
}  # fmt: skip
VIEWS = {"current_generation", "open_visits", "operations_now"}
HYPERTABLES = {
    "alert_changes", "machine_events", "machine_states", "operation_samples", "plant_samples", "raw_scans", "rejects",
}  # fmt: skip
NAMES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = $1"


@pytest.fixture(scope="module")
def timescale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = TimescaleApache()
    reason = server.missing()
    if reason is not None:
        pytest.skip(reason)
    yield server.start(tmp_path_factory.mktemp("timescale"))
    server.stop()


async def names(dsn: str, kind: str) -> set[str]:
    return {row["table_name"] for row in await ask(dsn, NAMES, kind)}


async def test_an_empty_database_gets_every_table_and_view(empty_database: str) -> None:
    applied = await migrate(empty_database)
    assert applied == [migration.name for migration in available()]
    assert await names(empty_database, "BASE TABLE") == TABLES
    assert await names(empty_database, "VIEW") >= VIEWS


async def test_the_second_time_nothing_is_applied(database: str) -> None:
    assert await migrate(database) == []


async def test_several_at_once_apply_each_file_once(empty_database: str) -> None:
    applied = await asyncio.gather(*[migrate(empty_database) for _ in range(4)])
    assert sorted(name for names_now in applied for name in names_now) == [migration.name for migration in available()]


async def test_the_reader_gets_the_password_of_the_file(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text('it\'s \\ "42" 密\n', encoding="utf-8")
    monkeypatch.setenv("FLOORSTREAM_READER_PASSWORD_FILE", str(tmp_path / "password"))
    assert await asyncio.to_thread(main, ["migrate", "--database", empty_database]) == 0
    hashed = await ask(empty_database, "SELECT rolpassword FROM pg_authid WHERE rolname = 'floorstream_reader'")
    assert hashed[0][0].startswith("SCRAM-SHA-256$")
    reader = await asyncpg.connect(empty_database, user="floorstream_reader", password='it\'s \\ "42" 密')
    assert await reader.fetchval("SELECT count(*) FROM kpi.visits") == 0
    await reader.close()


async def test_what_is_missing_is_named_without_changing_anything(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    assert await missing(connection) == [migration.name for migration in available()]
    assert await names(empty_database, "BASE TABLE") == set()
    await connection.close()


async def test_a_file_changed_after_the_fact_is_refused(database: str, tmp_path: Path) -> None:
    shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    first = tmp_path / "migrations" / "001_tables.sql"
    first.write_text(first.read_text() + "\n-- changed\n")
    with pytest.raises(MigrationError, match=r"001_tables\.sql differs"):
        await migrate(database, tmp_path / "migrations")


async def test_a_file_that_fails_leaves_nothing_of_itself(database: str, tmp_path: Path) -> None:
    shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    (tmp_path / "migrations" / "900_wrong.sql").write_text("CREATE TABLE half (a int); SELECT nonsense;")
    with pytest.raises(asyncpg.UndefinedColumnError):
        await migrate(database, tmp_path / "migrations")
    assert "half" not in await names(database, "BASE TABLE")


async def test_orders_written_before_there_was_a_table_are_read_again(empty_database: str, tmp_path: Path) -> None:
    shutil.copytree(MIGRATIONS, tmp_path / "before", ignore=shutil.ignore_patterns("019_*"))
    await migrate(empty_database, tmp_path / "before")
    place = "INSERT INTO sink_positions (topic, partition, generation, position, epoch) VALUES ($1, 0, 1, 7, 1)"
    for topic in ("floor.master", "floor.scans"):
        await ask(empty_database, place, topic)
    await migrate(empty_database)
    positions = await ask(empty_database, "SELECT topic, position FROM sink_positions ORDER BY topic")
    assert [tuple(row) for row in positions] == [("floor.master", 0), ("floor.scans", 7)]


async def test_readers_see_nothing_in_a_new_database(database: str) -> None:
    for view in ("open_visits", "operations_now"):
        assert await ask(database, f"SELECT * FROM {view}") == []


@pytest.mark.slow
async def test_what_grows_is_a_hypertable_under_the_apache_licence(timescale: str) -> None:
    await migrate(timescale)
    rows = await ask(timescale, "SELECT hypertable_name FROM timescaledb_information.hypertables")
    assert {row["hypertable_name"] for row in rows} == HYPERTABLES
    assert await names(timescale, "BASE TABLE") >= TABLES


async def test_where_hours_cannot_be_kept_ready_they_are_computed_on_reading_and_this_is_said(
    empty_database: str,
) -> None:
    """A plain server that calls itself community edition: the statements of that edition fail."""
    await ask(
        empty_database, f"ALTER DATABASE {urlsplit(empty_database).path[1:]} SET timescaledb.license = 'timescale'"
    )
    said: list[str] = []
    await migrate(empty_database, warn=said.append)
    assert await ask(empty_database, "SELECT * FROM kpi.operation_hours") == []
    assert [message for message in said if message.startswith("hours of operations are computed on reading")]
