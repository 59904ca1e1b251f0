"""The factory's sources upload what they read: each in its order, again until it is taken, telling its clock anew.

    plant ─► disorder ─► queue of each source ─► POST /v1/scans, /v1/transforms

The plant's time has nothing to do with ours: it runs as fast as the stack takes what happens in it. What a source tells
of its clock is by ours, for that is what the front door compares it with.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from loadtest.disorder import Arrival, Disorder, Happened
from loadtest.plant import Plant
from loadtest.shifts import MINUTE, SECOND
from loadtest.units import MES
from services.adapters.clock import SystemClock
from services.commands.scans_client import SCANS_PATH, ScansClient, Unreachable

STEP = MINUTE
FOREVER = 1 << 62
BATCH = 400
BATCH_TELLING = 100
"""Of a source that tells its clock: the shorter the upload, the better its times are corrected."""
WAITING_BATCHES = 4
AGAIN_SECONDS = 0.2
TRANSFORMS_PATH = "/v1/transforms"
Gate = Callable[[], Awaitable[None]]


@dataclass
class Uploads:
    """What has been sent. `corrected`: units → their corrected reads, true time and longest upload, both in µs.

    A corrected time is later than the truth by up to what the upload took; one that failed may be in the log too.
    """

    plant: Plant
    disorder: Disorder
    address: str
    events: int
    gate: Gate
    """Awaited before time goes on."""
    sent: int = 0
    accepted: int = 0
    again: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    corrected: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    end: int = 0
    """The plant's time when it stopped, in µs."""
    _clock: SystemClock = field(default_factory=SystemClock)
    _queues: dict[str, asyncio.Queue[list[Arrival] | None]] = field(default_factory=dict)

    @property
    def progress(self) -> float:
        """From 0 to 1, and no further."""
        return min(1.0, self.sent / self.events)

    async def run(self, seconds: float) -> None:
        """Until so many events are sent or the time is over, and all that was on its way then."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        async with asyncio.TaskGroup() as sources:
            now, taken = self.plant.origin, 0
            while taken + self.disorder.waiting < self.events and loop.time() < deadline:
                await self.gate()
                now += STEP
                self.disorder.put(self.plant.reads(now))
                taken += await self._spread(self.disorder.take(now), sources)
            self.end = now
            await self._spread(self.disorder.take(FOREVER), sources)
            for queue in self._queues.values():
                await queue.put(None)

    async def _spread(self, arrivals: Iterable[Arrival], sources: asyncio.TaskGroup) -> int:
        """To the queues of their sources; how many."""
        found: dict[str, list[Arrival]] = {}
        for arrival in arrivals:
            found.setdefault(arrival.read.source, []).append(arrival)
        for source, theirs in found.items():
            if source not in self._queues:
                self._queues[source] = asyncio.Queue(WAITING_BATCHES)
                sources.create_task(self._upload(source, self._queues[source]))
            size = BATCH if theirs[0].tells is None else BATCH_TELLING
            for at in range(0, len(theirs), size):
                await self._queues[source].put(theirs[at : at + size])
        return sum(map(len, found.values()))

    async def _upload(self, source: str, queue: asyncio.Queue[list[Arrival] | None]) -> None:
        path = TRANSFORMS_PATH if source == MES else SCANS_PATH
        async with ScansClient(self.address, source, patience_s=0, path=path) as client:
            while (batch := await queue.get()) is not None:
                await self._send(client, batch)

    async def _send(self, client: ScansClient, batch: list[Arrival]) -> None:
        """Send until it is taken. Raises Refused, which nothing of ours may be."""
        loop = asyncio.get_running_loop()
        longest = 0.0
        while True:
            begun, now = loop.time(), self._clock.now_us()
            messages = [arrival.message(now) for arrival in batch]
            try:
                verdicts = await client.send(messages)
                break
            except Unreachable:
                self.again += 1
                await asyncio.sleep(AGAIN_SECONDS)
            finally:
                longest = max(longest, loop.time() - begun)
        self.sent += len(batch)
        self.accepted += verdicts.accepted
        self.refused.update(verdicts.refused)
        for arrival in batch:
            if arrival.happened & Happened.CLOCK_CORRECTED:
                upload = (arrival.read.time, round(longest * SECOND))
                self.corrected.setdefault(arrival.read.unit_id, []).append(upload)
