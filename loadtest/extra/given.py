"""What every framework is given: the settings all share, and the shape of a job that is done unit by unit."""

from collections.abc import Sequence
from typing import Any, Protocol

EVERY_S = 1.0
"""Between two checkpoints of those who take some seldom; what happens in between is done again after a crash."""
FETCH = {"max.partition.fetch.bytes": str(4 << 20), "fetch.wait.max.ms": "50"}
SEND = {"linger.ms": "5", "batch.size": str(1 << 20), "partitioner": "murmur2_random"}
"""Settings of librdkafka, the same for all who use it: large fetches and batches, units where Java would put them."""

Headers = Sequence[tuple[str, bytes | None]]
Came = tuple[int, int, int, Headers]
"""Partition, offset, timestamp in ms, headers of a record."""


class Job(Protocol):
    """What a framework keeps per unit and does with each record of floor.scans but markers."""

    def new(self) -> Any:
        """A unit nobody has met."""

    def load(self, kept: bytes, /) -> Any:
        """A unit as it was kept."""

    def dump(self, unit: Any, /) -> bytes:
        """A unit to be kept."""

    def take(self, unit: Any, value: bytes, came: Came) -> bytes | None:
        """Take a record; what is to be sent for it, if anything."""
