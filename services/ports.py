"""What the rules ask of the machines: protocols that adapters fulfil and tests replace by fakes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from services.core.delivery import Note, Outcome
from services.core.reading import Reading, Unreadable


class Clock(Protocol):
    """The wall clock; only the edges of the system may ask it."""

    def now_us(self) -> int:
        """µs since the epoch, UTC."""
        ...


class BrokerAway(Exception):
    """The broker did not acknowledge in time: nothing may be promised, and the sender has to send again."""


class TooManyPending(Exception):
    """More is waiting for the broker than may wait: take no more until it has caught up."""


class Outgoing(NamedTuple):
    """A record to send. `headers` as Kafka has them: name and bytes."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Outbox(Protocol):
    """Where records go out."""

    async def start(self) -> None:
        """Connect, waiting for a broker as long as it takes."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    async def reachable(self) -> bool:
        """Does the broker answer just now?"""
        ...

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        """Send them all and wait for every acknowledgement; their offsets in the same order.

        Raises BrokerAway (some of them may be in the log) or TooManyPending (none is).
        """
        ...


class Channel(Protocol):
    """A way out to phones or other systems."""

    @property
    def per_minute(self) -> int:
        """The most messages it takes in a minute."""
        ...

    async def send(self, note: Note) -> Outcome:
        """Send one message; every trouble of the target is an outcome, none is raised."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


NO_NOTES: Mapping[str, str | None] = {}


class Take(Protocol):
    """Where a collector puts what it has read. One of its own for every collector."""

    async def __call__(
        self,
        readings: Sequence[Reading],
        *,
        notes: Mapping[str, str | None] = NO_NOTES,
        unreadable: Sequence[Unreadable] = (),
    ) -> None:
        """Returns once all of it is on the disk: only then may a device be told so, or a position be believed.

        All or nothing: after a crash either all readings, notes and refusals of a call are there or none is. A note
        of None is forgotten. Waits as long as the queue is full; readings that no server could take are kept with
        what is unreadable, and hinder nothing.
        """
        ...


class Notes(Protocol):
    """What a collector remembers over restarts: positions, sequence numbers. Written by `Take`, with the readings."""

    async def get(self, key: str) -> str | None:
        """The note of this key, None where there is none."""
        ...

    async def find(self, prefix: str) -> dict[str, str]:
        """All notes whose key begins so."""
        ...


class Collector(Protocol):
    """Reads one device, folder or broker, for as long as the program runs."""

    @property
    def name(self) -> str:
        """By which logs, metrics and notes know it; once in a program."""
        ...

    @property
    def up(self) -> bool:
        """Is it connected to what it reads?"""
        ...

    async def run(self, take: Take, notes: Notes) -> None:
        """Until cancelled; a device that is away is waited for. What it raises is said, and it is started again."""
        ...
