"""What the rules ask of the machines: protocols that adapters fulfil and tests replace by fakes."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from services.core.delivery import Note, Outcome


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
