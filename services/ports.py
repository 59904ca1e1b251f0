"""What the rules ask of the machines: protocols that adapters fulfil and tests replace by fakes."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


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
