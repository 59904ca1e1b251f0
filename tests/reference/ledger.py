"""Operation counts of the present truth, and the ledger that must balance whatever the log says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .bounded import phase_shown
from .plant import Plant
from .unit import COMPLETED, IN_PROCESS, IN_TRANSIT, SCRAPPED, Unit

Row = dict[str, Any]
COUNTS = ("wip", "queued", "running", "finished", "held",
          "arrivals", "departures", "completed", "scrapped", "rework")  # fmt: skip


@dataclass
class Ledger:
    """In units: entered - completed - scrapped = in_process + in_transit. `wip` counts open visits."""

    entered: int = 0
    completed: int = 0
    scrapped: int = 0
    in_process: int = 0
    in_transit: int = 0
    wip: int = 0
    most_open_visits_of_a_unit: int = 0


class Imbalance(AssertionError):
    """The ledger does not balance: the fold is wrong, never the floor."""


def operation_counts(units: Iterable[Unit], plant: Plant | None) -> list[Row]:
    """One row per operation of the plant model in force, and of any other that was ever visited."""
    folded = list(units)
    names = set(plant.operations if plant else ()) | {v.operation_id for unit in folded for v in unit.visits}
    rows: dict[str, Row] = {}
    for name in sorted(names, key=lambda text: text.encode()):
        rows[name] = {"operation_id": name, **dict.fromkeys(COUNTS, 0), "quantity": Decimal(0)}
    for unit in folded:
        for visit in unit.visits:
            row = rows[visit.operation_id]
            row["arrivals"] += 1
            row["rework"] += "rework" in visit.flags
            if visit.departed is None:
                row["wip"] += 1
                row[phase_shown(visit)] += 1
                row["quantity"] += unit.quantity
            else:
                row["departures"] += 1
                if visit.outcome in (COMPLETED, SCRAPPED):
                    row[visit.outcome] += 1
    return list(rows.values())


def check(units: Mapping[str, Unit], operations: Iterable[Row]) -> Ledger:
    """The plant's ledger; raises Imbalance where any of the contract's equations fails."""
    ledger = Ledger()
    for row in operations:
        if row["arrivals"] - row["departures"] != row["wip"]:
            raise Imbalance(f"arrivals - departures is not wip: {row}")
        if row["queued"] + row["running"] + row["finished"] + row["held"] != row["wip"]:
            raise Imbalance(f"the phases do not add up to wip: {row}")
        ledger.wip += row["wip"]
    for unit_id, unit in units.items():
        _check_unit(unit_id, unit)
        ledger.entered += unit.entered
        ledger.completed += unit.times_completed
        ledger.scrapped += unit.times_scrapped
        ledger.in_process += unit.status == IN_PROCESS
        ledger.in_transit += unit.status == IN_TRANSIT
        ledger.most_open_visits_of_a_unit = max(ledger.most_open_visits_of_a_unit, len(unit.open_visits()))
    inside = ledger.in_process + ledger.in_transit
    if ledger.entered - ledger.completed - ledger.scrapped != inside:
        raise Imbalance(f"entered - completed - scrapped is not in process + in transit: {ledger}")
    if ledger.most_open_visits_of_a_unit <= 1 and ledger.wip + ledger.in_transit != inside:
        raise Imbalance(f"every unit at one place, yet wip + in transit is not what is inside: {ledger}")
    return ledger


def _check_unit(unit_id: str, unit: Unit) -> None:
    entered = bool(unit.visits) + sum("reopened" in visit.flags for visit in unit.visits)
    if entered != unit.entered:
        raise Imbalance(f"{unit_id}: first visit and reopenings are {entered}, counted {unit.entered}")
    if (unit.status == IN_PROCESS) != bool(unit.open_visits()):
        raise Imbalance(f"{unit_id}: {unit.status} with {len(unit.open_visits())} open visits")
    for visit in unit.visits:
        if visit.departed is not None:
            parts = visit.queue + visit.process + visit.wait + visit.hold
            if visit.departed - visit.arrived != parts:
                raise Imbalance(f"{unit_id} at {visit.operation_id}: dwell is not queue + process + wait + hold")
