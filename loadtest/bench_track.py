"""Throughput of track beside the bare loops and idiomatic Faust, on the same fold.

    fold alone │ round 1: track, aiokafka, confluent, idiomatic │ round 2: aiokafka, confluent, idiomatic, track │ …

Every run is a process of its own on a broker of its own; only a run whose output equals the fold of the log counts.
CPU is that of the worker, all threads, without the broker. Overhead is what an event costs beside the fold; of
idiomatic Faust, which folds one event at a time, beside the fold of one event at a time.
"""

import importlib.util
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.bench_floor import BenchFloor, Expected, Written, WrongResult, environment
from loadtest.fold_alone import fold_alone
from loadtest.load import Profile, ScanRecord, scans
from loadtest.results import Measurement, measurement
from loadtest.sections import Bench
from loadtest.stage import NoFigure, run_to_end

RUN_S = 150.0
TRACK, IDIOMATIC = "track", "faust_idiomatic"
BARE = ("bare_aiokafka", "bare_confluent")


@dataclass(frozen=True)
class Load:
    """Scans, and what must come of them."""

    profile: Profile
    records: Sequence[ScanRecord]
    expected: Expected

    @classmethod
    def of(cls, profile: Profile) -> "Load":
        """The load of this profile."""
        records = scans(profile)
        return cls(profile, records, Expected(profile, records))


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

    @property
    def us(self) -> float:
        """CPU of an event, µs."""
        return 1e6 / self.rate


def command(name: str, size: str, events: int) -> list[str]:
    """The process of a run."""
    words = {
        TRACK: ["loadtest.timed_track"],
        IDIOMATIC: ["loadtest.idiomatic", size, str(events)],
    }.get(name, ["loadtest.opponents", name.removeprefix("bare_"), size, str(events)])
    return [sys.executable, "-m", *words]


async def timed(name: str, size: str, load: Load) -> Timed:
    """One run on a broker of its own. Raises WrongResult where it fails or its output is wrong."""
    with tempfile.TemporaryDirectory(prefix="floorstream-bench-") as name_of_directory:
        directory = Path(name_of_directory)
        async with BenchFloor(load.profile, load.records, directory) as floor:
            given = environment(floor, load.profile, load.expected.ends, directory)
            try:
                code = await run_to_end(command(name, size, load.profile.events), given, RUN_S)
            except NoFigure as late:
                raise WrongResult(str(late)) from late
            if code:
                raise WrongResult(f"{name} ended with exit code {code}")
            used = json.loads((directory / "result.json").read_text(encoding="utf-8"))
            return Timed(
                name, load.profile.events, **used, written=await floor.check(load.expected, epochs=name == TRACK)
            )


def contenders() -> list[str]:
    """Who runs, ourselves first; a client library that is not installed is left out."""
    with_confluent = importlib.util.find_spec("confluent_kafka") is not None
    return [TRACK, *(name for name in BARE if with_confluent or name != "bare_confluent"), IDIOMATIC]


async def measure(bench: Bench) -> list[Measurement]:
    """The rounds of this section, the order turned each time."""
    names, profile = contenders(), bench.profile
    if "bare_confluent" not in names:
        bench.say("without the confluent-kafka loop: it is not installed; type:  make bench")
    load, few = Load.of(profile), Load.of(profile.sized(bench.plan.idiomatic_events))
    alone = fold_alone(profile, profile.rounds)
    one_by_one = fold_alone(few.profile, profile.rounds, 1)
    bench.say(
        f"the fold alone: {statistics.median(alone):.2f} µs per event, {statistics.median(one_by_one):.2f} singly"
    )
    done: list[list[Timed]] = []
    for number in range(profile.rounds):
        done.append([])
        for name in names[number % len(names) :] + names[: number % len(names)]:
            run = await timed(name, bench.size, few if name == IDIOMATIC else load)
            done[-1].append(run)
            bench.say(f"round {number + 1} of {profile.rounds}, {name}: {run.rate:,.0f} events/s/core, checked")
    return measurements(done, alone, one_by_one)


def measurements(
    done: Sequence[Sequence[Timed]], alone: Sequence[float], one_by_one: Sequence[float]
) -> list[Measurement]:
    """Medians over the rounds, and the ranges they came from. Ratios are taken within a round."""
    found = [
        measurement("fold_alone.us_per_event", "µs CPU", alone),
        measurement("fold_alone.one_by_one_us_per_event", "µs CPU", one_by_one),
    ]
    folds = {IDIOMATIC: statistics.median(one_by_one)}
    fold = statistics.median(alone)
    for name in sorted({run.name for runs in done for run in runs}):
        found += _of(name, [run for runs in done for run in runs if run.name == name], folds.get(name, fold))
    rounds = [{run.name: run for run in runs} for runs in done]
    found.append(measurement("track.ratio_to_better_bare", "", [_ratio_to_better(runs) for runs in rounds]))
    if all(IDIOMATIC in runs for runs in rounds):
        ratios = [(runs[IDIOMATIC].us - folds[IDIOMATIC]) / max(runs[TRACK].us - fold, 1e-9) for runs in rounds]
        found.append(measurement("track.overhead_below_idiomatic", "×", ratios))
    return found


def _ratio_to_better(runs: Mapping[str, Timed]) -> float:
    return runs[TRACK].rate / max(runs[name].rate for name in BARE if name in runs)


def _of(name: str, mine: Sequence[Timed], fold: float) -> list[Measurement]:
    return [
        measurement(f"{name}.{what}", unit, values)
        for what, unit, values in (
            ("events_per_s_core", "events/CPU s", [run.rate for run in mine]),
            ("events_per_s", "events/s", [run.events / run.wall_s for run in mine]),
            ("us_per_event", "µs CPU", [run.us for run in mine]),
            ("overhead_us_per_event", "µs CPU beside the fold", [run.us - fold for run in mine]),
            ("events_per_fold", "events", [run.events / run.folds for run in mine]),
            ("changelog_bytes_per_event", "bytes", [run.written.changelog_bytes / run.events for run in mine]),
            ("visits_bytes_per_event", "bytes", [run.written.visits_bytes / run.events for run in mine]),
            ("partials_bytes_per_event", "bytes", [run.written.partials_bytes / run.events for run in mine]),
        )
    ]
