"""How fast rows come into PostgreSQL: the real store reads topics that the real track has written before.

    scans ─► floor.scans ─► track (before) ─► floor.visits ─► store (timed) ─► raw_scans, units, visits

The time runs from the moment the store takes work until the newest mark of every partition is in the database. Then
`verify` folds the stored raw scans anew: only rows that are equal to that make the figure count. Every round has a
database of its own; fsync is off, as everywhere on the embedded one, synchronous_commit is on.
"""

import asyncio
import re
import sys
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from loadtest.bench_floor import BenchFloor, Expected, WrongResult, environment
from loadtest.load import Profile, scans
from loadtest.results import Measurement, measurement
from loadtest.sections import Bench
from loadtest.stage import NoFigure, Stage, family_cpu_s, run_to_end
from services import topology
from services.adapters.migrate import migrate
from services.commands.verify import verify
from services.embedded.database import Database

RUN_S = 120.0
POLL_S = 0.01
VERIFY_WAIT_S = 10.0
TABLES = ("raw_scans", "units", "visits")


@dataclass(frozen=True)
class Stored:
    """One run that counts: rows by table, and what they took. CPU of the store, and of PostgreSQL with its backends."""

    rows: Mapping[str, int]
    events: int
    wall_s: float
    cpu_s: float
    database_cpu_s: float


async def measure(bench: Bench) -> list[Measurement]:
    """The rounds of this section."""
    profile = bench.profile.sized(bench.plan.store_events)
    records = scans(profile)
    expected = Expected(profile, records)
    done: list[Stored] = []
    with tempfile.TemporaryDirectory(prefix="floorstream-bench-") as name:
        directory = Path(name)
        async with BenchFloor(profile, records, directory) as floor:
            given = environment(floor, profile, expected.ends, directory)
            code = await run_to_end([sys.executable, "-m", "loadtest.timed_track"], given, RUN_S)
            if code:
                raise WrongResult(f"track ended with exit code {code}")
            await floor.check(expected, epochs=True)
            for number in range(bench.plan.store_rounds):
                own = Path(tempfile.mkdtemp(dir=directory))
                done.append(await _round(own, given, profile, expected))
                run = done[-1]
                bench.say(
                    f"store, round {number + 1}: {run.rows['visits'] / run.wall_s:,.0f} visits/s, "
                    f"{sum(run.rows.values()) / run.wall_s:,.0f} rows/s, checked"
                )
    return measurements(done)


def measurements(done: Sequence[Stored]) -> list[Measurement]:
    """Medians and ranges."""
    found = []
    for name, unit, values in (
        ("store.visits_per_s", "rows/s", [run.rows["visits"] / run.wall_s for run in done]),
        ("store.rows_per_s", "rows/s", [sum(run.rows.values()) / run.wall_s for run in done]),
        ("store.scans_per_s", "scans/s", [run.events / run.wall_s for run in done]),
        ("store.rows_per_s_core", "rows/CPU s", [sum(run.rows.values()) / run.cpu_s for run in done]),
        ("store.database_us_per_row", "µs CPU", [1e6 * run.database_cpu_s / sum(run.rows.values()) for run in done]),
    ):
        found.append(measurement(name, unit, values))
    return found


async def _round(directory: Path, given: Mapping[str, str], profile: Profile, expected: Expected) -> Stored:
    """One run of the store into a new database."""
    database = Database()
    dsn = database.start(directory)
    try:
        await migrate(dsn)
        watching = await asyncpg.connect(dsn)
        try:
            async with Stage("services.store", {**given, "FLOORSTREAM_DATABASE_URL": dsn}, directory) as store:
                await store.ready()
                assert database.pid is not None
                begun, used, served = asyncio.get_running_loop().time(), store.cpu_s(), family_cpu_s(database.pid)
                await _stored(watching, store, expected.ends)
                wall, used = asyncio.get_running_loop().time() - begun, store.cpu_s() - used
                rows = _rows(store.metrics_port)
                return await _checked(
                    Stored(rows, sum(expected.ends), wall, used, family_cpu_s(database.pid) - served), watching, dsn,
                    profile,
                )  # fmt: skip
        finally:
            await watching.close()
    finally:
        database.stop()


async def _stored(conn: asyncpg.Connection, store: Stage, ends: Sequence[int]) -> None:
    """Wait until the newest mark of every partition is in the database. Raises NoFigure."""
    query = "SELECT count(*) FROM sink_positions JOIN unnest($1::int[], $2::bigint[]) AS n (partition, mark) " \
            "USING (partition) WHERE topic = $3 AND sink_positions.mark >= n.mark"  # fmt: skip
    deadline = asyncio.get_running_loop().time() + RUN_S
    while await conn.fetchval(query, list(range(len(ends))), list(ends), topology.VISITS.name) < len(ends):
        if store.process.returncode is not None or asyncio.get_running_loop().time() > deadline:
            raise NoFigure(f"the store did not write everything within {RUN_S:g} s")
        await asyncio.sleep(POLL_S)


async def _checked(run: Stored, conn: asyncpg.Connection, dsn: str, profile: Profile) -> Stored:
    """The run, if the rows are what a fold of the stored raw scans says and all of those are there."""
    raw = await conn.fetchval("SELECT count(*) FROM raw_scans WHERE NOT marker")
    if raw != profile.events:
        raise WrongResult(f"{raw} of {profile.events} raw scans are stored")
    report = await verify(dsn, "", VERIFY_WAIT_S)
    if report.differences.count:
        raise WrongResult(f"verify: {report.differences.count} rows differ")
    return run


def _rows(metrics_port: int) -> dict[str, int]:
    """Rows the store has written so far, by table, as its metrics say."""
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics") as answer:
        text = answer.read().decode()
    counted = re.findall(r'^floorstream_store_rows_total\{table="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {table: int(float(count)) for table, count in counted if table in TABLES}
