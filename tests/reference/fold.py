"""A whole log → visits, operation counts, units, ledger, and the verdict on every event."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .bounded import ACCEPTED, UnitLog, phase_shown
from .event import Event, Refused, admit
from .ledger import Ledger, check, operation_counts
from .plant import Plant
from .unit import Unit, Visit

Row = dict[str, Any]
FIRST_VISIT_SEQ = 1


@dataclass(frozen=True)
class Verdict:
    """What became of the record at `index` of the log: `accepted`, `duplicate`, or `refused` and why."""

    index: int
    unit_id: object
    event_id: object
    verdict: str
    reason: str | None = None


@dataclass
class Memory:
    """The units of a log, and its own time: units that ended before `forgotten_before` are stubs."""

    units: dict[str, UnitLog] = field(default_factory=dict)
    newest: int | None = None
    forgotten_before: int | None = None

    def accepted(self, event: Event, plant: Plant) -> None:
        """The newest event time of those accepted, less the retention in force at the event just accepted."""
        self.newest = event.time if self.newest is None else max(self.newest, event.time)
        reach = self.newest - plant.unit_retention
        self.forgotten_before = reach if self.forgotten_before is None else max(self.forgotten_before, reach)


@dataclass
class Result:
    """Rows in the order of the contract's files. Instants and durations are µs, flags a sorted tuple."""

    visits: list[Row] = field(default_factory=list)
    operations: list[Row] = field(default_factory=list)
    units: list[Row] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    outside_bounds: set[str] = field(default_factory=set)
    snapshots: list[tuple[int, str, list[Row]]] = field(default_factory=list)


def fold(
    models: Mapping[int, dict[str, Any]],
    log: Iterable[Mapping[str, Any]],
    bounded: bool = False,
    trace: bool = False,
) -> Result:
    """Fold the log, a sequence of canonical events and markers `{"model": version}` in log order.

    Unbounded, a unit is the pure function of the set of its events; `bounded`, with kept history and edge.
    `trace` adds to `snapshots` the unit's visit rows after each accepted event, as (index, unit_id, rows).
    """
    plants = {version: Plant(model) for version, model in models.items()}
    result = Result()
    memory, version = Memory(), 0
    for index, record in enumerate(log):
        if "model" in record:
            version = max(version, int(record["model"]))
            continue
        verdict, reason = _take(dict(record), plants, version, memory, bounded)
        unit_id = record.get("unit_id")
        result.verdicts.append(Verdict(index, unit_id, record.get("event_id"), verdict, reason))
        if trace and verdict == ACCEPTED:
            unit_log = memory.units[str(unit_id)]
            result.snapshots.append((index, str(unit_id), visit_rows(str(unit_id), unit_log.present())))
    _write_rows(result, memory.units, plants.get(version))
    return result


def _take(
    record: Row, plants: Mapping[int, Plant], version: int, memory: Memory, bounded: bool
) -> tuple[str, str | None]:
    try:
        event = admit(record, plants.get(version), version)
        unit_log = memory.units.setdefault(event.unit_id, UnitLog(plants, bounded))
        verdict = unit_log.take(event, memory.forgotten_before)
        if verdict == ACCEPTED:
            memory.accepted(event, plants[event.version])
        return verdict, None
    except Refused as refused:
        return "refused", str(refused)


def _write_rows(result: Result, units: Mapping[str, UnitLog], plant: Plant | None) -> None:
    present = {unit_id: units[unit_id].present() for unit_id in sorted(units, key=lambda name: name.encode())}
    for unit_id, unit in present.items():
        result.visits += visit_rows(unit_id, unit)
        if units[unit_id].has_event():
            row = _unit_row(unit_id, unit)
            result.units.append(row | {"accepted": units[unit_id].accepted, "edge": units[unit_id].edge})
        if not units[unit_id].within_bounds:
            result.outside_bounds.add(unit_id)
    result.operations = operation_counts(present.values(), plant)
    result.ledger = check(present, result.operations)


def visit_rows(unit_id: str, unit: Unit) -> list[Row]:
    """One row per visit, in order of opening."""
    return [_visit_row(unit_id, FIRST_VISIT_SEQ + n, visit) for n, visit in enumerate(unit.visits)]


def _visit_row(unit_id: str, visit_seq: int, visit: Visit) -> Row:
    is_open = visit.departed is None
    dwell = None if visit.departed is None else visit.departed - visit.arrived
    durations = {
        "dwell": dwell,
        "queue": visit.queue,
        "process": visit.process,
        "wait": visit.wait,
        "hold": visit.hold,
    }
    return {
        "unit_id": unit_id,
        "visit_seq": visit_seq,
        "operation_id": visit.operation_id,
        "arrived": visit.arrived,
        "started": visit.started,
        "finished": visit.finished,
        "departed": visit.departed,
        "outcome": visit.outcome,
        "flags": tuple(sorted(visit.flags)),
        "repeats": visit.repeats,
        "runs": visit.runs,
        **{name: None if is_open else value for name, value in durations.items()},
        "quantity": visit.quantity,
        "product_id": visit.product_id,
        "work_unit_id": visit.work_unit_id,
        "visit_id": visit.visit_id,
    }


def _unit_row(unit_id: str, unit: Unit) -> Row:
    open_visits = sorted(unit.open_visits(), key=lambda visit: visit.operation_id)
    return {
        "unit_id": unit_id,
        "status": unit.status,
        "operation_id": "|".join(visit.operation_id for visit in open_visits),
        "phase": "|".join(phase_shown(visit) for visit in open_visits),
        "visits": len(unit.visits),
        "strays": unit.strays,
        "quantity": unit.quantity,
    }
