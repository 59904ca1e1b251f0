"""How soon a scan is seen, at a steady rate and after a burst: the whole stack, `floorstream up --broker apache`.

    steady   2,000/s ──────────────────────────────►  visit / row / browser: p50, p95, p99
    burst    200/s ─► 10,000/s (50 ×) ─► 200/s ... until rows follow within a second again

Scans go straight into Kafka. After the burst everything is drained and `verify` folds the stored raw scans anew: a scan
that is missing, or a row that differs, makes no figure count.
"""

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loadtest.bench_floor import OPERATION_PARTITIONS, WrongResult
from loadtest.load import Profile, plant_text
from loadtest.results import Found, Measurement, Series, measurement
from loadtest.sections import Bench
from loadtest.stage import ROOT, NoFigure
from loadtest.traffic import SECOND_US, Sender, Traffic
from loadtest.watchers import Delays, Memory, Watch
from services.adapters.clock import SystemClock
from services.commands.verify import verify
from services.embedded.apache_kafka import ApacheKafka
from services.settings import KafkaSettings

STEADY_RATE = 2_000
BASE_RATE, BURST_RATE = 200, 10_000
WARM_UP_S = 5.0
BASE_S = 10.0
LEAD_S = 1.0
NORMAL_S = 1.0
"""Rows follow as they should when they follow within this."""
CALM_S = 5.0
"""For so long, before the burst is called over."""
RECOVER_S = 300.0
READY_S = 180.0
DRAIN_S = 300.0
POLL_S = 0.1
SESSION_S = 10


@dataclass(frozen=True)
class Stack:
    """A stack that runs: its processes' parent, and where its parts are."""

    pid: int
    address: str
    kafka: KafkaSettings
    database: str


async def measure(bench: Bench) -> list[Found]:
    """Steady and burst, each on a stack of its own, and the plant of many operations."""
    ApacheKafka().install()
    found: list[Found] = [*await steady(bench, bench.profile, "latency"), *await burst(bench)]
    if bench.plan.many_operations:
        many = replace(bench.profile, operations=bench.plan.many_operations)
        found += await steady(bench, many, f"operations_{many.operations}")
    return found


async def steady(bench: Bench, profile: Profile, name: str) -> list[Found]:
    """Delays at the steady rate."""
    async with running(profile) as stack, Sender(stack.kafka) as sender:
        watch = Watch(sender.first, profile.partitions)
        seconds = bench.plan.latency_s
        begin = SystemClock().now_us() + round((LEAD_S + STEADY_RATE * seconds / 100_000) * SECOND_US)
        scans = Traffic(profile).scans(begin, STEADY_RATE, WARM_UP_S + seconds)
        watch.expect(scans)
        async with watch.watching(stack.kafka.brokers, stack.database, stack.address, visits=True):
            await sender.send(scans)
            await _until(lambda: len(watch.row.delays) == len(scans), DRAIN_S, "all rows are there")
            arrivals = sum(bool(scan.arrival) for scan in scans)
            await _until(lambda: len(watch.browser.delays) == arrivals, DRAIN_S, "the browser has seen all")
        await _verified(stack, len(scans))
        measured = begin + round(WARM_UP_S * SECOND_US), scans[-1].due + 1
        found: list[Found] = []
        for where, delays in (("visit", watch.visit), ("row", watch.row), ("browser", watch.browser)):
            found += percentiles(f"{name}.produce_to_{where}", delays.of(*measured))
        bench.say(f"{name} at {STEADY_RATE:,}/s: " + ", ".join(_said(m) for m in found if isinstance(m, Measurement)))
        return found


async def burst(bench: Bench) -> list[Found]:
    """From calm to calm."""
    profile, seconds = bench.profile, bench.plan.burst_s
    async with running(profile) as stack, Sender(stack.kafka) as sender:
        watch, memory = Watch(sender.first, profile.partitions), Memory(stack.pid)
        calm, traffic = asyncio.Event(), Traffic(profile)
        begin = SystemClock().now_us() + round((LEAD_S + BURST_RATE * seconds / 50_000) * SECOND_US)
        before = traffic.scans(begin, BASE_RATE, BASE_S)
        start = begin + round(BASE_S * SECOND_US)
        many = traffic.scans(start, BURST_RATE, seconds)
        end = start + round(seconds * SECOND_US)
        after = traffic.scans(end, BASE_RATE, RECOVER_S)
        for scans in (before, many, after):
            watch.expect(scans)
        remembering = asyncio.create_task(memory.watch())
        async with watch.watching(stack.kafka.brokers, stack.database, stack.address, visits=False):
            await sender.send(before)
            await sender.send(many)
            pushed = len(many) / ((SystemClock().now_us() - start) / SECOND_US)
            bench.say(f"burst: {pushed:,.0f}/s were pushed for {seconds} s; {len(watch.row.delays):,} are rows already")
            waiting = asyncio.create_task(_calm(watch.row, end, calm))
            await sender.send(after, calm)
            if not calm.is_set():
                raise NoFigure(f"rows did not follow within {NORMAL_S:g} s again, {RECOVER_S:g} s after the burst")
            back = (await waiting - end) / SECOND_US
            await _until(lambda: len(watch.row.delays) >= sender.acknowledged, DRAIN_S, "all rows are there")
        remembering.cancel()
        lost = await _verified(stack, sender.acknowledged)
        bench.say(f"burst: back to normal {back:.1f} s after its end, {lost} lost, verified")
        return [
            measurement("burst.pushed_per_s", "events/s", [pushed]),
            measurement("burst.events", "events", [sender.acknowledged]),
            measurement("burst.lost", "events", [lost]),
            measurement("burst.back_to_normal_s", "s after its end", [back]),
            measurement("burst.longest_to_row_s", "s", [max(delay for _, delay in watch.row.delays)]),
            *(measurement(f"burst.rss_{name}_mb", "MB", [most]) for name, most in sorted(memory.most.items())),
            *(_along(name, delays, begin) for name, delays in (("row", watch.row), ("browser", watch.browser))),
        ]


async def _calm(rows: Delays, end: int, calm: asyncio.Event) -> int:
    """Wait until rows have followed in time for CALM_S; the instant since when they have."""
    clock = SystemClock()
    while True:
        now = clock.now_us()
        latest = [(due, delay) for due, delay in rows.delays[-round(2 * CALM_S * BASE_RATE) :] if due >= end]
        since = max((due for due, delay in latest if delay > NORMAL_S), default=end)
        newest = max((due for due, _ in latest), default=0)
        if newest - since > CALM_S * SECOND_US and now - newest < (NORMAL_S + CALM_S) * SECOND_US:
            calm.set()
            return since
        await asyncio.sleep(POLL_S)


def percentiles(name: str, delays: Sequence[float]) -> list[Found]:
    """p50, p95 and p99 of delays in seconds; raises NoFigure where there are none."""
    if len(delays) < 100:
        raise NoFigure(f"{name}: only {len(delays)} were seen")
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    return [measurement(f"{name}.p{share}_s", "s", [cuts[share - 1]]) for share in (50, 95, 99)]


def _along(name: str, delays: Delays, begin: int) -> Series:
    """The longest delay of each second, by when the scan was due."""
    longest: dict[int, float] = {}
    for due, delay in delays.delays:
        second = (due - begin) // SECOND_US
        longest[second] = max(delay, longest.get(second, 0.0))
    return Series(f"scan → {name}, longest delay", "s since the start 开始后秒数", "s", sorted(longest.items()))


async def _verified(stack: Stack, events: int) -> int:
    """How many of the events are missing, which is none. Raises WrongResult."""
    report = await verify(stack.database, stack.kafka.brokers, DRAIN_S)
    missing = events - report.events
    if report.differences.count or missing:
        raise WrongResult(f"verify: {report.differences.count} differences, {missing} of {events} events are missing")
    return missing


async def _until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise NoFigure(f"not within {seconds:g} s: {what}")
        await asyncio.sleep(POLL_S)


def _said(m: Measurement) -> str:
    return f"{m.name.partition('.produce_to_')[2]} {m.value:.3f}"


@contextlib.asynccontextmanager
async def running(profile: Profile) -> AsyncIterator[Stack]:
    """A stack of its own for this plant."""
    with tempfile.TemporaryDirectory(prefix="floorstream-bench-") as name:
        folder = Path(name)
        process = await asyncio.to_thread(_start, folder, profile)
        try:
            told = json.loads(_told(folder))
            kafka = KafkaSettings(
                told["broker"], False, 1, profile.partitions, OPERATION_PARTITIONS, SESSION_S
            )  # fmt: skip
            yield Stack(process.pid, told["address"], kafka, told["database"])
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)


def _told(folder: Path) -> str:
    return (folder / "data" / "instance.json").read_text(encoding="utf-8")


def _start(folder: Path, profile: Profile) -> subprocess.Popen[str]:
    """`floorstream up`, ready. Raises NoFigure with what it said."""
    (folder / "plant.yaml").write_text(plant_text(profile), encoding="utf-8")
    words = ["--plant", str(folder / "plant.yaml"), "--data-dir", str(folder / "data"), "--broker", "apache"]
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "up", *words], stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "FLOORSTREAM_PARTITIONS": str(profile.partitions)},
    )  # fmt: skip
    patience = threading.Timer(READY_S, process.terminate)
    patience.start()
    said: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if line.startswith("ready "):
            patience.cancel()
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return process
    raise NoFigure(f"the stack did not start:\n{''.join(said)}")
