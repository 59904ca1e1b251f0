"""A partition of floor.alerts in our hands: claimed and restored once, then round by round.

epoch record ─► read up to it ─► rounds: versions sent ─► acknowledged ─► next round
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NoReturn

from services import topology
from services.adapters.alert_log import AlertLog, epoch_of
from services.adapters.batches import BatchProducer, Item
from services.adapters.claims import Watch
from services.adapters.frames import acknowledged
from services.alert.handler import Lane, Restored, Round

log = logging.getLogger("floorstream.alert")

STEPS_AT_ONCE = 500
"""Judged before the event loop gets a turn: some ten milliseconds."""

SIGN_US = 5_000_000

Reached = Callable[[str], None]
"""Told the name of each step as it is done; the fault tests end the process there."""


class Owned:
    """One partition, its lane, and what is under way for it."""

    def __init__(self, lane: Lane, alert_log: AlertLog, producer: BatchProducer, reached: Reached) -> None:
        """Nothing happens before start()."""
        self.lane = lane
        self._log = alert_log
        self._producer = producer
        self._reached = reached
        self._signed_us = 0
        self._restoring: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[NoReturn] | None = None
        self._watch = Watch(-1, epoch_of)

    def start(self) -> None:
        """Claim the partition and read what is there."""
        self._restoring = asyncio.create_task(self._restore())

    @property
    def restored(self) -> bool:
        """Does the lane know what was in the log? Raises what went wrong."""
        if self._restoring is None or not self._restoring.done() or self._restoring.cancelled():
            return False
        self._restoring.result()
        return True

    async def close(self) -> None:
        """Give the partition up."""
        for task in (self._restoring, self._watching):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])

    async def _restore(self) -> None:
        partition = self.lane.partition
        epoch = await self._log.claim(partition)
        self._reached("claimed")
        self._watch = Watch(epoch, epoch_of)
        self._watching = asyncio.create_task(self._log.watch(partition, self._watch))
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

    async def keep(self) -> None:
        """Write over what a former owner wrote late: compaction keeps the last of a key. Raises Lost."""
        if self._watching is not None and self._watching.done() and not self._watching.cancelled():
            self._watching.result()
        self._watch.require_ours(f"{topology.ALERTS.name}/{self.lane.partition}")
        if self._watch.late:
            late, self._watch.late = self._watch.late, set()
            log.warning("partition %d: a former owner wrote %d keys late", self.lane.partition, len(late))
            await self._send(self.lane.again(late))

    async def sign(self, now_us: int) -> None:
        """Now and then: everything that came is judged up to now. Who shows alerts may believe what does not change."""
        if 0 <= now_us - self._signed_us < SIGN_US:
            return
        self._signed_us = now_us
        said = [("epoch", b"%d" % self.lane.epoch), ("as_of", b"%d" % now_us)]
        items: list[Item] = [(topology.ALIVE_KEY, None, said)]
        await acknowledged(await self._producer.send(topology.ALERTS.name, self.lane.partition, items))
