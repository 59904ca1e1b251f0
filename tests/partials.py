"""Real partials for tests: logs of the reference generator folded by track lanes, and what they must add up to."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple
from zlib import crc32

from services.adapters import track_wire
from services.core.equipment import PlantModel
from services.core.ledger import Counts, Totals
from services.core.log import LogFold
from services.core.unit import Outcome, Phase, Status, Visit, flag_names
from services.topology import MARKER_KEY
from services.track.handler import Lane
from tests import product
from tests.reference.case import plant
from tests.reference.generate import Scenario
from tests.reference.instant import text

Sent = tuple[bytes, bytes]
"""Key and value of a record of floor.partials."""


class Scan(NamedTuple):
    """A record of floor.scans."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass
class Published:
    """What lanes of one generation published in the order they did, and the folds of what each had read."""

    sent: list[Sent] = field(default_factory=list)
    folds: list[LogFold] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)

    def visits(self) -> list[Visit]:
        """All visits of all partitions."""
        return [visit for fold in self.folds for visits in fold.visits.values() for visit in visits.values()]

    def newest(self) -> int:
        """The newest event time of all partitions; 0 where nothing was accepted."""
        return max((history.newest for fold in self.folds for history in fold.histories.values()), default=0)

    def counts(self) -> dict[str, Counts]:
        """Counts by operation, visit by visit."""
        books: dict[str, Counts] = {}
        for fold in self.folds:
            for visits in fold.visits.values():
                for visit in visits.values():
                    count_visit(books.setdefault(visit.operation, Counts()), visit, fold.models[visit.model])
        return books

    def totals(self) -> Totals:
        """Units of the plant, unit by unit."""
        units = [history.now for fold in self.folds for history in fold.histories.values()]
        return Totals(
            sum(unit.entries for unit in units),
            sum(unit.completions for unit in units),
            sum(unit.scraps for unit in units),
            sum(unit.status == Status.IN_PROCESS for unit in units),
            sum(unit.status == Status.IN_TRANSIT for unit in units),
        )


def count_visit(counts: Counts, visit: Visit, model: PlantModel) -> None:
    """Add one visit."""
    counts.arrivals += 1
    counts.rework += "rework" in flag_names(visit.flags)
    if visit.departed is not None:
        counts.departures += 1
        counts.completed += visit.outcome == Outcome.COMPLETED
        counts.scrapped += visit.outcome == Outcome.SCRAPPED
        return
    phase = "held" if visit.held else Phase(visit.phase).name.lower()
    setattr(counts, phase, getattr(counts, phase) + 1)
    counts.quantity += visit.quantity
    counts.value += visit.quantity * model.unit_costs.get(visit.product or "", 0)


def log_of(rnd: Random, units: int, newest_us: int) -> Scenario:
    """Units on their way through four operations in the two hours before `newest_us`, some of them not to the end."""
    operations = ["A", "B", "C", "测试"]
    events = []
    for unit in range(units):
        at = newest_us - rnd.randrange(7_200_000_000)
        for operation in operations[: rnd.randint(1, 4)]:
            for action in ("arrive", "start", "finish", "depart")[: rnd.choice((2, 4, 4, 4))]:
                event = {"event_id": f"{operation}{action}", "unit_id": f"U{unit}", "action": action}
                events.append((at, event | {"operation_id": operation, "product_id": "P", "event_time": text(at)}))
                at += rnd.randrange(600_000_000)
    log = [event for at, event in sorted(events, key=lambda each: each[0]) if at <= newest_us]
    model = plant(" ".join(operations), products={"P": " ".join(operations)})
    return Scenario({1: model}, [{"model": 1}, *log])


def partition_of(unit_id: str, partitions: int) -> int:
    """Any spread of units over partitions will do for the sums."""
    return crc32(unit_id.encode()) % partitions


def publish(scenario: Scenario, partitions: int, rnd: Random, generation: int = 1) -> Published:
    """Fold the log in lanes, publishing at random moments, at most a few at a time; all of it in the end."""
    published = Published()
    for partition, log in enumerate(_split(scenario.log, partitions)):
        models = product.plant_models(scenario.models)
        lane = Lane(partition, lambda unit: partition_of(unit, partitions), generation, models, {}, track_wire)
        fold = LogFold(models)
        for record in _records(log):
            lane.fold([record], 0, record.offset)
            if rnd.random() < 0.4:
                published.sent += _taken(lane, rnd.randint(1, 4))
        while lane.unsent:
            published.sent += _taken(lane, 5)
        published.sent.append((f"pt|{partition}".encode(), lane.totals_partial()))
        published.folds.append(_folded(fold, log))
        published.offsets.append(lane.offset)
    return published


def _taken(lane: Lane, most: int) -> list[Sent]:
    totals = (f"pt|{lane.partition}".encode(), lane.totals_partial())
    return [*((key, value) for _, key, value in lane.partials(most)), totals]


def _split(log: Iterable[dict[str, Any]], partitions: int) -> list[list[dict[str, Any]]]:
    """Each partition's share; markers go to every one."""
    shares: list[list[dict[str, Any]]] = [[] for _ in range(partitions)]
    for record in log:
        mine = range(partitions) if "model" in record else [partition_of(record["unit_id"], partitions)]
        for partition in mine:
            shares[partition].append(record)
    return shares


def _records(log: Iterable[dict[str, Any]]) -> Iterable[Scan]:
    for offset, record in enumerate(log):
        key = MARKER_KEY if "model" in record else record["unit_id"].encode()
        yield Scan(offset, FAR_FUTURE_MS, key, json.dumps(record, ensure_ascii=False).encode(), ())


FAR_FUTURE_MS = 4_000_000_000_000
"""Recorded after any event, so that no clock is ahead."""


def _folded(fold: LogFold, log: Iterable[dict[str, Any]]) -> LogFold:
    for record in log:
        if "model" in record:
            fold.marker(record["model"])
        else:
            fold.take(product.event(record), "kafka", FAR_FUTURE_MS * 1000)
    return fold
