"""Brings a database to the schema of deploy/migrations: each file once, in order, one transaction each.

Safe to run from several processes at once (an advisory lock lets one through) and again at any time.
Works on plain PostgreSQL >= 15 and on both editions of TimescaleDB; the files themselves ask which it is.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).resolve().parents[2] / "deploy" / "migrations"
MINIMUM_SERVER = 15
_LOCK = 0x666C6F6F72  # "floor": any constant will do, as long as every version of the program takes the same


class MigrationError(Exception):
    """The schema cannot be brought up to date; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of deploy/migrations."""

    version: str
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, so that an edit after the fact is found."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def available(folder: Path = MIGRATIONS) -> list[Migration]:
    """The migrations in order. MigrationError where the folder or its numbering is wrong."""
    files = sorted(folder.glob("[0-9]*_*.sql"))
    if not files:
        raise MigrationError(f"no migrations in {folder}: run from a complete checkout of the project")
    found = [Migration(f.stem.split("_", 1)[0], f.name, f.read_text(encoding="utf-8")) for f in files]
    if len({m.version for m in found}) != len(found):
        raise MigrationError(f"two migrations in {folder} have the same number")
    return found


async def migrate(dsn: str, folder: Path = MIGRATIONS, warn: Callable[[str], None] = log.warning) -> list[str]:
    """Apply what is missing; return the names of the files applied now (empty when all were there).

    `warn` is told what a migration could not do without an administrator.
    """
    migrations = available(folder)
    conn = await asyncpg.connect(dsn, timeout=10)
    conn.add_log_listener(lambda _, said: warn(said.message) if said.severity_en == "WARNING" else None)
    try:
        _require_version(conn.get_server_version().major)
        await conn.execute("SELECT pg_advisory_lock($1)", _LOCK)
        try:
            return await _apply_missing(conn, migrations)
        finally:
            await conn.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    finally:
        await conn.close()


async def give_reader_password(dsn: str, password: str) -> None:
    """Let the role of walls and reports (deploy/migrations/009_reader.sql) log in with this password from now on."""
    conn = await asyncpg.connect(dsn, timeout=10)
    try:
        # A password cannot be a parameter; the server quotes it.
        statement = await conn.fetchval(
            "SELECT format('ALTER ROLE floorstream_reader PASSWORD %L', $1::text)", password
        )
        await conn.execute(statement)
    finally:
        await conn.close()


async def missing(conn: asyncpg.Connection, folder: Path = MIGRATIONS) -> list[str]:
    """Names of the migrations this database lacks, without changing anything."""
    if await conn.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return [m.name for m in available(folder)]
    applied = {row["version"] for row in await conn.fetch("SELECT version FROM schema_migrations")}
    return [m.name for m in available(folder) if m.version not in applied]


def _require_version(major: int) -> None:
    if major < MINIMUM_SERVER:
        raise MigrationError(f"PostgreSQL {major} is too old: {MINIMUM_SERVER} or newer is needed")


async def _apply_missing(conn: asyncpg.Connection, migrations: list[Migration]) -> list[str]:
    await conn.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations ("
        "version text PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
        " applied timestamptz NOT NULL DEFAULT now())"
    )
    rows = await conn.fetch("SELECT version, checksum FROM schema_migrations")
    applied = {row["version"]: row["checksum"] for row in rows}
    done: list[str] = []
    for migration in migrations:
        if migration.version in applied:
            _require_unchanged(migration, applied[migration.version])
            continue
        async with conn.transaction():
            await conn.execute(migration.sql)
            await conn.execute(
                "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.checksum,
            )
        done.append(migration.name)
    return done


def _require_unchanged(migration: Migration, checksum: str) -> None:
    if checksum != migration.checksum:
        raise MigrationError(
            f"{migration.name} differs from the one this database was made with: "
            "restore the file and put the change into a new migration"
        )
