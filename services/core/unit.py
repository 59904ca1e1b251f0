"""A unit and its visits: what the fold of a unit's events builds.

    unseen ──arrive/start/finish──► in process ──depart──► in transit ──arrive──► in process …
                                        └──complete / scrap / last depart──► completed | scrapped ──arrive──► (reopened)

Instants are integer microseconds since the epoch in UTC, durations integer microseconds,
quantities integer millionths (1 piece = 1_000_000), so that every sum is exact.
"""

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

ONE = 1_000_000
"""The quantity of a unit that never named one: 1 piece, in millionths."""


class Status(IntEnum):
    """Where a unit stands in its life."""

    UNSEEN = 0
    IN_PROCESS = 1
    IN_TRANSIT = 2
    COMPLETED = 3
    SCRAPPED = 4


class Phase(IntEnum):
    """What happens to a unit during a visit."""

    QUEUED = 0
    RUNNING = 1
    FINISHED = 2


class Outcome(IntEnum):
    """How a visit ended, or that it has not."""

    OPEN = 0
    MOVED = 1
    COMPLETED = 2
    SCRAPPED = 3


class Flag(IntFlag):
    """What the data says about a visit besides its times; nothing flagged is refused."""

    IMPLIED_ARRIVE = 1
    IMPLIED_START = 2
    IMPLIED_FINISH = 4
    IMPLIED_DEPART = 8
    REOPENED = 16
    REWORK = 32
    SKIPPED_OPERATION = 64
    BACKWARD = 128
    CONSUMED = 256


FLAG_NAMES: tuple[tuple[int, str], ...] = tuple(
    sorted(((int(flag), str(flag.name).lower()) for flag in Flag), key=lambda pair: pair[1])
)


def flag_names(flags: int) -> list[str]:
    """The names of the flags that are set, sorted."""
    return [name for bit, name in FLAG_NAMES if flags & bit]


@dataclass(slots=True)
class Visit:
    """One stay of one unit at one operation.

    `since` is the instant up to which queue, process, wait and hold have been added up.
    `quantity` is the unit's at the visit's end (of an open visit: now).
    `position` is the operation's place on the unit's routing when the visit was opened.
    """

    seq: int
    visit_id: str
    operation: str
    arrived: int
    since: int
    model: int
    quantity: int
    work_unit: str | None = None
    product: str | None = None
    position: int | None = None
    started: int | None = None
    finished: int | None = None
    departed: int | None = None
    outcome: int = 0
    flags: int = 0
    repeats: int = 0
    runs: int = 0
    phase: int = 0
    held: bool = False
    queue: int = 0
    process: int = 0
    wait: int = 0
    hold: int = 0

    def copy(self) -> "Visit":
        """An independent copy (dataclasses.replace is six times slower, and this is on the hot road)."""
        return Visit(
            self.seq, self.visit_id, self.operation, self.arrived, self.since, self.model, self.quantity,
            self.work_unit, self.product, self.position, self.started, self.finished, self.departed,
            self.outcome, self.flags, self.repeats, self.runs, self.phase, self.held,
            self.queue, self.process, self.wait, self.hold,
        )  # fmt: skip

    @property
    def dwell(self) -> int:
        """Arrived to departed of a closed visit, in µs: always queue + process + wait + hold."""
        return self.queue + self.process + self.wait + self.hold


@dataclass(slots=True)
class UnitState:
    """A unit after some of its events.

    `entries` counts first visits and reopenings, `completions` and `scraps` the times it left WIP,
    `events` the effective events (neither voids nor voided), `last_departed` whether the last operation of
    its routing was departed by a depart event since the unit was (re)opened. `left`: when it was completed or
    scrapped; None of a unit that is not.
    """

    status: int = 0
    visits: int = 0
    strays: int = 0
    events: int = 0
    quantity: int = ONE
    position: int = -1
    entries: int = 0
    completions: int = 0
    scraps: int = 0
    last_departed: bool = False
    visited: tuple[str, ...] = ()
    open: list[Visit] = field(default_factory=list)
    left: int | None = None

    def copy(self) -> "UnitState":
        """An independent copy, open visits included."""
        return UnitState(
            self.status, self.visits, self.strays, self.events, self.quantity, self.position,
            self.entries, self.completions, self.scraps, self.last_departed, self.visited,
            [visit.copy() for visit in self.open], self.left,
        )  # fmt: skip

    def at(self, operation: str | None) -> Visit | None:
        """The open visit at this operation, if any."""
        for visit in self.open:
            if visit.operation == operation:
                return visit
        return None
