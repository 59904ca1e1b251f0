"""Throughput of track beside two bare loops on the same fold: `make bench-quick`, `make bench`.

    fold alone │ round 1: track, aiokafka, confluent │ round 2: aiokafka, confluent, track │ …

Every run is a process of its own on a broker of its own; only a run whose output equals the fold of the log counts.
CPU is that of the worker, all threads, without the broker. Figures go to loadtest/results/latest.json.
"""

import argparse
import asyncio
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtest.bench_floor import OPERATION_PARTITIONS, SESSION_S, BenchFloor, Expected, Written, WrongResult
from loadtest.fold_alone import fold_alone
from loadtest.load import Profile, ScanRecord, scans
from loadtest.measured import ENDS, RESULT
from loadtest.results import Measurement, measurement, table, write

BUDGET_S = {"quick": 420, "full": 1500}
"""No round begins that would end later than this."""
RUN_S = 150
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Timed:
    """One run that counts."""

    name: str
    events: int
    cpu_s: float
    wall_s: float
    folds: int
    written: Written

    @property
    def rate(self) -> float:
        """Events per CPU second."""
        return self.events / self.cpu_s


def command(name: str, size: str, events: int) -> list[str]:
    """The process of a run."""
    if name == "track":
        return [sys.executable, "-m", "loadtest.timed_track"]
    return [sys.executable, "-m", "loadtest.opponents", name.removeprefix("bare_"), size, str(events)]


def environment(floor: BenchFloor, profile: Profile, ends: Sequence[int], directory: Path) -> dict[str, str]:
    """Settings of a run, the same for all."""
    return {
        **os.environ,
        "FLOORSTREAM_KAFKA": floor.address, "FLOORSTREAM_PROFILE": "embedded", "FLOORSTREAM_DATA_DIR": str(directory),
        "FLOORSTREAM_PARTITIONS": str(profile.partitions), "FLOORSTREAM_SESSION_TIMEOUT_S": str(SESSION_S),
        "FLOORSTREAM_OPERATION_PARTITIONS": str(OPERATION_PARTITIONS),
        ENDS: json.dumps(list(ends)), RESULT: str(directory / "result.json"),
    }  # fmt: skip


async def timed(name: str, size: str, profile: Profile, records: Sequence[ScanRecord], expected: Expected) -> Timed:
    """One run on a broker of its own. Raises WrongResult where it fails or its output is wrong."""
    with tempfile.TemporaryDirectory(prefix="floorstream-bench-") as name_of_directory:
        directory = Path(name_of_directory)
        async with BenchFloor(profile, records, directory) as floor:
            child = await asyncio.create_subprocess_exec(
                *command(name, size, profile.events),
                env=environment(floor, profile, expected.ends, directory),
                cwd=ROOT,
            )
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
            used = json.loads((directory / "result.json").read_text(encoding="utf-8"))
            return Timed(name, len(records), **used, written=await floor.check(expected, epochs=name == "track"))


def opponents() -> list[str]:
    """Who runs: a client library that is not installed is said and left out."""
    if importlib.util.find_spec("confluent_kafka") is None:
        say("without the confluent-kafka loop: it is not installed; type:  make bench  or  pip install '.[bench]'")
        return ["track", "bare_aiokafka"]
    return ["track", "bare_aiokafka", "bare_confluent"]


async def rounds(size: str, profile: Profile, records: Sequence[ScanRecord], budget_s: float) -> list[list[Timed]]:
    """Round after round, the order turned each time, as long as the time suffices."""
    expected, names = Expected(profile, records), opponents()
    done: list[list[Timed]] = []
    units = ""
    for number in range(profile.rounds):
        begun = time.monotonic()
        done.append([])
        for name in names[number % len(names) :] + names[: number % len(names)]:
            run = await timed(name, size, profile, records, expected)
            units = units or run.written.units
            if run.written.units != units:
                raise WrongResult(f"{name} wrote other unit states than the run before it")
            done[-1].append(run)
            say(f"round {number + 1} of {profile.rounds}, {name}: {run.rate:,.0f} events/s/core, checked")
        budget_s -= time.monotonic() - begun
        if number + 1 < profile.rounds and budget_s < time.monotonic() - begun:
            say(f"{number + 1} of {profile.rounds} rounds: the time is up")
            break
    return done


def measurements(done: Sequence[Sequence[Timed]], alone: Sequence[float]) -> list[Measurement]:
    """Medians over the rounds, and the ranges they came from. Ratios are taken within a round."""
    found = [measurement("fold_alone.us_per_event", "µs CPU", alone)]
    for name in sorted({run.name for runs in done for run in runs}):
        mine = [run for runs in done for run in runs if run.name == name]
        fold = statistics.median(alone)
        for what, unit, values in (
            ("events_per_s_core", "events/CPU s", [run.rate for run in mine]),
            ("events_per_s", "events/s", [run.events / run.wall_s for run in mine]),
            ("us_per_event", "µs CPU", [1e6 / run.rate for run in mine]),
            ("overhead_us_per_event", "µs CPU beside the fold", [1e6 / run.rate - fold for run in mine]),
            ("events_per_fold", "events", [run.events / run.folds for run in mine]),
            ("changelog_bytes_per_event", "bytes", [run.written.changelog_bytes / run.events for run in mine]),
            ("visits_bytes_per_event", "bytes", [run.written.visits_bytes / run.events for run in mine]),
            ("partials_bytes_per_event", "bytes", [run.written.partials_bytes / run.events for run in mine]),
        ):
            found.append(measurement(f"{name}.{what}", unit, values))
    better = [max(run.rate for run in runs if run.name != "track") for runs in done]
    track = [run.rate for runs in done for run in runs if run.name == "track"]
    found.append(measurement("track.ratio_to_better_bare", "", [a / b for a, b in zip(track, better, strict=True)]))
    return found


def say(text: str) -> None:
    """A line of progress."""
    print(text, flush=True)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 when a run's output was wrong."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", choices=sorted(BUDGET_S), default="full")
    parser.add_argument("--events", type=int)
    parser.add_argument("--rounds", type=int)
    given = parser.parse_args(words)
    changes: Mapping[str, int] = {k: v for k in ("events", "rounds") if (v := getattr(given, k)) is not None}
    begun, profile = time.monotonic(), Profile.read(given.size, changes)
    say(f"profile {profile.hash}: {profile.events:,} events, {profile.partitions} partitions, {profile.rounds} rounds")
    records = scans(profile)
    alone = fold_alone(profile, records, profile.rounds)
    say(f"the fold alone: {statistics.median(alone):.2f} µs per event")
    try:
        done = asyncio.run(rounds(given.size, profile, records, BUDGET_S[given.size] - (time.monotonic() - begun)))
    except WrongResult as wrong:
        print(f"no figure counts: {wrong}", file=sys.stderr)
        return 1
    found = measurements(done, alone)
    print(table(found))
    say(f"written: {write(asdict(profile), profile.hash, len(done), found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
