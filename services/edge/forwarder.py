"""Takes readings from the queue to the server, lane by lane and in order; what has its verdict leaves the queue.

A lane (one kind of one source) has one request under way. `sent_time` is made anew for every attempt. A crash between
the answer and its note repeats a request, and repeats change nothing: each reading has its event_id.
"""

import asyncio
import logging
import random
from collections.abc import Sequence
from typing import Protocol

from services.adapters.spool import Spool
from services.adapters.spool_file import Lane, Queued, Refused
from services.core.forwarding import Again, Answer, InHalves, Judged, judge, pause_s
from services.core.reading import MOST_BYTES, STAMP, Moment, sent_us, stamped

log = logging.getLogger("floorstream.edge")

MOST_ITEMS = 500
SAY_AGAIN_SECONDS = 60.0


class Door(Protocol):
    """Where readings go; services.adapters.front_door in the product."""

    async def post(self, kind: str, source: str, items: Sequence[bytes]) -> Answer:
        """Send them; every trouble is an answer."""
        ...


class Report(Protocol):
    """Hears what becomes of readings."""

    def settled(self, lane: Lane, sent: int, refused: Sequence[Refused]) -> None: ...
    def attempt(self, lane: Lane, trouble: str) -> None: ...


class Now(Protocol):
    """The clocks of this machine."""

    def __call__(self) -> Moment: ...


class Forwarder:
    """All lanes of one queue."""

    def __init__(self, spool: Spool, door: Door, report: Report, now: Now) -> None:
        """Nothing is sent before run()."""
        self._spool = spool
        self._door = door
        self._report = report
        self._now = now

    async def run(self) -> None:
        """Until cancelled; new lanes are taken as they come. Raises SpoolLost."""
        async with asyncio.TaskGroup() as group:
            known: set[int] = set()
            while True:
                self._spool.new_lane.clear()
                for lane in await self._spool.lanes():
                    if lane.lane not in known:
                        known.add(lane.lane)
                        group.create_task(_LaneSender(self._spool, self._door, self._report, self._now, lane).run())
                await self._spool.new_lane.wait()


class _LaneSender:
    def __init__(self, spool: Spool, door: Door, report: Report, now: Now, lane: Lane) -> None:
        self._spool = spool
        self._door = door
        self._report = report
        self._now = now
        self._lane = lane
        self._news = spool.news(lane.lane)
        self._most = MOST_ITEMS
        self._failures = 0
        self._said = float("-inf")

    async def run(self) -> None:
        while True:
            self._news.clear()
            waiting = await self._spool.head(self._lane.lane, self._most, MOST_BYTES - self._most * (STAMP + 1))
            if waiting:
                await self._send(waiting)
            else:
                await self._news.wait()

    async def _send(self, waiting: Sequence[Queued]) -> None:
        now = self._now()
        answer = await self._door.post(self._lane.kind, self._lane.source, [_item(queued, now) for queued in waiting])
        meaning = judge(answer, len(waiting))
        if isinstance(meaning, Judged):
            await self._settle(waiting, meaning, now.wall_us)
        elif isinstance(meaning, InHalves):
            self._most = max(1, len(waiting) // 2)
        else:
            await self._wait(meaning)

    async def _settle(self, waiting: Sequence[Queued], judged: Judged, now_us: int) -> None:
        lane = self._lane
        refused = [
            Refused(now_us, lane.source, lane.kind, v.event_id, v.reason, v.detail, v.detail, queued.body)
            for queued, v in zip(waiting, judged.verdicts, strict=True)
            if v.reason is not None
        ]
        sent = len(waiting) - len(refused)
        await self._spool.settle(lane.lane, waiting[-1].id, sent, refused)
        if self._failures:
            log.info("%s: the server takes readings again 服务器恢复接收", lane.source)
        self._failures, self._said = 0, float("-inf")
        self._most = min(MOST_ITEMS, 2 * self._most)
        self._report.attempt(lane, "")
        self._report.settled(lane, sent, refused)

    async def _wait(self, again: Again) -> None:
        self._failures += 1
        now = asyncio.get_running_loop().time()
        if now - self._said >= SAY_AGAIN_SECONDS:
            self._said = now
            level = logging.ERROR if again.mend else logging.WARNING
            log.log(
                level, "%s: not sent, kept, and tried again: %s 未能发送，已保留并将重试",
                self._lane.source, again.why,
            )  # fmt: skip
        self._report.attempt(self._lane, again.why)
        await asyncio.sleep(pause_s(self._failures, random.random(), again.asked_s))


def _item(queued: Queued, now: Moment) -> bytes:
    if queued.clock_us is None:
        return queued.body
    return stamped(queued.body, sent_us(queued.clock_us, queued.taken, now))
