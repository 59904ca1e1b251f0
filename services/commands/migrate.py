"""`floorstream migrate`: bring the database to the present schema; safe to repeat."""

import argparse
import asyncio
import os
import sys

import asyncpg

from services.adapters.migrate import MigrationError, give_reader_password, migrate
from services.embedded.instance import InstanceNotFound, find_instance
from services.settings import BadSetting, secret


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("migrate", help="bring the database to the present schema")
    parser.add_argument("--database", metavar="URL", default=None, help="this database, whatever runs")
    parser.add_argument("--instance", metavar="DATA_DIR", default=None, help="the stack of this data directory")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Apply what is missing. Exit code 0 done, 1 it cannot be done, 2 settings."""
    try:
        dsn = arguments.database or find_instance(arguments.instance, os.environ).database
        reader = secret(os.environ, "FLOORSTREAM_READER_PASSWORD_FILE")
    except (InstanceNotFound, BadSetting) as error:
        print(error, file=sys.stderr)
        return 2
    if not dsn:
        print("no database named: set FLOORSTREAM_DATABASE_URL or give --database URL", file=sys.stderr)
        return 2
    try:
        applied = asyncio.run(migrate(dsn, warn=lambda said: print(said, file=sys.stderr)))
        if reader:
            asyncio.run(give_reader_password(dsn, reader))
    except (MigrationError, asyncpg.PostgresError, OSError) as error:
        print(f"the database could not be migrated: {error or repr(error)}", file=sys.stderr)
        return 1
    for name in applied:
        print(f"applied {name}")
    print(f"the schema is up to date ({len(applied)} migrations applied now)")
    return 0
