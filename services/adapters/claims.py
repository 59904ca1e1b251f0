"""What others write into a partition that we have claimed by an epoch record.

Somebody who slept between its assignment and its claim may claim a partition that is not its own any more; what its
owner writes from then on counts for nobody. And somebody who has lost the partition may still write into it: nobody
reads that, but compaction would keep it, and forget the owner's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from services.core.errors import Lost
from services.topology import EPOCH_KEY


@dataclass(slots=True)
class Watch:
    """Keys that former owners wrote late, and whether there was a claim after ours.

    `epoch_of` reads the epoch of whoever wrote a value.
    """

    epoch: int
    epoch_of: Callable[[bytes], int]
    late: set[bytes] = field(default_factory=set)
    lost: bool = False

    def take(self, record: Any) -> None:
        """The next record behind our epoch record."""
        if record.key == EPOCH_KEY:
            self.lost = self.lost or record.offset > self.epoch
        elif record.value is not None and self.epoch_of(record.value) < self.epoch:
            self.late.add(record.key or b"")

    def require_ours(self, where: str) -> None:
        """Raise Lost where somebody has claimed the partition."""
        if self.lost:
            raise Lost(f"{where} was claimed by somebody else after epoch {self.epoch}")
