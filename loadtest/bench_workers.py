"""Two workers of track beside one: what sharing the partitions costs in CPU, all workers together.

The workers take their partitions first, then the scans are written, so that nobody begins before the others. Counted is
the CPU of each worker from there until the last state of its own partitions is acknowledged.
"""

import asyncio
import contextlib
import json
import signal
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.bench_floor import BenchFloor, environment
from loadtest.bench_track import Load
from loadtest.measured import RESULT
from loadtest.results import Measurement, measurement
from loadtest.sections import Bench
from loadtest.stage import NoFigure, Stage
from loadtest.timed_worker import OWNED

JOIN_S = 90.0
RUN_S = 150.0
POLL_S = 0.05


@dataclass(frozen=True)
class Worker:
    """A worker and its files."""

    stage: Stage
    owned: Path
    result: Path

    def partitions(self) -> list[int]:
        """What it has; nothing before it took work."""
        return [int(p) for p in json.loads(self.owned.read_text(encoding="utf-8"))] if self.owned.exists() else []


async def measure(bench: Bench) -> list[Measurement]:
    """The rounds of this section, the order turned each time."""
    load = Load.of(bench.profile)
    rates: dict[int, list[float]] = {1: [], 2: []}
    for number in range(bench.plan.worker_rounds):
        for count in (1, 2) if number % 2 else (2, 1):
            rates[count].append(await rate(load, count))
            bench.say(f"round {number + 1}, {count} of track: {rates[count][-1]:,.0f} events/s/core, checked")
    return [
        measurement("workers.one.events_per_s_core", "events/CPU s", rates[1]),
        measurement("workers.two.events_per_s_core", "events/CPU s", rates[2]),
        measurement("workers.two_to_one", "", [two / one for one, two in zip(rates[1], rates[2], strict=True)]),
    ]


async def rate(load: Load, count: int) -> float:
    """Events per CPU second of so many workers together. Raises WrongResult, NoFigure."""
    with tempfile.TemporaryDirectory(prefix="floorstream-bench-") as name:
        directory = Path(name)
        floor = BenchFloor(load.profile, load.records, directory, empty=True)
        async with floor, contextlib.AsyncExitStack() as stack:
            workers = [await _started(stack, floor, load, directory, number) for number in range(count)]
            await _until(lambda: _dealt(workers, load.profile.partitions), workers, JOIN_S, "each has its share")
            for worker in workers:
                worker.stage.process.send_signal(signal.SIGUSR1)
            await floor.fill()
            await _until(lambda: all(w.result.exists() for w in workers), workers, RUN_S, "everything is folded")
            used = [json.loads(worker.result.read_text(encoding="utf-8"))["cpu_s"] for worker in workers]
            await floor.check(load.expected, epochs=True)
            return load.profile.events / float(sum(used))


async def _started(
    stack: contextlib.AsyncExitStack, floor: BenchFloor, load: Load, directory: Path, number: int
) -> Worker:
    own = Path(tempfile.mkdtemp(dir=directory))
    owned, result = own / "owned.json", own / "result.json"
    given = environment(floor, load.profile, load.expected.ends, own)
    given |= {OWNED: str(owned), RESULT: str(result), "FLOORSTREAM_INSTANCE": str(number)}
    return Worker(await stack.enter_async_context(Stage("loadtest.timed_worker", given, own)), owned, result)


def _dealt(workers: Sequence[Worker], partitions: int) -> bool:
    """Has every partition one owner, and everybody as many?"""
    shares = [worker.partitions() for worker in workers]
    everything = sorted(partition for share in shares for partition in share)
    return everything == list(range(partitions)) and max(map(len, shares)) - min(map(len, shares)) <= 1


async def _until(condition: Callable[[], bool], workers: Sequence[Worker], seconds: float, what: str) -> None:
    """Wait for it while all live. Raises NoFigure."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        for worker in workers:
            if worker.stage.process.returncode is not None:
                raise NoFigure(f"a worker ended: {worker.stage.log_tail()}")
        if asyncio.get_running_loop().time() > deadline:
            raise NoFigure(f"not within {seconds:g} s: {what}; {[worker.stage.log_tail() for worker in workers]}")
        await asyncio.sleep(POLL_S)
