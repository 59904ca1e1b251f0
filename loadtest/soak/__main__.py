"""`python -m loadtest.soak`: the whole stack under load while it is killed at random; what it stores must be the truth.

    factory ─► disorder ─► HTTP ─► stack on Apache Kafka          kills, 1 → 3 → 1 workers, a sleeper, a broker restart
       └► truth ──────────────────────────────► compared with ◄─ visits, after drain and verify

Exit code 0: everything was done, `verify` finds no difference, and every clean unit's visits are the truth. Figures go
to loadtest/results/soak.json.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from loadtest import factory
from loadtest.disorder import Disorder
from loadtest.plant import Plant
from loadtest.results import commit, machine
from loadtest.shifts import DAY, SECOND
from loadtest.soak.compare import Comparison, Known, TruthFile, as_result, compare
from loadtest.soak.kills import Kills
from loadtest.soak.stack import Stack, StackFailed, until
from loadtest.soak.uploads import Uploads
from services.adapters.clock import SystemClock
from services.adapters.timescale_pool import connect
from services.adapters.timescale_read import marks
from services.commands.options import seconds
from services.core.instant import format_instant

RESULT = Path(__file__).parents[1] / "results" / "soak.json"
CLEAN_AT_LEAST = 0.8
REPORT_SECONDS = 10.0
MOST_WAITING = 150_000
"""Events on their way through the stack; then the load waits."""
TEND_SECONDS = 0.2
VERIFY_SECONDS = 1200.0
DAYS_AGO = 4
"""So long before now the factory works: all of its load lies in the past, as a backfill does."""


class Soak:
    """One run, from the start of the stack to its result."""

    def __init__(self, arguments: argparse.Namespace, stack: Stack, folder: Path) -> None:
        """Nothing is sent before run()."""
        self._arguments = arguments
        self._stack = stack
        seed, events = arguments.seed, arguments.events
        begin = factory.first_shift(SystemClock().now_us() - DAYS_AGO * DAY)
        end = begin + round(events / factory.EVENTS_PER_S * SECOND)
        self._plant = Plant(seed, factory.lines(begin), "U", remember=False, floor=factory.stations())
        self._habits = factory.habits(seed, begin, end)
        self._disorder = Disorder(seed, self._habits)
        self._truth = TruthFile(folder / "truth.jsonl")
        self._plant.truth.tell = self._truth.tell
        self._uploads = Uploads(self._plant, self._disorder, stack.instance.address, events, self._gate)
        self._kills = Kills(stack, random.Random(seed), arguments.kills, arguments.broker == "apache", self.say)
        self._stored = 0
        self._begun = 0.0
        self._result: dict[str, Any] = {}

    def say(self, line: str) -> None:
        """One line to whoever watches, with the time since the load began."""
        print(f"{asyncio.get_running_loop().time() - self._begun:7.1f} s  {line}", flush=True)

    async def run(self) -> Comparison:
        """Load and kills, drain, verify, compare. Raises StackFailed."""
        loop = asyncio.get_running_loop()
        self._begun = loop.time()
        await self._load_and_kill()
        loaded = loop.time() - self._begun
        self.say(f"load done: {self._uploads.sent:,} events")
        await self._drained()
        drained = loop.time() - self._begun
        verified = await self._command("verify", "--wait", "60s")
        self._plant.truth.tell_the_rest()
        found = await self._compare()
        self._result = {
            **self._done(), "load_s": round(loaded, 1), "events_per_s": round(self._uploads.sent / drained),
            "drained_s": round(drained, 1), "verify": verified, **as_result(found),
        }  # fmt: skip
        return found

    @property
    def result(self) -> dict[str, Any]:
        """What was done and found; empty before the end."""
        return self._result

    async def _load_and_kill(self) -> None:
        async with asyncio.TaskGroup() as both:
            watching = [both.create_task(self._tend()), both.create_task(self._report())]
            kills = both.create_task(self._kills.run(lambda: self._uploads.progress))
            await self._uploads.run(self._arguments.limit)
            if self._uploads.progress < 1:
                kills.cancel()
            await asyncio.wait([kills])
            await self._kills.wake()
            for task in watching:
                task.cancel()

    async def _gate(self) -> None:
        """Wait while the stack has too much to do, or something is due that is not done."""
        begun = asyncio.get_running_loop().time()
        await until(lambda: not self._kills.is_behind(self._uploads.progress) and self._waiting < MOST_WAITING)
        if self._arguments.rate is not None:
            ahead = self._uploads.sent / self._arguments.rate - (begun - self._begun)
            await asyncio.sleep(max(0.0, ahead))

    @property
    def _waiting(self) -> int:
        """About so many events have been accepted and are not in the rows."""
        return max(0, self._uploads.accepted - self._stored)

    async def _tend(self) -> None:
        while True:
            self._stack.tend()
            await asyncio.sleep(TEND_SECONDS)

    async def _report(self) -> None:
        conn = await connect(self._stack.instance.database, application="soak", command_timeout=30)
        before, told = 0, self._begun
        try:
            while True:
                self._stored = sum((await marks(conn, 1)).values())
                now = asyncio.get_running_loop().time()
                if now - told >= REPORT_SECONDS:
                    sent = self._uploads.sent
                    self.say(
                        f"{sent:,} of {self._uploads.events:,} events, {(sent - before) / (now - told):,.0f}/s, "
                        f"{self._kills.killed.total()} kills, about {self._waiting:,} "
                        f"not stored yet, {len(self._stack.workers)} track workers"
                    )
                    before, told = sent, now
                await asyncio.sleep(1.0)
        finally:
            await conn.close()

    async def _drained(self) -> None:
        """Until every stage has caught up, whatever starts again meanwhile. Raises StackFailed."""
        limit = asyncio.get_running_loop().time() + self._arguments.drain
        while True:
            self._stack.tend()
            done = await asyncio.to_thread(self._stack.command, "drain", "--timeout", "60s", seconds=120)
            if done.returncode == 0:
                self.say("drained")
                return
            self.say(f"not drained yet: {done.stderr.strip()}")
            if asyncio.get_running_loop().time() > limit:
                raise StackFailed(f"not drained in {self._arguments.drain:.0f} s: {done.stderr}")
            await asyncio.sleep(1.0)

    async def _command(self, *words: str) -> str:
        """The last words of a command that has to find nothing wrong. Raises StackFailed."""
        done = await asyncio.to_thread(self._stack.command, *words, seconds=VERIFY_SECONDS)
        self._stack.tend()
        if done.returncode:
            raise StackFailed(f"{words[0]} ends with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
        said = done.stdout.strip().splitlines()
        self.say(" ".join(said[-2:]))
        return " ".join(said[-2:])

    async def _compare(self) -> Comparison:
        telling = {source for source, habits in self._habits.items() if habits.tells_clock}
        corrected_at = {each.operation for each in self._plant.stations if each.source in telling}
        uploads = self._uploads
        known = Known(self._disorder.spoiled, uploads.corrected, corrected_at)
        conn = await connect(self._stack.instance.database, application="soak", command_timeout=120)
        try:
            return await compare(conn, self._truth, known)
        finally:
            await conn.close()

    def _done(self) -> dict[str, Any]:
        truth, uploads = self._plant.truth, self._uploads
        shares = sorted(truth.bottlenecks(self._plant.origin, uploads.end).items(), key=lambda each: -each[1].limits)
        return {
            "commit": commit(), "date": format_instant(SystemClock().now_us()), "machine": machine(),
            "seed": self._arguments.seed, "broker": self._arguments.broker, "events": uploads.sent,
            "accepted": uploads.accepted, "refused_at_the_door": dict(uploads.refused), "sent_again": uploads.again,
            "disorder": {str(each.name).lower(): count for each, count in self._disorder.counts.most_common()},
            "kills": self._kills.killed.total(), "killed": dict(self._kills.killed), "done": self._kills.done,
            "ended_by_themselves": dict(self._stack.ended_by_themselves()),
            "census": {name: getattr(truth.census, name) for name in truth.census.__slots__},
            "bottlenecks": {operation: round(share.limits, 3) for operation, share in shares[:5]},
        }  # fmt: skip


def soak(arguments: argparse.Namespace) -> int:
    """Run it in a folder that is removed afterwards, unless `--keep` names one."""
    print(f"seed {arguments.seed}; again: {' '.join(['python -m loadtest.soak', *sys.argv[1:]])}", flush=True)
    with tempfile.TemporaryDirectory(prefix="floorstream-soak-") as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        plant = folder / "plant.yaml"
        plant.write_text(factory.plant_text(), "utf-8")
        failed: list[str] = []
        try:
            with Stack(folder, plant, arguments.broker, arguments.partitions) as stack:
                run = Soak(arguments, stack, folder)
                found = asyncio.run(run.run())
        except* StackFailed as failures:
            failed = [f"FAILED: {failure}" for failure in failures.exceptions]
    if failed:
        print("\n".join(failed), flush=True)
        return 1
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(run.result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return told(found, run.result, arguments)


def told(found: Comparison, result: dict[str, Any], arguments: argparse.Namespace) -> int:
    """Say how it went; the exit code."""
    print(json.dumps(result, indent=1, ensure_ascii=False))
    for difference in found.differences:
        print(difference)
    print(
        f"{found.units:,} units, {found.clean_share:.1%} clean; {found.visits:,} of their visits compared with the "
        f"truth: {found.different} differences. Figures in {arguments.out}"
    )
    if found.different:
        print("NOT THE TRUTH")
    elif result["events"] < arguments.events or result["kills"] < arguments.kills:
        print("the load was not done within the limit")
    elif found.clean_share < arguments.clean:
        print(f"too few clean units: at least {arguments.clean:.0%} are wanted")
    else:
        return 0
    return 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m loadtest.soak", description=(__doc__ or "").splitlines()[0])
    top.add_argument("--events", type=int, default=2_000_000, help="to send, duplicates among them")
    top.add_argument("--kills", type=int, default=100, help="kill -9, spread at random over all stages and the load")
    top.add_argument("--seed", type=int, default=1, help="of plant, disorder and kills")
    top.add_argument("--broker", choices=("embedded", "apache"), default="apache", help="embedded: kills only")
    top.add_argument("--partitions", type=int, default=8, help="of floor.scans")
    top.add_argument("--rate", type=float, help="events a second at most; default: as fast as they are taken")
    top.add_argument("--limit", type=seconds, default=2400.0, metavar="40m", help="the load ends then, done or not")
    top.add_argument("--drain", type=seconds, default=600.0, metavar="10m", help="so long it may take to catch up")
    top.add_argument("--clean", type=float, default=CLEAN_AT_LEAST, help="share of units to compare, at least")
    top.add_argument("--keep", type=Path, metavar="DIR", help="keep data and logs here")
    top.add_argument("--out", type=Path, default=RESULT, metavar="FILE", help="where the figures go")
    return top


if __name__ == "__main__":
    sys.exit(soak(parser().parse_args()))
