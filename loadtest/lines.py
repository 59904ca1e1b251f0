"""What a simulated plant is made of: stations and lines, as data; and those of the demo."""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from loadtest.shifts import ALWAYS, DAY, HOUR, MINUTE, SECOND, Shifts, Span

MIDNIGHT = -8 * HOUR
"""A midnight of the plant, in µs: it lies in a zone eight hours ahead of UTC, without summer time."""

Life = Generator["int | Station", None, None]
"""What a unit does: waits for so many µs, or for a machine of a station."""


@dataclass(frozen=True, slots=True)
class Rework:
    """This share of the units fails and is sent to another operation and back; of these `again` fail once more.

    After so many `rounds` a unit that fails is scrapped.
    """

    operation: str
    share: float
    again: float
    rounds: int = 1


@dataclass(slots=True)
class Station:
    """Where one operation is done: machines that work side by side, and the queue before them.

    `process`: seconds. `starts_unseen`: no scanner for the start. `stops`: every so long (first) for so long (second)
    nothing starts, in µs; `breaks_down`: the same by chance, means in seconds. `pace`: at these hours of the day
    everything takes so many times as long. Shares of units after the work: `scrap`, `loses` (a few pieces of a lot are
    scrapped), `holds` (by quality, for so many seconds). `splits`: a lot becomes two to so many lots; `merges`: these
    wait here for each other and become one.
    """

    operation: str
    machines: int
    process: float
    departs_seen: bool = False
    starts_unseen: bool = False
    stops: tuple[int, int] | None = None
    breaks_down: tuple[float, float] | None = None
    source: str = "demo"
    shifts: Shifts = ALWAYS
    pace: Sequence[tuple[Span, float]] = ()
    scrap: float = 0.0
    loses: float = 0.0
    holds: float = 0.0
    held_s: float = 240.0
    rework: Rework | None = None
    splits: int = 0
    merges: bool = False
    busy: int = 0
    done: int = 0
    queue: deque[Life] = field(default_factory=deque)

    def process_now(self, now: int) -> float:
        """Seconds that the work takes on average when it begins now."""
        of_day = (now - MIDNIGHT) % DAY
        slower = (times for span, times in self.pace if span.begin <= of_day < span.end)
        return self.process * next(slower, 1.0)


@dataclass(frozen=True)
class Line:
    """A product, its routing, and the rate at which it is released, from `begins` (µs) on. `lot`: pieces, from, to."""

    product: str
    routing: Sequence[str]
    begins: int
    takt_s: float
    lot: tuple[int, int] | None = None


def stations() -> list[Station]:
    """The plant of demo_plant.yaml: test is the bottleneck, line 2's placer stops a while every ten minutes."""
    smt = [
        [
            Station(f"{line}.PRINT", 4 * size, 10.0),
            Station(f"{line}.PLACE", 3 * size, 6.0, stops=(10 * MINUTE, 90 * SECOND) if line == "L2" else None),
            Station(f"{line}.REFLOW", 200 * size, 240.0, starts_unseen=True),
            Station(f"{line}.AOI", 3 * size, 8.0, departs_seen=True, scrap=0.005, holds=0.01),
        ]
        for line, size in (("L1", 1), ("L2", 2))
    ]
    final = [
        Station("ASSEMBLY", 60, 60.0, departs_seen=True),
        Station("TEST", 39, 42.0, departs_seen=True, rework=Rework("REPAIR", 0.03, 0.2)),
        Station("REPAIR", 12, 180.0, departs_seen=True), Station("PACK", 16, 15.0, departs_seen=True),
    ]  # fmt: skip
    return [*smt[0], *smt[1], *final]


def lines(first: int, second: int) -> list[Line]:
    """Line 1 works from `first` on (a third of the load), line 2 from `second` on; in µs."""
    final = ("ASSEMBLY", "TEST", "PACK")
    smt = ("PRINT", "PLACE", "REFLOW", "AOI")
    return [
        Line("CONTROLLER", (*(f"L1.{step}" for step in smt), *final), first, 3.6),
        Line("SENSOR", (*(f"L2.{step}" for step in smt), *final), second, 1.72),
    ]
