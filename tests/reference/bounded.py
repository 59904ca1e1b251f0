"""One unit's log, event by event: identity, kept history, edge; with the bounds or without."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field

from .event import Event, Refused
from .history import alive, fold_onto, product_named, rules_for
from .plant import Plant
from .unit import Unit, Visit

ACCEPTED, DUPLICATE = "accepted", "duplicate"


@dataclass
class UnitLog:
    """What is remembered of one unit: the head, the kept events in log order, the edge.

    `within_bounds` turns False when the log does something after which the result may differ from that of the
    whole set: this is told to whoever compares, the fold never reads it, nor the fields after `accepted`.
    `first_time` spares work: no unit ends before its first event.
    """

    plants: Mapping[int, Plant]
    bounded: bool
    head: Unit = field(default_factory=Unit)
    head_product: str | None = None
    head_has_event: bool = False
    kept: list[Event] = field(default_factory=list)
    edge: int | None = None
    first_time: int | None = None
    lowest_version: int | None = None
    accepted: int = 0
    within_bounds: bool = True
    absorbed: set[str] = field(default_factory=set)
    absorbed_voids: set[str] = field(default_factory=set)
    products_at_absorption: set[str | None] = field(default_factory=set)

    def take(self, event: Event, forgotten_before: int | None = None) -> str:
        """Accept the event or say `duplicate`; raises Refused. Units that ended before that instant are stubs."""
        if self.bounded and forgotten_before is not None:
            self._shrink(forgotten_before)
        if self.edge is not None and event.time <= self.edge:
            self.within_bounds &= event.event_id in self.absorbed
            raise Refused("too_late")
        known = next((kept for kept in self.kept if kept.event_id == event.event_id), None)
        if known is not None:
            if known.content != event.content:
                raise Refused("conflicting_duplicate")
            return DUPLICATE
        at_instant = sum(kept.time == event.time for kept in self.kept)
        if self.bounded and at_instant >= 4 * self.plants[event.version].history_events:
            self.within_bounds = False
            raise Refused("too_late")
        self.within_bounds &= event.event_id not in self.absorbed | self.absorbed_voids
        self.within_bounds &= event.voids not in self.absorbed
        self.kept.append(event)
        self.first_time = event.time if self.first_time is None else min(self.first_time, event.time)
        self.accepted += 1
        if self.lowest_version is None:
            self.lowest_version = event.version
        if self.bounded:
            self._absorb(self.plants[event.version])
        self.within_bounds &= self.products_at_absorption <= {self.product()}
        return ACCEPTED

    def _shrink(self, forgotten_before: int) -> None:
        """To a stub, where the unit ended so long ago: as it is, with nothing kept that could change it."""
        if not self.kept or self.first_time is None or self.first_time >= forgotten_before:
            return
        unit = self.present()
        if unit.ended is None or unit.ended >= forgotten_before:
            return
        self.products_at_absorption.add(self.product())
        self.head_product, self.head_has_event = self.product(), self.has_event()
        self._forget(self.kept)
        self.head, self.edge, self.kept = unit, max(event.time for event in self.kept), []

    def _forget(self, leaving: list[Event]) -> None:
        self.absorbed |= {event.event_id for event in leaving}
        self.absorbed_voids |= {event.voids for event in leaving if event.voids is not None}

    def _absorb(self, plant: Plant) -> None:
        while True:
            times = sorted({event.time for event in self.kept})
            too_many = len(self.kept) > plant.history_events
            too_long = times[-1] - times[0] > plant.history_horizon
            if len(times) == 1 or not (too_many or too_long):
                return
            self._absorb_instant(times[0])

    def _absorb_instant(self, oldest: int) -> None:
        assert self.lowest_version is not None
        product = self.product()
        leaving = [event for event in self.kept if event.time == oldest]
        live = [event for event in alive(self.kept) if event.time == oldest]
        staying = [event for event in self.kept if event.time != oldest]
        self.products_at_absorption.add(product)
        self.within_bounds &= not ({e.voids for e in leaving} & {e.event_id for e in staying})
        if self.head_product is None:
            self.head_product = product_named(live)
        fold_onto(self.head, live, rules_for(self.plants, self.lowest_version, product))
        self.head_has_event = self.head_has_event or bool(live)
        self._forget(leaving)
        self.kept = staying
        self.edge = oldest

    def product(self) -> str | None:
        """The unit's product as far as it is known now."""
        return self.head_product if self.head_product is not None else product_named(self.kept)

    def has_event(self) -> bool:
        """Whether the unit has an accepted event that is neither a void nor voided."""
        return self.head_has_event or bool(alive(self.kept))

    def present(self) -> Unit:
        """The head with the kept events folded onto it."""
        unit = copy.deepcopy(self.head)
        if self.lowest_version is None:
            return unit
        rules = rules_for(self.plants, self.lowest_version, self.product())
        fold_onto(unit, self.kept, rules)
        for visit in unit.open_visits():
            visit.quantity = unit.quantity
            visit.product_id = rules.product_id
        return unit


def phase_shown(visit: Visit) -> str:
    """The phase as it is counted: a held visit counts as held only."""
    return "held" if visit.held else visit.phase
