"""Runs the product's fold on logs written for the reference program, and shows both results in one form."""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from schemas.plant import load_plant
from services.adapters.wire import EventMessage, decode_event
from services.core.equipment import PlantModel
from services.core.instant import parse_instant
from services.core.ledger import Counts, Ledger
from services.core.log import Fate, LogFold
from services.core.unit import FLAG_NAMES, ONE, Outcome, Phase, Status, Visit

Row = dict[str, Any]


def plant_models(models: Mapping[int, Row]) -> dict[int, PlantModel]:
    """Plant files as plain dicts → plant models, through the product's own linter."""
    return {version: _plant_model(json.dumps(model, ensure_ascii=False), version) for version, model in models.items()}


@lru_cache(maxsize=4096)
def _plant_model(text: str, version: int) -> PlantModel:
    return PlantModel.from_document(load_plant(text), version)


def event(record: Row) -> EventMessage:
    """A canonical event as the product decodes it."""
    return decode_event(msgspec.json.encode(record))


def run(models: Mapping[int, Row], log: Iterable[Row]) -> tuple[LogFold, list[tuple[str, str | None]]]:
    """Fold a log; the verdicts as (`accepted` | `duplicate` | `refused`, reason)."""
    fold = LogFold(plant_models(models))
    verdicts = []
    for record in log:
        if "model" in record:
            fold.marker(record["model"])
            continue
        recorded = record.get("recorded_time")
        fate = fold.take(event(record), str(record.get("source", "kafka")), recorded and parse_instant(recorded))
        verdicts.append(verdict(fate))
    return fold, verdicts


def verdict(fate: Fate) -> tuple[str, str | None]:
    """A fate as the reference program names it."""
    if fate.refusal is not None:
        return "refused", str(fate.refusal.reason)
    return ("duplicate" if fate.duplicate else "accepted"), None


def visit_row(unit_id: str, visit: Visit) -> Row:
    """A visit in the reference program's form."""
    closed = visit.departed is not None
    return {
        "unit_id": unit_id,
        "visit_seq": visit.seq,
        "visit_id": visit.visit_id,
        "operation_id": visit.operation,
        "arrived": visit.arrived,
        "started": visit.started,
        "finished": visit.finished,
        "departed": visit.departed,
        "outcome": Outcome(visit.outcome).name.lower(),
        "flags": tuple(name for bit, name in FLAG_NAMES if visit.flags & bit),
        "repeats": visit.repeats,
        "runs": visit.runs,
        "dwell": visit.dwell if closed else None,
        "queue": visit.queue if closed else None,
        "process": visit.process if closed else None,
        "wait": visit.wait if closed else None,
        "hold": visit.hold if closed else None,
        "quantity": Decimal(visit.quantity) / ONE,
        "product_id": visit.product,
        "work_unit_id": visit.work_unit,
    }


def visit_rows(fold: LogFold) -> list[Row]:
    """All visits, sorted as the contract's file."""
    rows = [visit_row(unit, visit) for unit, visits in fold.visits.items() for visit in visits.values()]
    return sorted(rows, key=lambda row: (row["unit_id"].encode(), row["visit_seq"]))


def unit_rows(fold: LogFold) -> list[Row]:
    """All units that have a row."""
    rows = []
    for unit_id, history in sorted(fold.histories.items(), key=lambda item: item[0].encode()):
        state = history.now
        if not state.events:
            continue
        stays = sorted(state.open, key=lambda visit: visit.operation)
        rows.append(
            {
                "unit_id": unit_id,
                "status": Status(state.status).name.lower(),
                "operation_id": "|".join(visit.operation for visit in stays),
                "phase": "|".join("held" if v.held else Phase(v.phase).name.lower() for v in stays),
                "visits": state.visits,
                "strays": state.strays,
                "quantity": Decimal(state.quantity) / ONE,
            }
        )
    return rows


def counts(books: Ledger) -> dict[str, Counts]:
    """Counts by operation ever visited."""
    return {name: operation.counts for name, operation in books.operations.items()}
