"""Publishes partials: the absolute state of what changed, every quarter of a second while that costs little."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from services import topology
from services.adapters.batches import BatchProducer, Item
from services.adapters.frames import acknowledged
from services.core.identity import partition_of
from services.track.owned import Owned

SHORTEST_S, LONGEST_S = 0.25, 1.0
SHARE = 0.05
"""Of the worker's time at most goes into publishing, down to once a second."""
KEYS_PER_S = 5_000
"""Above so many changed keys a second the longest unsent go first, and the age is shown."""


class Publisher:
    """Sends the partials of the owned partitions."""

    def __init__(self, owned: Mapping[int, Owned], producer: BatchProducer, partitions: int) -> None:
        """`partitions`: how many floor.partials has."""
        self._owned = owned
        self._producer = producer
        self._partitions = partitions
        self._told: dict[int, tuple[int, int]] = {}

    async def run(self) -> None:
        """Until cancelled; raises what the broker refuses."""
        pause = SHORTEST_S
        while True:
            await asyncio.sleep(pause)
            begun = time.monotonic()
            acks = await self._publish(int(KEYS_PER_S * pause))
            spent = time.monotonic() - begun
            await acknowledged(acks)
            pause = min(LONGEST_S, max(SHORTEST_S, spent / SHARE))

    async def _publish(self, most: int) -> list[Any]:
        by_partition: dict[int, list[Item]] = {}
        for partition, owned in list(self._owned.items()):
            lane = owned.lane
            for operation, key, value in lane.partials(most):
                by_partition.setdefault(self._of(operation), []).append((key, value, ()))
            told = (lane.epoch, lane.offset)
            if self._told.get(partition) != told and not lane.unsent:
                # Only when nothing of this partition is left to send does it stand where it says.
                self._told[partition] = told
                item: Item = (f"pt|{partition}".encode(), lane.totals_partial(), ())
                for target in range(self._partitions):
                    by_partition.setdefault(target, []).append(item)
        acks: list[Any] = []
        for target, items in by_partition.items():
            acks += await self._producer.send(topology.PARTIALS.name, target, items)
        return acks

    def _of(self, operation: str) -> int:
        return partition_of(operation, self._partitions)
