"""The simulated factory's messages as the front door takes them, and its truth in the form of the product's rows."""

from collections.abc import Iterable
from functools import cache

from loadtest import factory
from loadtest.disorder import Arrival
from loadtest.truth import TrueVisit
from schemas.plant import load_plant
from services.adapters import ingest_wire
from services.adapters.wire import decode_event
from services.core.entry import enter, expand
from services.core.equipment import PlantModel
from services.core.errors import BadScan
from services.core.log import LogFold
from services.core.unit import Flag, Outcome, Visit

Row = tuple[object, ...]


@cache
def factory_model() -> PlantModel:
    """The plant model of the simulated factory, version 1."""
    return PlantModel.from_document(load_plant(factory.plant_text()), version=1)


class Entrance:
    """Takes arrivals as ingest does, at the instant when they arrive, and folds what comes of them."""

    def __init__(self) -> None:
        """The factory's model is in force."""
        self.fold = LogFold({1: factory_model()}, version=1)
        self.refused: dict[str, set[str]] = {}

    def take(self, arrivals: Iterable[Arrival]) -> None:
        """These arrive."""
        for arrival in arrivals:
            raw = arrival.message(arrival.at)
            if arrival.read.transform is None:
                events = [ingest_wire.read_scan(raw)]
            else:
                events = expand(ingest_wire.read_transform(raw), ingest_wire.submitted_event)
            for event in events:
                try:
                    enter(event, factory_model(), arrival.read.source, arrival.at)
                    known = decode_event(ingest_wire.canonical(event))
                    refusal = self.fold.take(known, arrival.read.source, arrival.at).refusal
                except BadScan as refused:
                    refusal = refused
                if refusal is not None:
                    self.refused.setdefault(event.unit_id or "", set()).add(str(refusal.reason))

    def rows(self, unit_id: str) -> list[Row]:
        """The visits of a unit, in order."""
        return [folded_row(visit) for _, visit in sorted(self.fold.visits.get(unit_id, {}).items())]


def folded_row(visit: Visit) -> Row:
    """A visit as the product has it; how long it was held is known of closed ones."""
    held = visit.hold if visit.departed is not None else None
    times = (visit.arrived, visit.started, visit.finished, visit.departed, held)
    return (visit.seq, visit.operation, *times, Outcome(visit.outcome).name.lower(), bool(visit.flags & Flag.REWORK))


def true_row(visit: TrueVisit) -> Row:
    """A visit as it was."""
    held = visit.held if visit.departed is not None else None
    times = (visit.arrived, visit.started, visit.finished, visit.departed, held)
    return (visit.seq, visit.operation, *times, visit.outcome, visit.rework)
