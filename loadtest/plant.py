"""The simulated plant of the demo, the load and the fault runs: it knows what truly happened to every unit.

    line ─► unit ─► station: queue ─► machine ─► … ─► PACK          every scanner passed is a read, in time order

A discrete-event simulation: each unit is a generator that waits for a time or for a machine. Times are int µs, the
same seed gives the same reads.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

SECOND = 1_000_000
MINUTE = 60 * SECOND

REWORK_SHARE = 0.03
"""Units that fail the test and are repaired."""
FAILS_AGAIN = 0.2
"""Of these, how many fail a second time and are scrapped."""
SCRAP_SHARE = 0.005
"""Units scrapped by the optical inspection."""
HOLD_SHARE = 0.01
"""Units that quality holds after the optical inspection."""

SUFFIXES = {"arrive": "IN", "start": "RUN", "finish": "END", "depart": "OUT"}


class Read(NamedTuple):
    """One scan as a scanner makes it. `number`: the how-manyth of its unit, from 1."""

    time: int
    unit_id: str
    number: int
    read_point_id: str
    product_id: str | None

    @property
    def event_id(self) -> str:
        """The same for every repeat of this read."""
        return f"{self.unit_id}/{self.number}"


@dataclass(slots=True)
class TrueVisit:
    """One stay as it was; what no scanner sees is not in it. Times in µs, None: has not happened."""

    unit_id: str
    seq: int
    operation: str
    arrived: int
    started: int | None = None
    finished: int | None = None
    departed: int | None = None
    outcome: str = "open"
    held: int = 0
    rework: bool = False


@dataclass(slots=True)
class Station:
    """Where one operation is done: machines that work side by side, and the queue before them.

    `stops`: every so long (first) for so long (second) nothing starts. `starts_unseen`: no scanner for the start.
    """

    operation: str
    machines: int
    process: float
    departs_seen: bool = False
    starts_unseen: bool = False
    stops: tuple[int, int] | None = None
    busy: int = 0
    done: int = 0
    queue: deque["Life"] = field(default_factory=deque)

    def stopped_until(self, now: int, origin: int) -> int | None:
        """The end of the stop that is on, or None."""
        if self.stops is None:
            return None
        into = (now - origin) % self.stops[0]
        begin = self.stops[0] - self.stops[1]
        return now - into + self.stops[0] if into >= begin else None


Life = Generator["int | Station", None, None]
"""What a unit does: waits for so many µs, or for a machine of a station."""


@dataclass(frozen=True)
class Line:
    """A product and the rate at which it is released, from `begins` (µs) on."""

    product: str
    routing: Sequence[str]
    begins: int
    takt_s: float


def stations() -> list[Station]:
    """The plant of demo_plant.yaml: test is the bottleneck, line 2's placer stops a while every ten minutes."""
    smt = [
        [
            Station(f"{line}.PRINT", 4 * size, 10.0),
            Station(f"{line}.PLACE", 3 * size, 6.0, stops=(10 * MINUTE, 90 * SECOND) if line == "L2" else None),
            Station(f"{line}.REFLOW", 200 * size, 240.0, starts_unseen=True),
            Station(f"{line}.AOI", 3 * size, 8.0, departs_seen=True),
        ]
        for line, size in (("L1", 1), ("L2", 2))
    ]
    final = [
        Station("ASSEMBLY", 60, 60.0, departs_seen=True), Station("TEST", 39, 42.0, departs_seen=True),
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


class Plant:
    """The plant at work. `truth`: every visit so far, in order of arrival, if `remember`."""

    def __init__(self, seed: int, working: Sequence[Line], name: str = "U", remember: bool = True) -> None:
        """`name` begins the id of every unit."""
        self.truth: list[TrueVisit] = []
        self._remember = remember
        self._name = name
        self._random = random.Random(seed)
        self._stations = {station.operation: station for station in stations()}
        self._origin = min(line.begins for line in working)
        self._now = self._origin
        self._serial = 0
        self._units = 0
        self._due: list[tuple[int, int, Life]] = []
        self._read: list[Read] = []
        for line in working:
            self._at(line.begins, self._release(line))

    def reads(self, until: int) -> Iterator[Read]:
        """The reads up to this instant (µs), in time order; the next call goes on from there."""
        while self._due and self._due[0][0] <= until:
            self._now, _, life = heapq.heappop(self._due)
            self._go_on(life)
            yield from self._read
            self._read.clear()

    @property
    def stations(self) -> Sequence[Station]:
        """All of them, as they are now."""
        return list(self._stations.values())

    @property
    def origin(self) -> int:
        """When the first line began, in µs."""
        return self._origin

    def every(self, length: int, tell: Callable[[int], None]) -> None:
        """Tell the time, in µs, every so many µs from the beginning on, while reads are taken."""

        def again() -> Life:
            while True:
                tell(self._now)
                yield length

        self._at(self._origin, again())

    def _at(self, time: int, life: Life) -> None:
        self._serial += 1
        heapq.heappush(self._due, (time, self._serial, life))

    def _go_on(self, life: Life) -> None:
        wants = next(life, None)
        if isinstance(wants, int):
            self._at(self._now + wants, life)
        elif wants is not None:
            wants.queue.append(life)
            self._feed(wants)

    def _feed(self, station: Station) -> None:
        """Give free machines to those who wait, unless the station is stopped."""
        until = station.stopped_until(self._now, self._origin)
        if until is not None:
            if station.queue:
                self._at(until, self._after_stop(station))
            return
        while station.queue and station.busy < station.machines:
            station.busy += 1
            self._at(self._now, station.queue.popleft())

    def _after_stop(self, station: Station) -> Life:
        self._feed(station)
        yield from ()

    def _release(self, line: Line) -> Life:
        while True:
            self._units += 1
            self._at(self._now, _Unit(f"{self._name}{self._units:06d}", line).life(self))
            yield self.between(line.takt_s, 0.3)

    def between(self, seconds: float, spread: float) -> int:
        """A duration in µs around this many seconds, at most the spread's share away from it."""
        return round(SECOND * seconds * self._random.uniform(1 - spread, 1 + spread))

    def happens(self, share: float) -> bool:
        """True in this share of all cases."""
        return self._random.random() < share

    def visit(self, unit: "_Unit", operation: str) -> Life:
        """One stay of a unit, up to its finish."""
        station = self._stations[operation]
        yield self.between(5.0, 0.4)
        unit.arrive(operation, self._now)
        if self._remember:
            self.truth.append(unit.visit)
        self.scan(unit, operation, "arrive")
        yield station
        yield self.between(0.8, 0.5)
        if not station.starts_unseen:
            unit.visit.started = self._now
            self.scan(unit, operation, "start")
        yield self.between(station.process, 0.15)
        unit.visit.finished = self._now
        if station.starts_unseen:
            unit.visit.started = unit.visit.arrived
        self.scan(unit, operation, "finish")
        station.busy -= 1
        station.done += 1
        self._feed(station)

    def depart(self, unit: "_Unit", last: bool = False) -> Life:
        """The unit leaves; where no scanner sees that, its next arrival tells."""
        yield self.between(2.0, 0.5)
        if self._stations[unit.visit.operation].departs_seen:
            self.scan(unit, unit.visit.operation, "depart")
            unit.leave(self._now, "completed" if last else "moved")

    def scan(self, unit: "_Unit", operation: str, action: str) -> None:
        """A scanner of an operation reads the unit."""
        self.read(unit, f"{operation}-{SUFFIXES[action]}")

    def read(self, unit: "_Unit", read_point_id: str) -> None:
        """A scanner reads the unit; its first read says what it is."""
        unit.reads += 1
        product = unit.line.product if unit.reads == 1 else None
        self._read.append(Read(self._now, unit.unit_id, unit.reads, read_point_id, product))

    @property
    def now(self) -> int:
        """The simulated instant, in µs."""
        return self._now


class _Unit:
    """One unit on its way."""

    def __init__(self, unit_id: str, line: Line) -> None:
        self.unit_id = unit_id
        self.line = line
        self.reads = 0
        self.visit = TrueVisit(unit_id, 0, "", 0, departed=0)
        self._seen: set[str] = set()

    def arrive(self, operation: str, now: int) -> None:
        """A visit opens; one that nobody saw end, ends now."""
        if self.visit.departed is None:
            self.leave(now, "moved")
        self.visit = TrueVisit(self.unit_id, self.visit.seq + 1, operation, now, rework=operation in self._seen)
        self._seen.add(operation)

    def leave(self, now: int, outcome: str) -> None:
        """The visit closes."""
        self.visit.departed = now
        self.visit.outcome = outcome

    def life(self, plant: Plant) -> Life:
        """The whole way of the unit."""
        for operation in self.line.routing:
            yield from plant.visit(self, operation)
            if operation.endswith(".AOI"):
                yield from self._inspected(plant)
            elif operation == "TEST" and plant.happens(REWORK_SHARE):
                yield from self._repaired(plant)
            if self.visit.outcome == "scrapped":
                return
            yield from plant.depart(self, last=operation == self.line.routing[-1])

    def _inspected(self, plant: Plant) -> Life:
        if plant.happens(SCRAP_SHARE):
            yield from self._scrapped(plant)
        elif plant.happens(HOLD_SHARE):
            yield plant.between(3.0, 0.3)
            plant.read(self, "QA-HOLD")
            since = plant.now
            yield plant.between(240.0, 0.8)
            plant.read(self, "QA-RELEASE")
            self.visit.held += plant.now - since

    def _repaired(self, plant: Plant) -> Life:
        yield from plant.depart(self)
        yield from plant.visit(self, "REPAIR")
        yield from plant.depart(self)
        yield from plant.visit(self, "TEST")
        if plant.happens(FAILS_AGAIN):
            yield from self._scrapped(plant)

    def _scrapped(self, plant: Plant) -> Life:
        yield plant.between(5.0, 0.5)
        plant.read(self, "QA-SCRAP")
        self.leave(plant.now, "scrapped")
