"""What can be seen of a running floorstream: plain numbers that ailments.py judges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Look(NamedTuple):
    """How far everything was at one moment, by partition of floor.scans: ends of the log, rows, board (offsets).

    `told`: how far subscribers to visits were, by name: the sum of their positions in floor.visits.
    """

    ends: Mapping[int, int]
    rows: Mapping[int, int]
    board: Mapping[int, int]
    told: Mapping[str, int] = {}


class Source(NamedTuple):
    """What a source sent in the last two hours: records, seconds since the newest, seconds from the first to it."""

    name: str
    records: int
    silent_s: float
    span_s: float


class Refusals(NamedTuple):
    """What was refused of a source for one reason in the last ten minutes, of how many records it sent."""

    reason: str
    source: str
    refused: int
    sent: int


class Waiting(NamedTuple):
    """Notifications of a channel that were not sent, the age of the oldest, and what the target last said."""

    channel: str
    messages: int
    oldest_s: float
    reason: str


class Untold(NamedTuple):
    """What a subscriber to visits has not taken: records of floor.scans that are stored, and the age of the oldest."""

    subscriber: str
    records: int
    oldest_s: float


class Space(NamedTuple):
    """Bytes of something."""

    what: str
    free: int
    total: int


@dataclass(frozen=True)
class Signs:
    """Everything that was seen. `looks` are `seconds` apart; empty where broker, database or board did not answer.

    `unreachable` is what they said instead, `not_ready` what the front lacks; `silent_stages` are those whose metrics
    do not answer.
    `clock_off_s`: how far this machine's clock is before the database's. `generation_set`: 0 where nobody sets one.
    """

    unreachable: Sequence[tuple[str, str]] = ()
    not_ready: Sequence[str] = ()
    silent_stages: Sequence[str] = ()
    looks: Sequence[Look] = ()
    seconds: float = 1.0
    migrations: Sequence[str] = ()
    generation: int = 1
    generation_set: int = 0
    clock_off_s: float = 0.0
    sources: Sequence[Source] = ()
    partitions: Mapping[int, int] = field(default_factory=dict)
    refusals: Sequence[Refusals] = ()
    waiting: Sequence[Waiting] = ()
    untold: Sequence[Untold] = ()
    spaces: Sequence[Space] = ()
    broker_bytes: int = 0
    gauges: Mapping[str, float] = field(default_factory=dict)
