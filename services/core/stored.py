"""What the store reads from floor.visits: changes of units, scans that went elsewhere, and end-of-frame marks.

A row is in the column order of its table: a tuple of its values, or packed as COPY's binary format has it. The rules of
the store look only at keys, offsets and revisions.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

Row = tuple[object, ...]
TableRow = tuple[str, Row]
"""The table, and a row of it."""
Packed = bytes


class UnitChange(NamedTuple):
    """A unit after its last event of a frame. `offset` is that event's in floor.scans, `accepted` the revision.

    `visits` holds (visit_seq, row) of every visit the frame touched, `deleted` the visit_seq that vanished.
    """

    offset: int
    unit_id: str
    accepted: int
    unit: Packed
    visits: list[tuple[int, Packed]]
    deleted: list[int]


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Offsets in floor.scans of records that were written again into their own partition."""

    offsets: list[int]


@dataclass(frozen=True, slots=True)
class FrameMark:
    """Every effect of source offsets up to and including `mark` stands before this record."""

    mark: int


@dataclass(slots=True)
class Cut:
    """What one flush writes of one partition; positions are the next records to read after it."""

    scans: list[Row] = field(default_factory=list)
    units: list[Packed] = field(default_factory=list)
    visits: list[Packed] = field(default_factory=list)
    vanished: list[tuple[str, int, int]] = field(default_factory=list)
    forwarded: list[int] = field(default_factory=list)
    scans_position: int = 0
    visits_position: int = 0
    mark: int = -1
