"""The files of the contract, row by row: visits.csv, operations.csv and units.csv as lines of bytes.

Instants are µs since the epoch in UTC, durations µs, quantities millionths; all text is made with integers, so the
same rows give the same bytes everywhere. Rows come sorted by UTF-8 bytes of their keys (`*_key`), visit_seq as a
number.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from services.core.instant import format_instant

VISIT_COLUMNS = (
    "unit_id", "visit_seq", "operation_id", "arrived", "started", "finished", "departed", "outcome", "flags",
    "repeats", "runs", "dwell_s", "queue_s", "process_s", "wait_s", "hold_s",
    "visit_id", "work_unit_id", "product_id", "quantity", "position", "working_dwell_s",
)  # fmt: skip
OPERATION_COLUMNS = (
    "operation_id", "wip", "queued", "running", "finished", "held", "arrivals", "departures", "completed", "scrapped",
    "rework", "quantity",
)  # fmt: skip
UNIT_COLUMNS = ("unit_id", "status", "operation_id", "phase", "visits", "strays", "quantity", "product_id")


class VisitLine(NamedTuple):
    """A visit; an open one has no departed and no durations. `working_dwell`: see core.working_dwell."""

    unit_id: str
    visit_seq: int
    operation_id: str
    arrived: int
    started: int | None
    finished: int | None
    departed: int | None
    outcome: str
    flags: Sequence[str]
    repeats: int
    runs: int
    dwell: int | None
    queue: int | None
    process: int | None
    wait: int | None
    hold: int | None
    visit_id: str
    work_unit_id: str | None
    product_id: str | None
    quantity: int
    position: int | None
    working_dwell: int | None = None


class OperationLine(NamedTuple):
    """Counts of the present truth of one operation; `quantity` is what its open visits hold."""

    operation_id: str
    wip: int = 0
    queued: int = 0
    running: int = 0
    finished: int = 0
    held: int = 0
    arrivals: int = 0
    departures: int = 0
    completed: int = 0
    scrapped: int = 0
    rework: int = 0
    quantity: int = 0


class UnitLine(NamedTuple):
    """A unit; several open visits are joined by `|` in operation_id and phase."""

    unit_id: str
    status: str
    operation_id: str
    phase: str
    visits: int
    strays: int
    quantity: int
    product_id: str | None


def visit_key(line: VisitLine) -> tuple[bytes, int]:
    """By which visits are sorted."""
    return line.unit_id.encode(), line.visit_seq


def operation_key(line: OperationLine) -> bytes:
    """By which operations are sorted."""
    return line.operation_id.encode()


def unit_key(line: UnitLine) -> bytes:
    """By which units are sorted."""
    return line.unit_id.encode()


def visits_csv(lines: Iterable[VisitLine]) -> Iterator[bytes]:
    """visits.csv, header first, from sorted lines."""
    yield _line(VISIT_COLUMNS)
    for line in lines:
        yield visit_bytes(line)


def operations_csv(lines: Iterable[OperationLine]) -> Iterator[bytes]:
    """operations.csv, header first, from sorted lines."""
    yield _line(OPERATION_COLUMNS)
    for line in lines:
        yield _line((*line[:-1], quantity_text(line.quantity)))


def units_csv(lines: Iterable[UnitLine]) -> Iterator[bytes]:
    """units.csv, header first, from sorted lines."""
    yield _line(UNIT_COLUMNS)
    for line in lines:
        yield unit_bytes(line)


def visit_bytes(line: VisitLine) -> bytes:
    """One line of visits.csv."""
    return _line((
        *line[:3], _instant(line.arrived), _instant(line.started), _instant(line.finished), _instant(line.departed),
        line.outcome, "|".join(sorted(line.flags)), line.repeats, line.runs,
        *map(seconds_text, line[11:16]), *line[16:19], quantity_text(line.quantity), line.position,
        seconds_text(line.working_dwell),
    ))  # fmt: skip


def unit_bytes(line: UnitLine) -> bytes:
    """One line of units.csv."""
    return _line((*line[:6], quantity_text(line.quantity), line.product_id))


def with_all_operations(counted: Iterable[OperationLine], operations: Iterable[str]) -> list[OperationLine]:
    """Every operation of the plant model, zeros included, and any other that was ever visited; sorted."""
    lines = {operation: OperationLine(operation) for operation in operations}
    lines.update((line.operation_id, line) for line in counted)
    return sorted(lines.values(), key=operation_key)


def visit_values(line: VisitLine) -> tuple[object, ...]:
    """The columns of visits.csv as values: instants and durations µs, the quantity in millionths."""
    return (*line[:8], "|".join(sorted(line.flags)), *line[9:])


def seconds_text(us: int | None) -> str:
    """A duration in seconds with six decimals; empty where it is not known."""
    if us is None:
        return ""
    whole, rest = divmod(us, 1_000_000)
    return f"{whole}.{rest:06d}"


def quantity_text(millionths: int) -> str:
    """A quantity as a plain decimal without trailing zeros: 1500000 → `1.5`."""
    whole, rest = divmod(abs(millionths), 1_000_000)
    sign = "-" if millionths < 0 else ""
    return f"{sign}{whole}.{rest:06d}".rstrip("0") if rest else f"{sign}{whole}"


def _instant(us: int | None) -> str:
    return "" if us is None else format_instant(us)


def _line(values: Sequence[object]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue().encode()
