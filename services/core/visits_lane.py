"""What of one partition of floor.visits may be told to a subscriber, and where its reader goes on afterwards.

    change of a unit ─► kept ─► an end-of-frame mark covers it ─► told, each visit in its newest revision
                                                              └─► the position moves behind it

As the store reads the topic: what a mark that came before already covers is a repeat and is passed over, what lies
beyond the mark is kept, and the position stays before the first record that is kept. What is told is cut by the marks
alone, so it is one sequence: a unit's revisions never fall in it, whatever workers wrote twice, and a restart from a
place goes on in the middle of the same sequence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from services.core.stored import FrameMark

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VisitsChanged:
    """A unit after a frame. `offset`: of its last event in floor.scans; `accepted`: its revision."""

    offset: int
    unit_id: str
    accepted: int
    visits: tuple[tuple[int, Row], ...]
    deleted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VisitTold:
    """One visit in one revision; `row` None: it has vanished."""

    unit_id: str
    visit_seq: int
    accepted: int
    row: Row | None


@dataclass(frozen=True, slots=True)
class Place:
    """The next record to read, and the offset in floor.scans up to which everything before it has been told."""

    position: int
    mark: int


class VisitsLane:
    """One partition, read in order from a place on."""

    def __init__(self, place: Place) -> None:
        self._next = place.position
        self._mark = place.mark
        self._kept: list[tuple[int, VisitsChanged]] = []
        self._ready: list[VisitTold] = []

    @property
    def place(self) -> Place:
        """From where another reader goes on, once all that was cut has been told."""
        return Place(min((at for at, _ in self._kept), default=self._next), self._mark)

    def take(self, at: int, record: VisitsChanged | FrameMark | None) -> None:
        """The record at offset `at`; None is one that tells nothing of visits."""
        if at < self._next:
            return
        self._next = at + 1
        if isinstance(record, FrameMark):
            if record.mark > self._mark:
                self._mark = record.mark
                self._close()
        elif record is not None and record.offset > self._mark:
            self._kept.append((at, record))

    def cut(self) -> list[VisitTold]:
        """What may be told now, a unit's visits in the order of their revisions."""
        ready, self._ready = self._ready, []
        return ready

    def _close(self) -> None:
        """Everything under the mark is there: of each visit its newest revision is told."""
        ready = [change for _, change in self._kept if change.offset <= self._mark]
        self._kept = [(at, change) for at, change in self._kept if change.offset > self._mark]
        newest: dict[tuple[str, int], VisitTold] = {}
        for told in _each(sorted(ready, key=lambda change: change.offset)):
            key = told.unit_id, told.visit_seq
            if key not in newest or newest[key].accepted < told.accepted:
                newest.pop(key, None)
                newest[key] = told
        self._ready += newest.values()


def _each(changes: Iterable[VisitsChanged]) -> Iterable[VisitTold]:
    for change in changes:
        for seq, row in change.visits:
            yield VisitTold(change.unit_id, seq, change.accepted, row)
        for seq in change.deleted:
            yield VisitTold(change.unit_id, seq, change.accepted, None)
