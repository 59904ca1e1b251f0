"""Other stream processors beside ours: `make bench-extra`.

All do the common job (job.py); where it is easily had, the product's rules as well (rules.py). Every run is a process
of its own on an Apache Kafka of its own that holds the log already; only a run whose records are the plain
computation's counts. CPU is that of the worker, all threads, from the first record to
everything being durable; the broker's is not in it.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from loadtest.bench_floor import Expected, Visits, WrongResult, environment
from loadtest.extra.floor import ExtraFloor
from loadtest.extra.job import Stays, expected
from loadtest.extra.jobs import RULES
from loadtest.extra.rows import ROOT, ROWS, NotHere, Row
from loadtest.extra.told import RESULTS, Timed, earlier, measurements, tables, write
from loadtest.load import Profile, ScanRecord, by_partition, scans
from services.embedded.errors import EmbeddedError

RUN_S = 200


class Wanted(NamedTuple):
    """What the jobs must come to; no visits where nobody runs the rules."""

    stays: Stays
    visits: Visits

    @classmethod
    def of(cls, profile: Profile, records: Sequence[ScanRecord], rows: Sequence[Row]) -> Self:
        """Computed plainly, without a broker."""
        stays = expected((record.key, record.value) for record in records)
        return cls(stays, Expected(profile, records).visits if any(row.job == RULES for row in rows) else {})


async def timed(row: Row, profile: Profile, records: Sequence[ScanRecord], wanted: Wanted) -> Timed:
    """One run on a broker of its own. Raises NotHere; WrongResult where it fails or sends something else."""
    command = row.command()
    ends = [len(part) - 1 for part in by_partition(profile, records)]
    with tempfile.TemporaryDirectory(prefix="floorstream-extra-") as name:
        directory = Path(name)
        async with ExtraFloor(profile, records, directory / "kafka") as floor:
            settings = environment(floor, profile, ends, directory)
            before = _children_cpu_s()
            await _to_end(row.name, command, settings | {"FLOORSTREAM_PROFILE": "kafka", "PYTHONPATH": str(ROOT)})
            process_cpu_s = _children_cpu_s() - before
            used = json.loads((directory / "result.json").read_text(encoding="utf-8"))
            await (floor.check_visits(wanted.visits) if row.job == RULES else floor.check_stays(wanted.stays))
    return Timed(
        row.name, row.job, len(records), used["cpu_s"], used["wall_s"], process_cpu_s,
        used.get("half_events", 0), used.get("half_cpu_s", 0.0),
    )  # fmt: skip


async def _to_end(name: str, command: Sequence[str], settings: Mapping[str, str]) -> None:
    child = await asyncio.create_subprocess_exec(*command, env=settings, cwd=settings["FLOORSTREAM_DATA_DIR"])
    try:
        code = await asyncio.wait_for(child.wait(), RUN_S)
    except TimeoutError:
        raise WrongResult(f"{name} did not end within {RUN_S} s") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if code:
        raise WrongResult(f"{name} ended with exit code {code}")


def _children_cpu_s() -> float:
    """Of the children that have ended and been waited for; while a broker runs, that is the worker alone."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def rounds(rows: Sequence[Row], profile: Profile, count: int) -> tuple[list[Timed], list[str]]:
    """Round after round, the order turned each time; also the names of those none of whose figures counts.

    Who cannot run is said once and left out.
    """
    records, found, left, wrong = scans(profile), list[Timed](), list(rows), list[str]()
    wanted = Wanted.of(profile, records, rows)
    for turn in range(count):
        begin = turn % len(left) if left else 0
        for row in [*left[begin:], *left[:begin]]:
            try:
                run = await timed(row, profile, records, wanted)
            except NotHere as why:
                say(f"without {row.name}: {why}")
            except WrongResult as why:
                say(f"no figure of {row.name} counts: {why}")
                wrong.append(row.name)
            else:
                found.append(run)
                say(f"round {turn + 1} of {count}, {row.name}: {run.rate:,.0f} events/CPU s, checked")
                continue
            left.remove(row)
    return [run for run in found if run.name not in wrong], wrong


def say(text: str) -> None:
    """A line of progress."""
    print(text, flush=True)


def chosen(text: str) -> list[Row]:
    """Names of rows, with commas."""
    names, known = text.split(","), {row.name: row for row in ROWS}
    strange = [name for name in names if name not in known]
    if strange:
        raise argparse.ArgumentTypeError(f"no row {', '.join(strange)}; there are {', '.join(known)}")
    return [known[name] for name in names]


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 when somebody's output was wrong."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.extra.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", type=chosen, default=ROWS, help="names of rows, with commas")
    parser.add_argument("--more", action="store_true", help="beside the runs of earlier calls under the same load")
    given = parser.parse_args(words)
    begun, profile = time.monotonic(), Profile.read("full", {"events": given.events})
    say(f"profile {profile.hash}: {profile.events:,} events, {profile.partitions} partitions, {given.rounds} rounds")
    try:
        runs, wrong = asyncio.run(rounds(given.only, profile, given.rounds))
    except EmbeddedError as missing:
        print(f"no Apache Kafka, and so no figure: {missing}", file=sys.stderr)
        return 1
    if given.more:
        runs = [*(run for run in earlier(profile) if run.name not in wrong), *runs]
    found = measurements(runs)
    print(tables(ROWS, found))
    write(profile, ROWS, runs, found, time.monotonic() - begun)
    say(f"written: {RESULTS}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
