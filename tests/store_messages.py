"""Builders of what the store reads: changes of units, marks, raw scans, as the other stages write them."""

import json
from typing import Any

from services.topology import MARK_KEY

T0 = 1_795_500_000_000_000
"""An instant in November 2026, µs."""


def visit(seq: int, **changes: Any) -> dict[str, Any]:
    """An open visit in floor.visits."""
    return {
        "visit_seq": seq, "visit_id": f"e{seq}", "operation_id": "A", "work_unit_id": None, "product_id": None,
        "arrived_us": T0 + seq, "started_us": None, "finished_us": None, "departed_us": None, "outcome": "open",
        "flags": [], "repeats": 0, "runs": 0, "dwell_us": None, "queue_us": None, "process_us": None,
        "wait_us": None, "hold_us": None, "quantity": "1", "position": None, "phase": "queued", "held": False,
        "model": 1, **changes,
    }  # fmt: skip


def change(
    unit_id: str,
    accepted: int,
    offset: int,
    rows: list[dict[str, Any]] | None = None,
    *,
    deleted: list[int] | None = None,
    partition: int = 0,
    generation: int = 1,
    **unit: Any,
) -> dict[str, Any]:
    """A UnitChanged: the unit after `accepted` events, published by the frame that ends at `offset`."""
    state = {
        "status": "in_process", "operation_id": "A", "phase": "queued", "visits": 1, "strays": 0, "quantity": "1",
        "product_id": None, "events": accepted, **unit,
    }  # fmt: skip
    return {
        "generation": generation, "accepted": accepted, "partition": partition, "offset": offset,
        "unit_id": unit_id, "unit": state, "visits": rows if rows is not None else [visit(1)],
        "deleted": deleted or [],
    }  # fmt: skip


def mark(at: int, *, partition: int = 0, generation: int = 1) -> dict[str, Any]:
    """A FrameMark."""
    return {"generation": generation, "partition": partition, "mark": at, "epoch": 0}


def forwarded(offsets: list[int], *, partition: int = 0, generation: int = 1) -> dict[str, Any]:
    """The list of scans that were sent on to their own partition."""
    return {"generation": generation, "partition": partition, "offset": offsets[-1], "forwarded": offsets}


def key_of(message: dict[str, Any]) -> bytes | None:
    """The key a message of floor.visits has."""
    if "mark" in message:
        return MARK_KEY
    return message["unit_id"].encode() if "unit_id" in message else None


def encoded(message: dict[str, Any]) -> bytes:
    """A message as JSON bytes."""
    return json.dumps(message, ensure_ascii=False).encode()


def scan(unit_id: str, event_id: str, **fields: Any) -> bytes:
    """A canonical event as a straight producer writes it."""
    event = {"event_id": event_id, "event_time": "2026-11-23T06:00:00Z", "unit_id": unit_id, "read_point_id": "A-IN"}
    return encoded({**event, **fields})
