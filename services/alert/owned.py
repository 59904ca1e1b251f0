"""A partition of floor.alerts in our hands: claimed and restored once, then round by round.

epoch record ─► read up to it ─► rounds: versions sent ─► acknowledged ─► next round
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from services import topology
from services.adapters.alert_log import AlertLog, AlertReading
from services.adapters.batches import BatchProducer, Item
from services.adapters.frames import acknowledged
from services.alert.handler import Lane, Restored, Round

log = logging.getLogger("floorstream.alert")

STEPS_AT_ONCE = 500
"""Judged before the event loop gets a turn: some ten milliseconds."""

Reached = Callable[[str], None]
"""Told the name of each step as it is done; the fault tests end the process there."""


class Owned:
    """One partition, its lane, and what is under way for it."""

    def __init__(self, lane: Lane, alert_log: AlertLog, producer: BatchProducer, reached: Reached) -> None:
        """`restored` is done when the lane knows what was in the log."""
        self.lane = lane
        self.read_back_at = float("inf")
        self._log = alert_log
        self._producer = producer
        self._reached = reached
        self._late: asyncio.Task[AlertReading] | None = None
        self.restored = asyncio.create_task(self._restore())

    async def close(self) -> None:
        """Give the partition up."""
        for task in (self.restored, self._late):
            if task is not None and not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _restore(self) -> None:
        partition = self.lane.partition
        epoch = await self._log.claim(partition)
        self._reached("claimed")
        found = await self._log.recover(partition, epoch)
        self.lane.restore(Restored(found.alarms, found.pendings), epoch)
        self._reached("restored")
        log.info(
            "partition %d: epoch %d, %d alerts, %d pending", partition, epoch, len(found.alarms), len(found.pendings)
        )

    async def round(self, now_us: int) -> Round:
        """Judge what is due and have the broker keep what it brought."""
        found = self.lane.round(now_us, STEPS_AT_ONCE)
        if found.items:
            self._reached("decided")
            await self._send(found.items)
        return found

    async def _send(self, items: Sequence[Item]) -> None:
        acks = await self._producer.send(topology.ALERTS.name, self.lane.partition, items)
        self._reached("sent")
        await acknowledged(acks)
        self._reached("acked")

    async def read_back(self) -> None:
        """Take the partition once more and look for what a former owner wrote after us; nothing may be under way.

        The reading goes on beside the rounds; `write_again` ends it.
        """
        self.read_back_at = float("inf")
        before, self.lane.epoch = self.lane.epoch, await self._log.claim(self.lane.partition)
        self._late = asyncio.create_task(self._log.recover(self.lane.partition, self.lane.epoch, before))

    async def write_again(self) -> None:
        """Our records again over those that a former owner wrote late: compaction keeps the last of a key."""
        if self._late is None or not self._late.done():
            return
        stale, self._late = self._late.result().stale, None
        if stale:
            log.warning("partition %d: a former owner wrote %d keys late", self.lane.partition, len(stale))
            await self._send(self.lane.again(stale))
