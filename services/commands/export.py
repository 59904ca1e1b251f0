"""`floorstream export --out DIR [--excel]`: the contract's files from the database, all of one moment."""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import asyncpg

from schemas.glossary import glossary
from services.adapters.excel_file import ExcelFile, TooManyRows
from services.adapters.timescale_pool import connect
from services.adapters.timescale_read import (
    current_generation,
    operation_counts,
    plants,
    snapshot,
    unit_rows,
    visits_rows,
)
from services.core.equipment import PlantModel
from services.core.errors import NotYet
from services.core.files import (
    OPERATION_COLUMNS,
    UNIT_COLUMNS,
    VISIT_COLUMNS,
    VisitLine,
    operations_csv,
    units_csv,
    visit_values,
    visits_csv,
    with_all_operations,
)
from services.embedded.instance import InstanceNotFound, find_instance

Line = TypeVar("Line")
Sheets = Sequence[tuple[str, AsyncIterator[Sequence[object]]]]
LINES_AT_ONCE = 2_000
WORKBOOK = "floorstream.xlsx"
TABLES = {
    name: tuple(column.removesuffix("_s") for column in columns)
    for name, columns in (("visits", VISIT_COLUMNS), ("operations", OPERATION_COLUMNS), ("units", UNIT_COLUMNS))
}
"""Sheets of the workbook and their columns: as in the files, but durations have no unit there."""
KINDS: Mapping[str, tuple[Collection[str], Collection[str]]] = {
    "visits": (
        ("arrived", "started", "finished", "departed"),
        ("dwell", "queue", "process", "wait", "hold", "working_dwell"),
    )
}
"""Columns of a sheet that hold instants, and durations."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("export", help="visits.csv, operations.csv and units.csv from the database")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for the files, made if absent")
    parser.add_argument("--excel", action="store_true", help=f"also {WORKBOOK}: one workbook of all three")
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
        written = asyncio.run(export(dsn, arguments.out, arguments.excel))
    except asyncpg.UndefinedTableError as error:
        print(f"this database has no floorstream tables ({error}): run `floorstream migrate`", file=sys.stderr)
        return 1
    except (TooManyRows, NotYet) as error:
        print(error, file=sys.stderr)
        return 1
    except (asyncpg.PostgresError, OSError) as error:
        print(f"the export failed: {error}", file=sys.stderr)
        return 1
    for path in written:
        print(path)
    return 0


async def export(dsn: str, out: Path, excel: bool = False) -> list[Path]:
    """Write the three files into `out`, then the workbook; each appears under its name only when it is complete.

    Raises TooManyRows where a sheet cannot hold them; the files are there then.
    """
    await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
    conn = await connect(dsn, application="floorstream export")
    try:
        async with snapshot(conn):
            generation = await current_generation(conn)
            models = {v: PlantModel.from_document(found, v) for v, found in (await plants(conn)).items()}
            newest = models[max(models)] if models else None
            operations = newest.operation_ids if newest else ()
            counted = with_all_operations(await operation_counts(conn, generation), operations)
            written = [
                await _write(out / "visits.csv", visits_csv, visits_rows(conn, generation, models)),
                await _write(out / "operations.csv", operations_csv, _each(counted)),
                await _write(out / "units.csv", units_csv, unit_rows(conn, generation)),
            ]
            if excel:
                sheets: Sheets = (
                    ("visits", _each_visit(visits_rows(conn, generation, models))),
                    ("operations", _each(counted)),
                    ("units", unit_rows(conn, generation)),
                )
                written.append(await _workbook(out / WORKBOOK, newest.time_zone if newest else "UTC", sheets))
            return written
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


async def _each_visit(lines: AsyncIterator[VisitLine]) -> AsyncIterator[Sequence[object]]:
    async for line in lines:
        yield visit_values(line)


async def _workbook(path: Path, time_zone: str, sheets: Sheets) -> Path:
    part = path.with_suffix(".part")
    book = ExcelFile(part, time_zone)
    try:
        for name, lines in sheets:
            sheet = book.sheet(name, TABLES[name], *KINDS.get(name, ()))
            async for line in lines:
                sheet.add(line)
            sheet.end()
        book.words("columns", list(_meanings(time_zone)))
    except BaseException:
        book.close()  # or its temporary files would stay
        part.unlink()
        raise
    book.close()
    part.replace(path)
    return path


def _meanings(time_zone: str) -> Iterator[tuple[str, ...]]:
    yield "sheet", "column", "English", "中文", "meaning", "含义"
    for sheet, columns in TABLES.items():
        for column in columns:
            phases = glossary()["phases"] if sheet == "operations" else {}
            entry = phases.get(column) or glossary()["columns"][column]
            yield sheet, column, entry.en, entry.zh, entry.means_en or "", entry.means_zh or ""
    yield "", "", f"all instants in {time_zone}", f"所有时刻均为 {time_zone} 时间", "", ""
