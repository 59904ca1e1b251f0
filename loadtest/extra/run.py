"""Other stream processors beside ours on the common job (job.py): `make bench-extra`.

Every run is a process of its own on an Apache Kafka of its own that holds the log already; only a run whose stays are
the plain computation's, record for record, counts. CPU is that of the worker, all threads, from the first record to
everything being durable; the broker's is not in it.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadtest.bench_floor import OPERATION_PARTITIONS, SESSION_S, WrongResult
from loadtest.extra.floor import StaysFloor
from loadtest.extra.job import Stays, expected
from loadtest.extra.rows import ROOT, ROWS, NotHere, Row
from loadtest.load import Profile, ScanRecord, by_partition, scans
from loadtest.measured import ENDS, RESULT
from loadtest.results import machine
from services.adapters.clock import SystemClock
from services.core.instant import format_instant

RUN_S = 200
OURS = "track"
RESULTS = ROOT / "loadtest" / "results" / "extra.json"


@dataclass(frozen=True)
class Timed:
    """A run that counts. `process_cpu_s`: of the whole process, its start too.

    `half_…`: the second half of the log alone, where a run tells it: by then Java has compiled what is hot.
    """

    name: str
    events: int
    cpu_s: float
    wall_s: float
    process_cpu_s: float
    half_events: int
    half_cpu_s: float

    def figures(self) -> dict[str, float]:
        """What the table is made of."""
        figures = {
            "events_per_s": self.events / self.wall_s,
            "events_per_cpu_s": self.events / self.cpu_s,
            "events_per_process_cpu_s": self.events / self.process_cpu_s,
        }
        if self.half_cpu_s:
            figures["warm_events_per_cpu_s"] = self.half_events / self.half_cpu_s
        return figures


def environment(floor: StaysFloor, profile: Profile, ends: Sequence[int], directory: Path) -> dict[str, str]:
    """Settings of a run, the same for all; ours as on any Apache Kafka."""
    return {
        **os.environ, "PYTHONPATH": str(ROOT),
        "FLOORSTREAM_KAFKA": floor.address, "FLOORSTREAM_PROFILE": "kafka", "FLOORSTREAM_DATA_DIR": str(directory),
        "FLOORSTREAM_PARTITIONS": str(profile.partitions), "FLOORSTREAM_SESSION_TIMEOUT_S": str(SESSION_S),
        "FLOORSTREAM_OPERATION_PARTITIONS": str(OPERATION_PARTITIONS),
        ENDS: json.dumps(list(ends)), RESULT: str(directory / "result.json"),
    }  # fmt: skip


async def timed(row: Row, profile: Profile, records: Sequence[ScanRecord], wanted: Stays) -> Timed:
    """One run on a broker of its own. Raises NotHere; WrongResult where it fails or sends something else."""
    command = row.command()
    ends = [len(part) - 1 for part in by_partition(profile, records)]
    with tempfile.TemporaryDirectory(prefix="floorstream-extra-") as name:
        async with StaysFloor(profile, records, Path(name) / "kafka") as floor:
            before = _children_cpu_s()
            await _to_end(row.name, command, environment(floor, profile, ends, Path(name)))
            process_cpu_s = _children_cpu_s() - before
            used = json.loads((Path(name) / "result.json").read_text(encoding="utf-8"))
            await floor.check_stays(wanted)
    return Timed(
        row.name, len(records), used["cpu_s"], used["wall_s"], process_cpu_s,
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


async def rounds(rows: Sequence[Row], profile: Profile, number: int) -> tuple[list[Timed], list[str]]:
    """Round after round, the order turned each time; also the names of those none of whose figures counts.

    Who cannot run is said once and left out.
    """
    records, found, left, wrong = scans(profile), list[Timed](), list(rows), list[str]()
    wanted = expected((record.key, record.value) for record in records)
    for turn in range(number):
        for row in [*left[turn % len(left) :], *left[: turn % len(left)]]:
            try:
                run = await timed(row, profile, records, wanted)
            except NotHere as why:
                say(f"without {row.name}: {why}")
            except WrongResult as why:
                say(f"no figure of {row.name} counts: {why}")
                wrong.append(row.name)
            else:
                found.append(run)
                say(f"round {turn + 1} of {number}, {row.name}: {run.events / run.cpu_s:,.0f} events/CPU s, checked")
                continue
            left.remove(row)
    return [run for run in found if run.name not in wrong], wrong


def document(profile: Profile, rows: Sequence[Row], runs: Sequence[Timed]) -> dict[str, Any]:
    """Medians and ranges of every row, and its ratio to ours where that ran."""
    ours, lines = [run.events / run.cpu_s for run in runs if run.name == OURS], []
    for row in rows:
        mine = [run.figures() for run in runs if run.name == row.name]
        if mine:
            columns = {name: [figures[name] for figures in mine] for name in mine[0]}
            told = {name: {"value": statistics.median(v), "range": [min(v), max(v)]} for name, v in columns.items()}
            ratio = statistics.median(columns["events_per_cpu_s"]) / statistics.median(ours) if ours else None
            about = {"durable": row.durable, "guarantee": row.guarantee, "package": row.package}
            lines.append({"name": row.name, **told, "ratio": ratio, **about, "version": row.version()})
    return {
        "date": format_instant(SystemClock().now_us()), "machine": machine(), "profile": asdict(profile),
        "profile_hash": profile.hash, "rows": lines, "runs": [asdict(run) for run in runs],
    }  # fmt: skip


def table(told: Mapping[str, Any]) -> str:
    """For people: as Markdown, so that it can stand in a text."""
    head = "| | events/s | per CPU second (range) | to ours | warm | a crash undoes at most | guarantee | version |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for row in told["rows"]:
        each, warm = row["events_per_cpu_s"], row.get("warm_events_per_cpu_s")
        least, most = each["range"]
        cells = (
            row["name"], f"{row['events_per_s']['value']:,.0f}", f"{each['value']:,.0f} ({least:,.0f} to {most:,.0f})",
            f"{row['ratio']:.2f}" if row["ratio"] else "", f"{warm['value']:,.0f}" if warm else "", row["durable"], row["guarantee"],
            f"{row['package']} {row['version']}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def earlier(profile: Profile) -> list[Timed]:
    """The runs under the same load that results/extra.json tells of."""
    if not RESULTS.exists():
        return []
    told = json.loads(RESULTS.read_text(encoding="utf-8"))
    return [Timed(**run) for run in told["runs"]] if told["profile_hash"] == profile.hash else []


def say(text: str) -> None:
    """A line of progress."""
    print(text, flush=True)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 when somebody's output was wrong."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.extra.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(row.name for row in ROWS), help="names of rows, joined by commas")
    parser.add_argument("--more", action="store_true", help="beside the runs of earlier calls under the same load")
    given = parser.parse_args(words)
    chosen = [row for row in ROWS if row.name in given.only.split(",")]
    profile = Profile.read("full", {"events": given.events})
    say(f"profile {profile.hash}: {profile.events:,} events, {profile.partitions} partitions, {given.rounds} rounds")
    runs, wrong = asyncio.run(rounds(chosen, profile, given.rounds))
    if given.more:
        runs = [*(run for run in earlier(profile) if run.name not in wrong), *runs]
    told = document(profile, ROWS, runs)
    print(table(told))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    say(f"written: {RESULTS}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
