"""The simulated plant of the demo, the load and the fault runs: it knows what truly happened to every unit.

    line ─► unit ─► station: queue ─► machine ─► … ─► PACK          every scanner passed is a read, in time order

A discrete-event simulation: each unit is a generator that waits for a time or for a machine. Times are int µs, the
same seed gives the same reads.
"""

import heapq
import random
from collections.abc import Callable, Iterator, Sequence

from loadtest.lines import Life, Line, Station, stations
from loadtest.reads import Read
from loadtest.shifts import ALWAYS, SECOND, RandomStops, RegularStops
from loadtest.truth import Truth
from loadtest.units import Unit

Stops = RegularStops | RandomStops


class Plant:
    """The plant at work. `truth`: what has truly happened so far."""

    def __init__(
        self, seed: int, working: Sequence[Line], name: str = "U", remember: bool = True,
        floor: Sequence[Station] | None = None,
    ) -> None:  # fmt: skip
        """`name` begins the id of every unit. `remember`: every stay; `floor`: without it the demo's stations."""
        self.origin = min(line.begins for line in working)
        """When the first line began, in µs."""
        self.now = self.origin
        """The simulated instant, in µs."""
        self.truth = Truth(remember)
        self.random = random.Random(seed)
        self.units: dict[str, Unit] = {}
        """Those that are inside."""
        self._name = name
        self._stations = {station.operation: station for station in (stations() if floor is None else floor)}
        self._stops: dict[str, Stops] = {}
        self._serial = 0
        self._units = 0
        self._due: list[tuple[int, int, Life]] = []
        self._read: list[Read] = []
        for station in self._stations.values():
            self._look_after(station, seed)
        for line in working:
            self.begin(self._release(line), line.begins - self.now)

    def reads(self, until: int) -> Iterator[Read]:
        """The reads up to this instant (µs), in time order; the next call goes on from there."""
        while self._due and self._due[0][0] <= until:
            self.now, _, life = heapq.heappop(self._due)
            self._go_on(life)
            if self._read:
                yield from self._read
                self._read.clear()

    @property
    def stations(self) -> Sequence[Station]:
        """All of them, as they are now."""
        return list(self._stations.values())

    def station(self, operation: str) -> Station:
        """Where an operation is done."""
        return self._stations[operation]

    def stopped(self, operation: str, now: int) -> bool:
        """Is a station stopped at this instant (µs)?"""
        stops = self._stops.get(operation)
        return stops is not None and stops.span(now).begin <= now

    def every(self, length: int, tell: Callable[[int], None]) -> None:
        """Tell the time, in µs, every so many µs from the beginning on, while reads are taken."""

        def again() -> Life:
            while True:
                tell(self.now)
                yield length

        self.begin(again(), self.origin - self.now)

    def begin(self, life: Life, delay: int = 0) -> None:
        """Something begins to live, in so many µs."""
        self._serial += 1
        heapq.heappush(self._due, (self.now + delay, self._serial, life))

    def unit_id(self) -> str:
        """An id that no other unit has."""
        self._units += 1
        return f"{self._name}{self._units:06d}"

    def happens(self, share: float) -> bool:
        """True in this share of all cases."""
        return self.random.random() < share

    def work(self, station: Station, seconds: float, spread: float) -> int:
        """µs until so many seconds of work are done there, at most the spread's share away from it."""
        length = round(SECOND * seconds * self.random.uniform(1 - spread, 1 + spread))
        return station.shifts.after(self.now, length) - self.now

    def done(self, station: Station) -> None:
        """A machine is free again."""
        station.busy -= 1
        station.done += 1
        self._feed(station)

    def say(self, read: Read) -> None:
        """A read has been made now."""
        self._read.append(read)

    def _go_on(self, life: Life) -> None:
        wants = next(life, None)
        if isinstance(wants, int):
            self.begin(life, wants)
        elif wants is not None:
            wants.queue.append(life)
            self._feed(wants)

    def _feed(self, station: Station) -> None:
        """Give free machines to those who wait, unless nothing starts now."""
        at_work = station.shifts.span(self.now).begin <= self.now
        stopped = self.stopped(station.operation, self.now)
        if at_work and not stopped:
            while station.queue and station.busy < station.machines:
                station.busy += 1
                self.begin(station.queue.popleft())
        active = at_work and (stopped or station.busy == station.machines)
        self.truth.active(station.operation, active, self.now)

    def _look_after(self, station: Station, seed: int) -> None:
        """Have its stops and the ends of its shifts noticed."""
        if station.stops is not None:
            self._stops[station.operation] = RegularStops(self.origin, *station.stops)
        elif station.breaks_down is not None:
            rng = random.Random(f"{seed}/{station.operation}")
            self._stops[station.operation] = RandomStops(rng, self.origin, *station.breaks_down)
        if station.operation in self._stops:
            self.begin(self._stops_and_goes_on(station, self._stops[station.operation]))
        if station.shifts is not ALWAYS:
            self.begin(self._closes_and_opens(station))

    def _stops_and_goes_on(self, station: Station, stops: Stops) -> Life:
        while True:
            stop = stops.span(self.now)
            if self.now < stop.begin:
                yield stop.begin - self.now
            self._feed(station)
            yield stop.end - self.now
            self._feed(station)

    def _closes_and_opens(self, station: Station) -> Life:
        while True:
            shift = station.shifts.span(self.now)
            if self.now < shift.begin:
                yield shift.begin - self.now
            self._feed(station)
            yield shift.end - self.now
            self._feed(station)

    def _release(self, line: Line) -> Life:
        first = self._stations[line.routing[0]]
        yield first.shifts.after(self.now, 0) - self.now
        while True:
            self.begin(Unit(self, self.unit_id(), line).enters())
            yield self.work(first, line.takt_s, 0.3)
