"""A log in memory and a clock that stands still: the broker's and the time's side of ingest, without either."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.adapters.kafka_whole_log import LogRecord
from services.ports import BrokerAway, Outgoing, TooManyPending
from services.topology import MASTER


@dataclass
class FixedClock:
    """Shows the time it is set to, µs."""

    us: int

    def now_us(self) -> int:
        """The time it is set to."""
        return self.us


@dataclass
class FakeLog:
    """Keeps what is sent, in order. `away`: nothing is acknowledged. `full`: nothing is taken."""

    sent: list[Outgoing] = field(default_factory=list)
    ends: Counter[tuple[str, int]] = field(default_factory=Counter)
    away: bool = False
    full: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to disconnect from."""

    async def reachable(self) -> bool:
        """Unless it is away."""
        return not self.away

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        """All or nothing."""
        if self.full:
            raise TooManyPending("full")
        if self.away:
            raise BrokerAway("away")
        offsets = []
        for record in records:
            offsets.append(self.ends[record[:2]])
            self.ends[record[:2]] += 1
            self.sent.append(record)
        self.changed.set()
        return offsets

    def of(self, topic: str) -> list[Outgoing]:
        """What was sent to a topic."""
        return [record for record in self.sent if record.topic == topic]


@dataclass
class MasterFeed:
    """floor.master of a FakeLog, read from its beginning."""

    log: FakeLog
    position: int = 0

    @property
    def at_end(self) -> bool:
        """Is there nothing more to read?"""
        return self.position == len(self.log.of(MASTER.name))

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to disconnect from."""

    async def read(self, timeout_s: float) -> list[LogRecord]:
        """What was sent since the last read, waiting for it."""
        if self.at_end:
            self.log.changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.log.changed.wait(), min(timeout_s, 0.01))
        new = self.log.of(MASTER.name)[self.position :]
        first, self.position = self.position, self.position + len(new)
        return [LogRecord(first + number, record.key, record.value) for number, record in enumerate(new)]
