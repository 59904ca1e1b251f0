"""The contract's rows out of a folded log: the same lines that `export` reads from the database."""

from collections.abc import Iterable, Iterator, Sequence

from services.core.files import (
    OperationLine,
    UnitLine,
    VisitLine,
    operation_key,
    operations_csv,
    unit_key,
    units_csv,
    visit_key,
    visits_csv,
    with_all_operations,
)
from services.core.history import History
from services.core.ledger import Ledger
from services.core.log import LogFold
from services.core.unit import Outcome, Phase, Status, Visit, flag_names
from services.core.working_dwell import working_dwell

_OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)
_PHASES = tuple(phase.name.lower() for phase in Phase)
_STATUSES = tuple(status.name.lower() for status in Status)


def visit_line(unit_id: str, visit: Visit) -> VisitLine:
    """A visit as a line of visits.csv."""
    closed = visit.departed is not None
    dwell, queue, process, wait, hold = (
        (visit.dwell, visit.queue, visit.process, visit.wait, visit.hold) if closed else (None,) * 5
    )
    return VisitLine(
        unit_id, visit.seq, visit.operation, visit.arrived, visit.started, visit.finished, visit.departed,
        _OUTCOMES[visit.outcome], flag_names(visit.flags), visit.repeats, visit.runs,
        dwell, queue, process, wait, hold,
        visit.visit_id, visit.work_unit, visit.product, visit.quantity, visit.position,
    )  # fmt: skip


def unit_line(unit_id: str, history: History) -> UnitLine | None:
    """A unit as a line of units.csv; None where all its events are voids or voided."""
    state = history.now
    if not state.events:
        return None
    stays = sorted(state.open, key=lambda visit: visit.operation.encode())
    return UnitLine(
        unit_id, _STATUSES[state.status],
        "|".join(visit.operation for visit in stays),
        "|".join("held" if visit.held else _PHASES[visit.phase] for visit in stays),
        state.visits, state.strays, state.quantity, history.product,
    )  # fmt: skip


def visit_lines(folds: Iterable[LogFold]) -> list[VisitLine]:
    """All visits of all partitions, in the order of the file."""
    lines = (
        visit_line(unit_id, v)._replace(
            working_dwell=working_dwell(fold.models[v.model], v.operation, v.arrived, v.departed)
        )
        for fold in folds
        for unit_id, visits in fold.visits.items()
        for v in visits.values()
    )
    return sorted(lines, key=visit_key)


def unit_lines(folds: Iterable[LogFold]) -> list[UnitLine]:
    """All units of all partitions, in the order of the file."""
    lines = (unit_line(unit, history) for fold in folds for unit, history in fold.histories.items())
    return sorted((line for line in lines if line is not None), key=unit_key)


def operation_lines(folds: Iterable[LogFold], operations: Sequence[str]) -> list[OperationLine]:
    """Counts of every operation, zeros included, in the order of the file."""
    counted: dict[str, list[int]] = {}
    for fold in folds:
        for name, books in books_of(fold).operations.items():
            c = books.counts
            numbers = (
                c.wip, c.queued, c.running, c.finished, c.held, c.arrivals, c.departures, c.completed, c.scrapped,
                c.rework, c.quantity,
            )  # fmt: skip
            counted[name] = [a + b for a, b in zip(counted.get(name, [0] * len(numbers)), numbers, strict=True)]
    lines = [OperationLine(name, *numbers) for name, numbers in counted.items() if any(numbers)]
    return sorted(with_all_operations(lines, operations), key=operation_key)


def books_of(fold: LogFold) -> Ledger:
    """The ledger of a whole fold, checked."""
    books = Ledger(fold.models)
    books.advance(max((history.newest for history in fold.histories.values()), default=0))
    for unit_id, history in fold.histories.items():
        books.enter(unit_id, fold.visits.get(unit_id, {}).values(), history.now)
    books.check()
    return books


def files(folds: Sequence[LogFold], operations: Sequence[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The three files by name, as chunks of bytes."""
    yield "visits.csv", visits_csv(visit_lines(folds))
    yield "operations.csv", operations_csv(operation_lines(folds, operations))
    yield "units.csv", units_csv(unit_lines(folds))
