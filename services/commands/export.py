"""`floorstream export --out DIR`: the contract's files from the database, all of one moment."""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import asyncpg

from services.adapters.timescale_pool import connect
from services.adapters.timescale_read import (
    current_generation,
    newest_plant,
    operation_counts,
    snapshot,
    unit_rows,
    visits_rows,
)
from services.core.files import operations_csv, units_csv, visits_csv, with_all_operations
from services.embedded.instance import InstanceNotFound, find_instance

Line = TypeVar("Line")
LINES_AT_ONCE = 2_000


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("export", help="visits.csv, operations.csv and units.csv from the database")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for the files, made if absent")
    parser.add_argument("--database", metavar="URL", default=None, help="this database, whatever runs")
    parser.add_argument("--instance", metavar="DATA_DIR", default=None, help="the stack of this data directory")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the files. Exit code 0 done, 1 it cannot be done, 2 no database named."""
    try:
        dsn = arguments.database or find_instance(arguments.instance, os.environ).database
    except InstanceNotFound as error:
        print(error, file=sys.stderr)
        return 2
    if not dsn:
        print("no database named: set FLOORSTREAM_DATABASE_URL or give --database URL", file=sys.stderr)
        return 2
    try:
        written = asyncio.run(export(dsn, arguments.out))
    except asyncpg.UndefinedTableError as error:
        print(f"this database has no floorstream tables ({error}): run `floorstream migrate`", file=sys.stderr)
        return 1
    except (asyncpg.PostgresError, OSError) as error:
        print(f"the export failed: {error}", file=sys.stderr)
        return 1
    for path in written:
        print(path)
    return 0


async def export(dsn: str, out: Path) -> list[Path]:
    """Write the three files into `out`; each appears under its name only when it is complete."""
    await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
    conn = await connect(dsn, application="floorstream export")
    try:
        async with snapshot(conn):
            generation = await current_generation(conn)
            plant = await newest_plant(conn)
            operations = [operation["id"] for operation in plant[1]["operations"]] if plant else []
            counted = with_all_operations(await operation_counts(conn, generation), operations)
            return [
                await _write(out / "visits.csv", visits_csv, visits_rows(conn, generation)),
                await _write(out / "operations.csv", operations_csv, _each(counted)),
                await _write(out / "units.csv", units_csv, unit_rows(conn, generation)),
            ]
    finally:
        await conn.close()


async def _write(path: Path, csv_of: Callable[[Iterable[Line]], Iterator[bytes]], lines: AsyncIterator[Line]) -> Path:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.writelines(csv_of(()))
        held: list[Line] = []
        async for line in lines:
            held.append(line)
            if len(held) >= LINES_AT_ONCE:
                _append(file.write, csv_of, held)
        _append(file.write, csv_of, held)
    part.replace(path)
    return path


def _append(
    write: Callable[[bytes], object], csv_of: Callable[[Iterable[Line]], Iterator[bytes]], held: list[Line]
) -> None:
    content = csv_of(held)
    next(content)  # the header stands at the top of the file already
    write(b"".join(content))
    held.clear()


async def _each(lines: Iterable[Line]) -> AsyncIterator[Line]:
    for line in lines:
        yield line
