"""The contract's three files, as bytes: visits.csv, operations.csv, units.csv."""

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any

from .fold import Result
from .instant import text
from .ledger import COUNTS

Row = dict[str, Any]
Write = Callable[[Any], str]


def seconds(microseconds: int) -> str:
    """Seconds with six decimals."""
    whole, rest = divmod(microseconds, 1_000_000)
    return f"{whole}.{rest:06d}"


INSTANTS: dict[str, tuple[str, Write]] = {name: (name, text) for name in ("arrived", "started", "finished", "departed")}
DURATIONS: dict[str, tuple[str, Write]] = {
    f"{name}_s": (name, seconds) for name in ("dwell", "queue", "process", "wait", "hold")
}
VISITS: dict[str, tuple[str, Write]] = {
    "unit_id": ("unit_id", str),
    "visit_seq": ("visit_seq", str),
    "operation_id": ("operation_id", str),
    **INSTANTS,
    "outcome": ("outcome", str),
    "flags": ("flags", "|".join),
    "repeats": ("repeats", str),
    "runs": ("runs", str),
    **DURATIONS,
}
OPERATIONS: dict[str, tuple[str, Write]] = {name: (name, str) for name in ("operation_id", *COUNTS)}
UNITS: dict[str, tuple[str, Write]] = {
    name: (name, str) for name in ("unit_id", "status", "operation_id", "phase", "visits", "strays")
}


def files(result: Result) -> dict[str, bytes]:
    """File name → content."""
    return {
        "visits.csv": _csv(VISITS, sorted(result.visits, key=lambda r: (r["unit_id"].encode(), r["visit_seq"]))),
        "operations.csv": _csv(OPERATIONS, sorted(result.operations, key=lambda r: str(r["operation_id"]).encode())),
        "units.csv": _csv(UNITS, sorted(result.units, key=lambda r: str(r["unit_id"]).encode())),
    }


def _csv(columns: dict[str, tuple[str, Write]], rows: Iterable[Row]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(["" if row[key] is None else write(row[key]) for key, write in columns.values()])
    return out.getvalue().encode()
