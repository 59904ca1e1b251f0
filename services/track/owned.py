"""A partition we own: recovered once, then frame by frame through the order of effects.

    fold ─► outputs, rejects, forwards, mark ─► their acks ─► changelog batch ─► its ack ─► frame acknowledged

The next frame is folded while the last one's acknowledgements are on their way, as batches of bytes: built at once,
while what they are made of is in the processor's cache. Changelog batches go one by one, and follow each other in the
topic without a gap: where there is one somebody else has written, and that is looked at before the frame is
acknowledged.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from services import topology
from services.adapters.batches import BatchProducer, BatchTooLarge
from services.adapters.changelog import MARK_KEY, Changelog
from services.adapters.frames import Frame, acknowledged
from services.adapters.kafka_end import Fetch
from services.core.errors import BrokenGuarantee, Guarantee
from services.track.handler import Effects, Lane
from services.track.report import Report

log = logging.getLogger("floorstream.track")

FRAMES_UNDER_WAY = 4
"""Folded but not yet acknowledged, per partition."""
REWINDS = 3
"""So often the same hole is read again before it is believed."""
MENDED_AT_ONCE = 500
"""Keys written again in one batch."""

Reached = Callable[[str], None]
"""Told the name of each step as it is done; the fault tests end the process there."""


class _Cut(NamedTuple):
    """What is under way of one fold: the changelog batch that follows the acknowledgements, and its pairs."""

    offset: int
    changelog: Sequence[tuple[bytes, bytes]]
    batch: Any
    acks: list[Any]


class Owned:
    """One partition of floor.scans in our hands."""

    def __init__(
        self, lane: Lane, changelog: Changelog, producer: BatchProducer, reached: Reached, report: Report
    ) -> None:
        """Nothing happens before recover()."""
        self.lane = lane
        self.publish_all_at = float("inf")
        self.write_again_at = float("inf")
        self.acknowledged = -1
        self._changelog = changelog
        self._producer = producer
        self._reached = reached
        self._report = report
        self.under_way = 0
        self._under_way: asyncio.Queue[tuple[Any, list[_Cut]]] = asyncio.Queue(FRAMES_UNDER_WAY)
        self._tail: asyncio.Task[None] | None = None
        self._rewinds = 0
        self._hole: tuple[int, int] | None = None
        self._stale: set[bytes] = set()
        self._unwritten: deque[_Cut] = deque()
        self._next = 0

    async def recover(self) -> None:
        """Claim the partition, read its state, rebuild what is derived, start acknowledging."""
        partition, table = self.lane.partition, self.lane.table
        epoch = await self._changelog.claim(partition)
        self._reached("claimed")
        found = await self._changelog.recover(partition, epoch, table)
        for _ in self.lane.recover(found.offset, epoch):
            await asyncio.sleep(0)
        self._reached("recovered")
        self._next = epoch + 1
        if found.offset >= 0:
            self._stale = found.stale - {MARK_KEY}
            await self._mend(found.offset)
        self._tail = asyncio.create_task(self._finish_frames())
        log.info("partition %d: epoch %d, state at offset %d with %d keys", partition, epoch, found.offset, len(table))

    async def close(self) -> None:
        """Give the partition up; what is under way is somebody else's to repeat."""
        if self._tail is not None:
            self._tail.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._tail

    def failed(self) -> BaseException | None:
        """What ended the acknowledging, if anything."""
        if self._tail is None or not self._tail.done() or self._tail.cancelled():
            return None
        return self._tail.exception()

    def require_state(self, committed: int | None) -> None:
        """Where the group has committed there must be a state: beginning anew would fold the rest only."""
        if self.lane.offset < 0 and committed:
            raise BrokenGuarantee(
                Guarantee.ONE_STATE,
                f"{topology.SCANS.name}/{self.lane.partition}: the group has committed offset {committed}, but there "
                f"is no state: {topology.UNITS_CHANGELOG} was emptied",
            )

    def begin_behind(self, first: int) -> None:
        """Nothing has been folded yet, and what lies before this offset was removed before we came."""
        self.lane.offset = first - 1

    def hole_before(self, frame: Frame, stale: bool) -> bool:
        """Are offsets missing between the state and the frame? `stale`: it was fetched before the last rewind.

        Raises BrokenGuarantee when reading again has not helped.
        """
        if frame.whole and frame.start <= self.lane.offset + 1:
            self._hole = None
            return False
        if stale:
            return True
        hole = (self.lane.offset, frame.start)
        # What was lost on the way leaves another hole each time, a hole in the log the same.
        self._rewinds = self._rewinds + 1 if hole == self._hole else 1
        self._hole = hole
        if self._rewinds > REWINDS:
            raise BrokenGuarantee(
                Guarantee.NOTHING_LOST,
                f"{frame.topic}/{frame.partition}: the state stands at offset {self.lane.offset}, the log goes on at "
                f"{frame.start} (to {frame.end}{'' if frame.whole else ', with holes'}) and no batch header explains "
                "what is missing: records were deleted, or this is another log",
            )
        return True

    def require_whole_log(self, newest: Fetch | None) -> None:
        """A log that ends before the state is another log: what it says would be passed over in silence."""
        if newest is not None and newest.end <= self.lane.offset:
            raise BrokenGuarantee(
                Guarantee.NOTHING_LOST,
                f"{topology.SCANS.name}/{self.lane.partition} ends at offset {newest.end}, but the state includes "
                f"offset {self.lane.offset}: the log was lost or is another one",
            )

    async def take(self, event: Any, frame: Frame) -> None:
        """Fold the frame, send what it brings about, and leave the waiting to the tail."""
        lane, cuts = self.lane, []
        at = 0
        while frame.end > lane.offset:
            began = time.monotonic()
            effects, at = lane.fold(frame.records, at, frame.end)
            self._report.folded(effects, time.monotonic() - began)
            self._reached("folded")
            batch = self._batch(effects.offset, effects.follows, effects.changelog)
            cuts.append(cut := _Cut(effects.offset, effects.changelog, batch, []))
            self._unwritten.append(cut)
            cut.acks.extend(await self._send(effects))
        self._report.frame()
        self.under_way += 1
        await self._under_way.put((event, cuts))

    async def _send(self, effects: Effects) -> list[Any]:
        send, partition = self._producer.send, self.lane.partition
        acks = await send(topology.REJECTS.name, partition, effects.rejects) if effects.rejects else []
        for target, item in effects.forwards:
            acks += await send(topology.SCANS.name, target, [item])
        acks += await send(topology.VISITS.name, partition, effects.outputs)
        return acks

    async def _finish_frames(self) -> None:
        while True:
            event, cuts = await self._under_way.get()
            for cut in cuts:
                self._reached("outputs sent")
                await acknowledged(cut.acks)
                self._reached("outputs acked")
                await self._write(cut)
                self._reached("changelog acked")
                self.acknowledged = cut.offset
            event.ack()
            self.under_way -= 1
            self._reached("frame acked")

    async def _write(self, cut: _Cut) -> None:
        await self._append(cut.batch, len(cut.changelog))
        self._unwritten.popleft()
        await self._mend(cut.offset)

    def _batch(self, offset: int, follows: int, items: Sequence[tuple[bytes, bytes]]) -> Any:
        try:
            return self._changelog.batch(self.lane.epoch, offset, follows, items)
        except BatchTooLarge as error:
            raise BrokenGuarantee(
                Guarantee.ONE_STATE, f"the state of one frame must be one batch, and is not: {error}"
            ) from error

    async def _append(self, batch: Any, items: int) -> None:
        partition, epoch = self.lane.partition, self.lane.epoch
        ack = await self._changelog.write(partition, batch)
        self._reached("changelog sent")
        await acknowledged([ack])
        at = int(ack.result().offset)
        if at > self._next:
            self._stale |= await self._changelog.written_between(partition, epoch, self._next, at - 1)
        if at >= 0:  # a broker that has a repeat already may not say where
            self._next = at + 1 + items

    async def _mend(self, offset: int) -> None:
        """Write over what a former owner wrote late: compaction keeps the last of a key.

        `offset` is what the written state includes. The table is ahead of it by what is folded and not yet written,
        and the keys of that will be written anyway.
        """
        if self._stale:
            log.warning("partition %d: a former owner wrote %d keys late", self.lane.partition, len(self._stale))
        while self._stale:
            some = {self._stale.pop() for _ in range(min(MENDED_AT_ONCE, len(self._stale)))}
            coming = {key for cut in self._unwritten for key, _ in cut.changelog}
            items = self.lane.rewritten(some - coming)
            await self._append(self._batch(offset, offset, items), len(items))
