"""The life of one unit in a simulated plant: from station to station, with what may go wrong on the way.

arrive ─► queue ─► start ─► finish ─┬─► depart ─► next station … ─► completed
                                    ├─► held, released               a lot is split, its parts wait for each other
                                    ├─► repaired, and back           and are merged again
                                    └─► scrapped
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loadtest.lines import Life, Line, Station
from loadtest.reads import HOLD, RELEASE, SCRAP, SUFFIXES, Part, Read, Transform
from loadtest.truth import TrueVisit

if TYPE_CHECKING:
    from loadtest.plant import Plant

MES, QUALITY = "mes", "qa"
"""Sources of what is no station's: splits and merges, holds and scraps."""


@dataclass(slots=True)
class Family:
    """The parts of one lot that are to meet again: how many there are, and which of them wait."""

    parts: int
    waiting: list[Unit] = field(default_factory=list)

    @property
    def is_together(self) -> bool:
        """Do all that are left wait?"""
        return bool(self.waiting) and len(self.waiting) == self.parts


class Unit:
    """One unit on its way. `pieces`: what a lot is made of; None for a single one."""

    def __init__(self, plant: Plant, unit_id: str, line: Line, pieces: int | None = None) -> None:
        """A unit that nobody has seen."""
        self.unit_id = unit_id
        self.pieces = pieces
        self._plant = plant
        self._line = line
        self._family: Family | None = None
        self._reads = 0
        self._visit = TrueVisit(unit_id, 0, "", 0, departed=0)
        self._seen: set[str] = set()
        self._gone = False
        plant.units[unit_id] = self

    def enters(self) -> Life:
        """The whole way of a unit that is released."""
        census = self._plant.truth.census
        census.entered += 1
        if self._line.lot is not None:
            self.pieces = self._plant.random.randint(*self._line.lot)
            census.pieces_released += self.pieces
        yield from self._way(0)

    def _way(self, begin: int) -> Life:
        """From the station with this number on."""
        for number in range(begin, len(self._line.routing)):
            station = self._plant.station(self._line.routing[number])
            yield from self._arrives(station)
            if station.merges:
                yield from self._meets(number)
                return
            yield from self._stays(station)
            if station.splits:
                yield from self._is_split(station, number)
                return
            yield from self._leaves(station, number)
            if self._gone:
                return

    def _leaves(self, station: Station, number: int) -> Life:
        """From its finish on."""
        yield from self._is_judged(station)
        if not self._gone:
            yield from self._departs(station, last=number == len(self._line.routing) - 1)

    def _arrives(self, station: Station) -> Life:
        yield self._plant.work(station, 5.0, 0.4)
        self._appears(station.operation)
        self._scan(station, "arrive", self.pieces if self._reads == 0 else None)

    def _stays(self, station: Station) -> Life:
        """One stay, from its arrival up to its finish."""
        plant = self._plant
        yield station
        yield plant.work(station, 0.8, 0.5)
        if not station.starts_unseen:
            self._visit.started = plant.now
            self._scan(station, "start")
        yield plant.work(station, station.process_now(plant.now), 0.15)
        self._visit.finished = plant.now
        if station.starts_unseen:
            self._visit.started = self._visit.arrived
        self._scan(station, "finish")
        plant.done(station)

    def _departs(self, station: Station, last: bool = False) -> Life:
        """The unit leaves; where no scanner sees that, its next arrival tells."""
        yield self._plant.work(station, 2.0, 0.5)
        if station.departs_seen:
            self._scan(station, "depart")
            self._disappears("completed" if last else "moved")
        if last:
            census = self._plant.truth.census
            census.completed += 1
            census.pieces_completed += self.pieces or 0
            self._goes()

    def _is_judged(self, station: Station) -> Life:
        """What quality says after the work."""
        plant = self._plant
        if station.scrap and plant.happens(station.scrap):
            yield from self._is_scrapped(station)
        elif station.loses and self.pieces is not None and self.pieces > 1 and plant.happens(station.loses):
            yield plant.work(station, 5.0, 0.5)
            lost = plant.random.randint(1, max(1, self.pieces // 8))
            self._read(SCRAP, QUALITY, scrap=lost)
            self.pieces -= lost
            plant.truth.census.pieces_scrapped += lost
        elif station.holds and plant.happens(station.holds):
            yield plant.work(station, 3.0, 0.3)
            self._read(HOLD, QUALITY)
            since = plant.now
            yield plant.work(station, station.held_s, 0.8)
            self._read(RELEASE, QUALITY)
            self._visit.held += plant.now - since
        elif station.rework is not None and plant.happens(station.rework.share):
            yield from self._is_repaired(station)

    def _is_repaired(self, station: Station) -> Life:
        """To the repair and back, as often as it fails; after the last round it is scrapped."""
        rework = station.rework
        assert rework is not None
        bench = self._plant.station(rework.operation)
        for _ in range(rework.rounds):
            yield from self._departs(station)
            for place in (bench, station):
                yield from self._arrives(place)
                yield from self._stays(place)
                if place is bench:
                    yield from self._departs(place)
            if not self._plant.happens(rework.again):
                return
        yield from self._is_scrapped(station)

    def _is_scrapped(self, station: Station) -> Life:
        yield self._plant.work(station, 5.0, 0.5)
        self._read(SCRAP, QUALITY)
        self._disappears("scrapped")
        census = self._plant.truth.census
        census.scrapped += 1
        census.pieces_scrapped += self.pieces or 0
        self._goes()
        if self._family is not None:
            self._family.parts -= 1
            self._merges_if_together(self._family)

    def _is_split(self, station: Station, number: int) -> Life:
        """The lot becomes several, which go on one by one."""
        plant = self._plant
        yield plant.work(station, 5.0, 0.4)
        assert self.pieces is not None
        count = min(plant.random.randint(2, station.splits), self.pieces)
        sizes = [self.pieces * (part + 1) // count - self.pieces * part // count for part in range(count)]
        family = Family(count)
        children = [self._child(size) for size in sizes]
        self._transforms(station, [self], children)
        for child in children:
            child._family = family
            plant.begin(child._goes_on(station, number))

    def _meets(self, number: int) -> Life:
        """A part waits for the others; the last one, or the loss of the last that was missing, makes them one."""
        assert self._family is not None
        self._family.waiting.append(self)
        self._merges_if_together(self._family)
        yield from ()

    def _merges_if_together(self, family: Family) -> None:
        if family.is_together:
            self._plant.begin(family.waiting[0]._merges(family.waiting))

    def _merges(self, parts: list[Unit]) -> Life:
        """Parts that have met, this one the first, become one lot."""
        station = self._plant.station(self._visit.operation)
        yield self._plant.work(station, 5.0, 0.4)
        whole = self._child(sum(part.pieces or 0 for part in parts))
        self._transforms(station, parts, [whole])
        number = list(self._line.routing).index(station.operation)
        self._plant.begin(whole._is_merged(station, number))

    def _goes_on(self, station: Station, number: int) -> Life:
        """The way of a lot that a split has made: it departs, and so on."""
        yield from self._leaves(station, number)
        if not self._gone:
            yield from self._way(number + 1)

    def _is_merged(self, station: Station, number: int) -> Life:
        """The way of a lot that a merge has made: it is worked on here, and so on."""
        yield from self._stays(station)
        yield from self._goes_on(station, number)

    def _child(self, pieces: int) -> Unit:
        return Unit(self._plant, self._plant.unit_id(), self._line, pieces)

    def _transforms(self, station: Station, parents: list[Unit], children: list[Unit]) -> None:
        """A split or merge happens now."""
        sides = [tuple(Part(each.unit_id, each.pieces or 0) for each in side) for side in (parents, children)]
        transform = Transform(station.operation, self._line.product, sides[0], sides[1])
        self._reads += 1
        plant = self._plant
        plant.say(Read(plant.now, self.unit_id, self._reads, "", source=MES, transform=transform))
        census = plant.truth.census
        for parent in parents:
            parent._disappears("completed")
            parent._goes()
        census.consumed += len(parents)
        census.made += len(children)
        for child in children:
            child._reads = 1
            child._appears(station.operation)

    def _appears(self, operation: str) -> None:
        """A visit opens; one that nobody saw end, ends now."""
        if self._visit.departed is None:
            self._disappears("moved")
        now = self._plant.now
        self._visit = TrueVisit(self.unit_id, self._visit.seq + 1, operation, now, rework=operation in self._seen)
        self._seen.add(operation)
        self._plant.truth.arrived(self._visit)

    def _disappears(self, outcome: str) -> None:
        """The visit closes."""
        self._visit.departed = self._plant.now
        self._visit.outcome = outcome
        self._plant.truth.departed(self._visit, self._plant.now)

    def _goes(self) -> None:
        self._gone = True
        del self._plant.units[self.unit_id]
        self._plant.truth.left(self.unit_id)

    def _scan(self, station: Station, action: str, quantity: int | None = None) -> None:
        """A scanner of a station reads the unit."""
        self._read(f"{station.operation}-{SUFFIXES[action]}", station.source, quantity=quantity)

    def _read(self, read_point: str, source: str, quantity: int | None = None, scrap: int | None = None) -> None:
        """A scanner reads the unit; its first read says what it is."""
        self._reads += 1
        product = self._line.product if self._reads == 1 else None
        plant = self._plant
        plant.say(Read(plant.now, self.unit_id, self._reads, read_point, product, source, quantity, scrap))
