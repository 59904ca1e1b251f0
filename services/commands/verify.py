"""`floorstream verify`: are the rows in the database what the stored raw records say they must be?

Per partition the stored raw records are folded up to the newest stored end-of-frame mark and compared with visits and
units; then the refused records with the rejects. Everything is read in one repeatable-read transaction, so events
may flow. Partition after partition: in memory is one partition's fold (about 1.5 kB per visit), besides the
coordinates of what was refused. Nothing is asked of the broker but what stood at offsets of which nothing is stored.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from services.adapters.kafka_holes import Unproven, records_in
from services.adapters.raw_fold import PartitionFold, fold_raw
from services.adapters.timescale_pool import connect
from services.adapters.timescale_read import current_generation, plants, raw_records, snapshot
from services.adapters.verify_read import (
    Positions,
    positions,
    refusals_at,
    stored_refusals,
    stored_units,
    stored_visits,
    strangers,
)
from services.commands.options import seconds
from services.commands.stored import add_where_options, meant
from services.core.differences import Coordinates, Differences, Refusals, UnitRows, VisitRows, refusal_name
from services.core.equipment import PlantModel
from services.core.errors import BrokenGuarantee, NotYet
from services.core.rows import books_of

LOOK_AGAIN_SECONDS = 0.5


@dataclass(slots=True)
class Report:
    """What was compared: (partition, mark, events after the mark) of each, sums, and the differences."""

    generation: int = 1
    partitions: list[tuple[int, int, int]] = field(default_factory=list)
    events: int = 0
    visits: int = 0
    units: int = 0
    refused: int = 0
    differences: Differences = field(default_factory=Differences)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "verify",
        help="compare the database with a fold of the stored raw records",
        description="Fold the stored raw records anew and compare the rows of the database with it. Runs while "
        "events flow. Exit code 0: equal; 1: not equal, with the differing rows named.",
    )
    add_where_options(parser)
    parser.add_argument(
        "--wait", metavar="TIME", type=seconds, default=30.0,
        help="at most so long for what is on its way into the database (default 30s)",
    )  # fmt: skip
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare and print. Exit code 0 equal, 1 not equal or nothing to compare, 2 no database named."""
    where = meant(arguments)
    if where is None:
        return 2
    try:
        report = asyncio.run(verify(where.database, where.broker, arguments.wait))
    except asyncpg.UndefinedTableError as error:
        print(f"this database has no floorstream tables ({error}): run `floorstream migrate`", file=sys.stderr)
        return 1
    except (asyncpg.PostgresError, OSError, NotYet) as error:
        print(f"not verified: {error}", file=sys.stderr)
        return 1
    return tell(report)


def tell(report: Report) -> int:
    """Print the report; its exit code."""
    for partition, mark, behind in report.partitions:
        later = f", {behind} records after it not yet judged" if behind else ""
        print(f"partition {partition}: up to offset {mark}{later}")
    print(
        f"generation {report.generation}: {report.events} events, {report.visits} visits, {report.units} units, "
        f"{report.refused} refused"
    )
    for line in report.differences.lines():
        print(line)
    if report.differences.count:
        print(f"NOT EQUAL: {report.differences.count} differences between the database and its raw records")
        return 1
    print("equal: the rows are what the raw records say")
    return 0


async def verify(dsn: str, broker: str, wait_s: float) -> Report:
    """Compare the database with its raw records.

    `broker` may be empty; `wait_s` is the longest wait for what is on its way into the database. Raises NotYet where
    the store has written nothing, or a plant model that is in force has not been stored.
    """
    deadline = asyncio.get_running_loop().time() + wait_s
    conn = await connect(dsn, application="floorstream verify")
    try:
        generation = await current_generation(conn)
        await _marks_reach_records(conn, generation, deadline)
        while True:
            try:
                async with snapshot(conn):
                    verifier = Verifier(conn, generation, broker)
                    await verifier.compare()
                break
            except NotYet:
                if not await _wait(deadline):
                    raise
        await verifier.refusals_on_their_way(deadline)
        return verifier.report
    finally:
        await conn.close()


async def _marks_reach_records(conn: asyncpg.Connection, generation: int, deadline: float) -> None:
    """Wait until the marks cover the raw records that are stored now; go on without when they do not in time."""
    wanted = {each.partition: each.last for each in await positions(conn, generation)}
    said = False
    while True:
        now = await positions(conn, generation)
        if now and all((p.mark if p.mark is not None else -1) >= wanted.get(p.partition, -1) for p in now):
            return
        if not said:
            print("waiting for the store to write what is on its way …", file=sys.stderr)
            said = True
        if not await _wait(deadline):
            return


async def _wait(deadline: float) -> bool:
    """Pause before looking again; False when the time is up."""
    left = deadline - asyncio.get_running_loop().time()
    if left <= 0:
        return False
    await asyncio.sleep(min(LOOK_AGAIN_SECONDS, left))
    return True


class Verifier:
    """One comparison, inside one snapshot."""

    def __init__(self, conn: asyncpg.Connection, generation: int, broker: str) -> None:
        """Nothing is read before compare()."""
        self.report = Report(generation)
        self._conn = conn
        self._generation = generation
        self._broker = broker
        self._differences = self.report.differences
        self._expected: dict[Coordinates, set[str]] = {}
        self._sent_on: dict[int, set[int]] = {}
        self._judged: set[Coordinates] = set()
        self._missing: list[Coordinates] = []

    async def compare(self) -> None:
        """Compare everything. Raises NotYet, see verify()."""
        # A partition's books may take longer than an idle transaction is allowed elsewhere.
        await self._conn.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        found = await positions(self._conn, self._generation)
        if not found:
            raise NotYet("the store has written nothing into this database: is the stage `store` running?")
        models = {version: PlantModel.from_document(d, version) for version, d in (await plants(self._conn)).items()}
        count = found[-1].partition + 1
        self._check_positions(found, count)
        for each in found:
            await self._partition(each, count, models)
        async for line in strangers(self._conn, self._generation, [each.partition for each in found]):
            self._differences.add(line)
        await self._refusals({each.partition: -1 if each.mark is None else each.mark for each in found})

    def _check_positions(self, found: list[Positions], count: int) -> None:
        have = {each.partition for each in found}
        for partition in sorted(set(range(count)) - have):
            self._differences.add(f"sink_positions partition {partition}: is missing")
        for each in found:
            name = f"sink_positions partition {each.partition}"
            if each.scans is None or each.mark is None:
                self._differences.add(
                    f"{name}: has no row of {'floor.scans' if each.scans is None else 'floor.visits'}"
                )
                continue
            if each.mark >= each.scans:
                self._differences.add(
                    f"{name}: the mark is {each.mark}, but floor.scans is stored only up to offset {each.scans - 1}"
                )
            if each.last != each.scans - 1 and each.last >= each.mark:
                self._differences.add(
                    f"{name}: floor.scans stands at {each.scans}, but the last raw record is that of offset {each.last}"
                )

    async def _partition(self, each: Positions, count: int, models: Mapping[int, PlantModel]) -> None:
        mark = -1 if each.mark is None else each.mark
        records = raw_records(self._conn, self._generation, each.partition, mark, with_forwarded=True)
        fold = await fold_raw(records, each.partition, count, mark, models, _progress)
        await self._check_log(fold)
        report = self.report
        report.partitions.append((each.partition, mark, max(0, each.last - mark)))
        report.events += fold.events
        try:
            books_of(fold.log)
        except BrokenGuarantee as broken:
            self._differences.add(f"ledger of partition {each.partition}: {broken}")
        visits = VisitRows(fold.log.visits, self._differences)
        units = UnitRows(fold.log.histories, self._differences)
        await _take_all(stored_visits(self._conn, self._generation, each.partition), visits)
        await _take_all(stored_units(self._conn, self._generation, each.partition), units)
        report.visits += visits.seen
        report.units += units.seen

    async def _check_log(self, fold: PartitionFold) -> None:
        name = f"raw_scans {fold.partition}"
        for offset in fold.repeated:
            self._differences.add(f"{name}:{offset}: is stored more than once")
        for offset in fold.unmarked:
            said = "is not" if offset in fold.sent_on else "is"
            self._differences.add(f"{name}:{offset}: {said} marked as forwarded, by the log the opposite is so")
        if fold.holes:
            await self._check_holes(name, fold)
        for where, reasons in fold.refused.items():
            self._expected.setdefault(where, set()).update(reasons)
        self._sent_on[fold.partition] = fold.sent_on
        self._judged |= fold.judged

    async def _check_holes(self, name: str, fold: PartitionFold) -> None:
        """A hole is right only where the broker shows that there never was a record (see kafka_holes)."""
        why = "no broker is named (FLOORSTREAM_KAFKA) that could show there was no record"
        if self._broker:
            try:
                for offset in await records_in(self._broker, fold.partition, fold.holes):
                    self._differences.add(f"{name}:{offset}: is missing, the log has it")
                return
            except Unproven as unproven:
                why = str(unproven)
        for first, last in fold.holes:
            self._differences.add(f"{name}:{first}{f'–{last}' if last > first else ''}: is missing, and {why}")

    async def _refusals(self, marks: Mapping[int, int]) -> None:
        refusals = Refusals(self._expected, marks, self._sent_on, self._judged, self._differences)
        async for where, reason in stored_refusals(self._conn, self._generation):
            refusals.take(where, reason)
        self._missing = list(refusals.missing())
        self.report.refused = len(self._expected)

    async def refusals_on_their_way(self, deadline: float) -> None:
        """They come by a topic of their own, which no mark covers: look again for what is missing, then note it."""
        missing = self._missing
        while missing:
            stored = await refusals_at(self._conn, self._generation, missing)
            missing = [where for where in missing if stored.get(where) not in self._expected[where]]
            if not missing or not await _wait(deadline):
                break
        for where in missing:
            self._differences.add(f"{refusal_name(where)}: is missing, {' or '.join(sorted(self._expected[where]))}")


async def _take_all(rows: AsyncIterator[Any], into: VisitRows | UnitRows) -> None:
    async for row in rows:
        into.take(row)
    into.end()


def _progress(partition: int, offset: int) -> None:
    print(f"partition {partition}: folded up to offset {offset}", file=sys.stderr)
