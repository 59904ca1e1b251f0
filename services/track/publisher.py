"""Publishes partials: the absolute state of what changed, every quarter of a second while that costs little."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from services import topology
from services.adapters.batches import BatchProducer, Item
from services.adapters.frames import acknowledged
from services.core.identity import partition_of
from services.core.pace import Pace
from services.track.owned import Owned


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
        pace = Pace()
        while True:
            await asyncio.sleep(pace.interval_us / 1_000_000)
            begun = time.thread_time()
            acks = await self._publish(pace.most)
            pace.took(int((time.thread_time() - begun) * 1_000_000))
            await acknowledged(acks)

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
