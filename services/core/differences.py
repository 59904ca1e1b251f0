"""Where rows differ from what the log says they must be: one line per row, the first few kept, all counted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from services.core.files import UnitLine, VisitLine
from services.core.history import History
from services.core.instant import format_instant
from services.core.rows import unit_line, visit_line
from services.core.unit import Phase, Visit

Coordinates = tuple[int, int]
"""Partition and offset in floor.scans."""

MOST_NAMED = 20

_PHASES = tuple(phase.name.lower() for phase in Phase)
_DURATIONS = ("dwell", "queue", "process", "wait", "hold")
_INSTANTS = ("arrived", "started", "finished", "departed")


class StoredVisit(NamedTuple):
    """A row of visits: what the files show of it, and the rest that must be so by the log."""

    line: VisitLine
    phase: str
    held: bool
    model: int


class StoredUnit(NamedTuple):
    """A row of units. `events` counts those neither void nor voided, `revision` all accepted ones."""

    line: UnitLine
    events: int
    revision: int


@dataclass(slots=True)
class Differences:
    """The first differing rows by name, and how many there are."""

    named: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, text: str) -> None:
        """Note a difference."""
        self.count += 1
        if self.count <= MOST_NAMED:
            self.named.append(text)

    def lines(self) -> Iterator[str]:
        """One line per difference named, and one for the rest."""
        yield from self.named
        if self.count > len(self.named):
            yield f"… and {self.count - len(self.named)} more"


@dataclass(slots=True)
class VisitRows:
    """Compares stored visits, in any order, with those of a fold; the fold's are used up."""

    expected: dict[str, dict[int, Visit]]
    differences: Differences
    seen: int = 0

    def take(self, stored: StoredVisit) -> None:
        """Compare one row."""
        self.seen += 1
        unit_id, seq = stored.line.unit_id, stored.line.visit_seq
        visit = self.expected.get(unit_id, {}).pop(seq, None)
        name = f"visits {unit_id!r} visit {seq}"
        if visit is None:
            self.differences.add(f"{name}: is stored, but by the log there is no such visit")
            return
        expected = StoredVisit(visit_line(unit_id, visit), _PHASES[visit.phase], visit.held, visit.model)
        if stored != expected:
            self.differences.add(f"{name}: {_said(stored, expected)}")

    def end(self) -> None:
        """All rows have been taken: what is left of the fold's is missing."""
        for unit_id, visits in self.expected.items():
            for seq in sorted(visits):
                self.differences.add(f"visits {unit_id!r} visit {seq}: is missing")


@dataclass(slots=True)
class UnitRows:
    """Compares stored units, in any order, with those of a fold; the fold's are used up."""

    expected: dict[str, History]
    differences: Differences
    seen: int = 0

    def take(self, stored: StoredUnit) -> None:
        """Compare one row."""
        self.seen += 1
        unit_id = stored.line.unit_id
        history = self.expected.pop(unit_id, None)
        line = unit_line(unit_id, history) if history is not None else None
        if history is None or line is None:
            self.differences.add(f"units {unit_id!r}: is stored, but by the log there is no such unit")
            return
        expected = StoredUnit(line, history.now.events, history.accepted)
        if stored != expected:
            self.differences.add(f"units {unit_id!r}: {_said(stored, expected)}")

    def end(self) -> None:
        """All rows have been taken: what is left of the fold's is missing, if it should have a row."""
        for unit_id, history in self.expected.items():
            if history.now.events:
                self.differences.add(f"units {unit_id!r}: is missing")


def _said(stored: StoredVisit | StoredUnit, expected: StoredVisit | StoredUnit) -> str:
    parts = [
        f"{name} is {_shown(name, was)}, by the log {_shown(name, should)}"
        for (name, was), (_, should) in zip(_named(stored), _named(expected), strict=True)
        if was != should
    ]
    return "; ".join(parts)


def _named(row: StoredVisit | StoredUnit) -> Iterator[tuple[str, object]]:
    yield from row.line._asdict().items()
    yield from zip(row._fields[1:], row[1:], strict=True)


def _shown(name: str, value: object) -> str:
    if value is None:
        return "empty"
    if name in _INSTANTS and isinstance(value, int):
        return format_instant(value)
    if name in _DURATIONS:
        return f"{value} µs"
    if name == "quantity":
        return f"{Decimal(str(value)).scaleb(-6).normalize():f}"
    return repr(value)


@dataclass(slots=True)
class Refusals:
    """Compares the refused records with those stored as refused, by first coordinates and reason.

    A record refused where it was forwarded to is stored under its first coordinates: it is looked for among all
    partitions, and one whose copy has not been judged yet may be stored or not.
    """

    expected: dict[Coordinates, set[str]]
    marks: Mapping[int, int]
    sent_on: Mapping[int, set[int]]
    judged: set[Coordinates]
    differences: Differences
    found: set[Coordinates] = field(default_factory=set)

    def take(self, where: Coordinates, reason: str) -> None:
        """Compare one stored refusal."""
        reasons = self.expected.get(where)
        if reasons is None:
            if self._is_final(where):
                self.differences.add(f"{refusal_name(where)}: is stored as {reason}, but by the log it was not refused")
            return
        self.found.add(where)
        if reason not in reasons:
            said = " or ".join(sorted(reasons))
            self.differences.add(f"{refusal_name(where)}: is stored as {reason}, by the log it is {said}")

    def missing(self) -> Sequence[Coordinates]:
        """Refused by the log and not stored."""
        return sorted(self.expected.keys() - self.found)

    def _is_final(self, where: Coordinates) -> bool:
        partition, offset = where
        if offset > self.marks.get(partition, -1):
            return False
        return offset not in self.sent_on.get(partition, ()) or where in self.judged


def refusal_name(where: Coordinates) -> str:
    """How a refused record is named."""
    return f"rejects {where[0]}:{where[1]}"
