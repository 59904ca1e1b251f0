"""What Sparkplug B says and who says it: message types, addresses of nodes and devices, what is known of each.

Topics and message types: Sparkplug 3.0 specification, chapter 4. Times are µs since 1970 UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.core.sparkplug_payload import Payload, Value

NAMESPACE = "spBv1.0"


class Kind(StrEnum):
    """Message types of edge nodes."""

    NBIRTH = "NBIRTH"
    NDEATH = "NDEATH"
    DBIRTH = "DBIRTH"
    DDEATH = "DDEATH"
    NDATA = "NDATA"
    DDATA = "DDATA"


BIRTHS = frozenset({Kind.NBIRTH, Kind.DBIRTH})
DEATHS = frozenset({Kind.NDEATH, Kind.DDEATH})
_OF_DEVICES = frozenset({Kind.DBIRTH, Kind.DDEATH, Kind.DDATA})


@dataclass(frozen=True, slots=True)
class Address:
    """Who sent a message: an edge node, or one of its devices (empty: the node itself)."""

    group: str
    node: str
    device: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an edge node; `arrived` is when it was received."""

    kind: Kind
    address: Address
    payload: Payload
    arrived: int


@dataclass(frozen=True, slots=True)
class News:
    """Values of one instant. `historical` ones are not the present state; `arrived` tells late from new.

    `sent`: what the sender's clock showed at sending, if it said so. `known`: the present values of the sender.

    A birth repeats what is known; a death has no metrics: everything of that address is stale from `time` on.
    """

    kind: Kind
    address: Address
    time: int
    historical: bool
    metrics: dict[str, Value]
    arrived: int
    sent: int | None = field(default=None, compare=False)
    known: "Mapping[str, Known]" = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AskRebirth:
    """Send NCMD `Node Control/Rebirth` = true to this node."""

    address: Address
    why: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A message or metric that could not be used, and why."""

    address: Address
    en: str
    zh: str


Outcome = News | AskRebirth | Unread


@dataclass(slots=True)
class Known:
    """The present value of one metric. `stale`: it was so before the death of its sender."""

    datatype: int
    value: Value = None
    time: int = 0
    stale: bool = False


@dataclass(slots=True)
class Sender:
    """A node or device: alive between birth and death."""

    online: bool = False
    metrics: dict[str, Known] = field(default_factory=dict)

    def die(self) -> None:
        """Offline; every metric stale."""
        self.online = False
        for known in self.metrics.values():
            known.stale = True


@dataclass(slots=True)
class Node:
    """What is known of an edge node."""

    senders: dict[str, Sender] = field(default_factory=dict)
    aliases: dict[int, tuple[str, str]] = field(default_factory=dict)
    bd_seq: Value = None
    next_seq: int = 0
    waiting: dict[int, Message] = field(default_factory=dict)
    waiting_since: int | None = None
    asked: int | None = None
    gaps: int = 0

    @property
    def online(self) -> bool:
        """Has been born and has not died since."""
        return "" in self.senders and self.senders[""].online


def read_topic(topic: str) -> tuple[Kind, Address] | None:
    """Of whom a message on this topic is; None where it is not one that an edge node sends."""
    parts = topic.split("/")
    if len(parts) not in (4, 5) or parts[0] != NAMESPACE or parts[2] not in Kind.__members__:
        return None
    kind = Kind(parts[2])
    if (kind in _OF_DEVICES) != (len(parts) == 5) or not all(parts):
        return None
    return kind, Address(parts[1], parts[3], parts[4] if len(parts) == 5 else "")
