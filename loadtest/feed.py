"""`python -m loadtest.feed --url http://127.0.0.1:8080`: the simulated plant scans into a running floorstream.

    plant ─► disorder ─┬─► live: what happens now, at once          ─┬─► POST /v1/scans, again with the same ids
                       └─► history: the last hours, in the background ┘    until it is taken
    machines of the plant ─► what they say, in order of time ───────────► POST /v1/machine-events, the same way

Live reads never wait for the history. Event times are those of the plant, never ahead of the clock.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from loadtest.disorder import Arrival, Disorder
from loadtest.lines import lines
from loadtest.machines import Machines
from loadtest.plant import Plant
from loadtest.shifts import MINUTE, SECOND
from services.adapters.clock import SystemClock
from services.commands.options import seconds
from services.commands.scans_client import MACHINE_EVENTS_PATH, Refused, ScansClient
from services.core.instant import format_instant

log = logging.getLogger("loadtest.feed")

TICK_SECONDS = 0.2
BATCH = 400
HISTORY_PER_SECOND = 3_000
"""Fast enough to be done soon, slow enough to leave the machine to the live reads."""
LINE_2_MINUTES = 15
"""So long before now line 2 begins: with the load of both lines two hours would be too many events."""
MOST_HISTORY_SECONDS = 2 * 3600.0
SOURCE = "demo"


class Feed:
    """One simulated plant feeding one floorstream."""

    def __init__(
        self, client: ScansClient, machines_client: ScansClient, plant: Plant, disorder: Disorder, clock: SystemClock
    ) -> None:
        """Nothing is sent before run()."""
        self._client = client
        self._machines_client = machines_client
        self._machines = Machines(plant)
        self._plant = plant
        self._disorder = disorder
        self._clock = clock

    async def run(self, progress: Callable[[int, int], None]) -> None:
        """History, live and machines, until cancelled. `progress` is told sent and total of the history."""
        now = self._clock.now_us()
        self._disorder.put(self._plant.reads(now))
        history = list(self._disorder.take(now))
        progress(0, len(history))
        async with asyncio.TaskGroup() as both:
            both.create_task(self._live())
            both.create_task(self._history(history, progress))
            both.create_task(self._machines_say())

    async def _live(self) -> None:
        while True:
            now = self._clock.now_us()
            self._disorder.put(self._plant.reads(now))
            arrived = list(self._disorder.take(now))
            for at in range(0, len(arrived), BATCH):
                await self._send(arrived[at : at + BATCH])
            await asyncio.sleep(TICK_SECONDS)

    async def _history(self, reads: Sequence[Arrival], progress: Callable[[int, int], None]) -> None:
        loop = asyncio.get_running_loop()
        for at in range(0, len(reads), BATCH):
            begun = loop.time()
            await self._send(reads[at : at + BATCH])
            progress(min(at + BATCH, len(reads)), len(reads))
            await asyncio.sleep(max(0.0, begun + BATCH / HISTORY_PER_SECOND - loop.time()))

    async def _machines_say(self) -> None:
        """What the machines have said while the plant went on."""
        while True:
            said = [each.message() for each in self._machines.take()]
            for at in range(0, len(said), BATCH):
                await self._send_to(self._machines_client, said[at : at + BATCH])
            await asyncio.sleep(TICK_SECONDS)

    async def _send(self, reads: Sequence[Arrival]) -> None:
        await self._send_to(self._client, [read.message() for read in reads])

    async def _send_to(self, client: ScansClient, items: Sequence[bytes]) -> None:
        try:
            verdicts = await client.send(items)
        except Refused as refused:
            log.error("%d items were not taken: %s", len(items), refused)
            return
        for reason, count in verdicts.refused.items():
            log.warning("refused %d: %s", count, reason)


async def feed(arguments: argparse.Namespace) -> int:
    """Feed until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clock = SystemClock()
    now = clock.now_us()
    first = now - round(arguments.backfill * SECOND)
    plant = Plant(arguments.seed, lines(first, max(first, now - LINE_2_MINUTES * MINUTE)), unit_name(first), False)
    async with (
        ScansClient(arguments.url, SOURCE) as client,
        ScansClient(arguments.url, SOURCE, path=MACHINE_EVENTS_PATH) as machines,
    ):
        simulated = Feed(client, machines, plant, Disorder(arguments.seed), clock)
        running = asyncio.create_task(simulated.run(reporter(arguments)))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([running, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in (running, stopped):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    return 0


def unit_name(first: int) -> str:
    """What units of a plant begin with that started at this instant (µs): another start makes other units."""
    day, time = format_instant(first).split("T")
    return f"SN{day[5:7]}{day[8:10]}-{time[:2]}{time[3:5]}{time[6:8]}-"


def reporter(arguments: argparse.Namespace) -> Callable[[int, int], None]:
    """Writes the progress of the history to a file, whole or not at all."""
    path: Path | None = arguments.progress

    def report(sent: int, total: int) -> None:
        if path is not None:
            part = path.with_suffix(".part")
            part.write_text(json.dumps({"sent": sent, "total": total}), encoding="ascii")
            part.replace(path)
        if sent == total:
            log.info("history: all %d events sent", total)

    return report


def history_seconds(text: str) -> float:
    """At most two hours."""
    length = seconds(text)
    if length > MOST_HISTORY_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r}: at most {MOST_HISTORY_SECONDS / 3600:.0f}h")
    return length


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m loadtest.feed", description=(__doc__ or "").splitlines()[0])
    top.add_argument("--url", default="http://127.0.0.1:8080", help="of the front door")
    top.add_argument("--seed", type=int, default=1, help="the same seed gives the same plant")
    top.add_argument("--backfill", type=history_seconds, default="2h", metavar="2h", help="history, 0s to 2h")
    top.add_argument("--progress", type=Path, metavar="FILE", help="write {sent, total} of the history here")
    return top


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    sys.exit(asyncio.run(feed(parser().parse_args())))
