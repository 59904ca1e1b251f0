"""A topic read whole through Faust: every partition from its beginning, or a known position, whenever it is ours.

Nothing is acknowledged and so nothing committed: whoever owns a partition next begins so as well. Faust
may lose what it fetched while the group deals anew, and in a compacted topic a missing offset proves nothing. So where
a frame does not continue at the position, the position is read once more: what is missing again was compacted away.
And where nothing comes although the log goes on, the position is read again too.

The end to catch up with is the high watermark that comes with a fetch (kafka_end.py).
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from faust.types import TP

from services.adapters.frames import Frame
from services.adapters.kafka_end import LogEnds
from services.core.errors import BrokenGuarantee, Guarantee

log = logging.getLogger(__name__)

STALLED_S = 2.0
"""So long nothing may come while there is more in the log."""


@dataclass(slots=True)
class _Reading:
    position: int = 0
    hole: tuple[int, int] | None = None
    end: int | None = None
    watched: int = -1
    moved_at: float = 0.0


class WholeTopic:
    """The partitions of one topic that are assigned to us, and how far each has been read."""

    def __init__(self, app: Any, topic: str) -> None:
        self._app = app
        self._topic = topic
        self._readings: dict[int, _Reading] = {}
        self._ends = LogEnds()

    def assign(self, partitions: Iterable[int]) -> None:
        """These are ours now; each begins anew."""
        self._readings = {partition: _Reading() for partition in partitions}

    async def assign_at(self, partition: int, position: int) -> None:
        """This one is ours too, and all before the position is known."""
        self._readings[partition] = _Reading(position=position)
        await self._app.consumer.rewind(TP(self._topic, partition), position)

    async def next_frame(self, event: Any) -> Frame | None:
        """The frame of an event, if it is what comes next; it is let go of without being acknowledged."""
        frame: Frame = event.value
        consumer, tp = self._app.consumer, event.message.tp
        consumer.drop(event.message)
        consumer._forget_frames(tp)  # or their ends would be kept for a commit that never comes
        reading = self._readings.get(frame.partition)
        if reading is None or frame.end < reading.position:
            return None
        if frame.start > reading.position:
            hole = (reading.position, frame.start)
            if frame.serial < consumer.serial(tp):
                return None  # fetched before the position was read again: it proves nothing
            if reading.hole != hole:
                reading.hole = hole
                await consumer.rewind(tp, reading.position)
                return None
        reading.position = frame.end + 1
        return frame

    async def caught_up(self, partition: int, now_s: float) -> bool:
        """Has all been read that was there after the assignment? To be asked again and again, also when it has.

        `now_s`: of a monotonic clock. Raises BrokenGuarantee where the log has become shorter than what was read.
        """
        tp, reading = TP(self._topic, partition), self._readings.get(partition)
        newest = self._app.consumer.newest_fetch(tp)
        if reading is None or newest is None or self._app.rebalancing:
            return False
        if self._ends.lost(tp, reading.position, newest):
            raise BrokenGuarantee(
                Guarantee.NOTHING_LOST,
                f"{self._topic}/{partition} ends at {newest.end}, but offset {reading.position - 1} has been read: "
                "the log was lost, or it is another broker",
            )
        if reading.end is None:
            reading.end = newest.end
        await self._watch(tp, reading, newest.end, now_s)
        return reading.position >= reading.end

    async def _watch(self, tp: TP, reading: _Reading, end: int, now_s: float) -> None:
        if reading.position >= end or reading.watched != reading.position:
            reading.watched, reading.moved_at = reading.position, now_s
        elif now_s - reading.moved_at > STALLED_S:
            reading.moved_at = now_s
            log.warning("%s/%d: nothing comes from offset %d on, though it ends at %d", *tp, reading.position, end)
            await self._app.consumer.rewind(tp, reading.position)
