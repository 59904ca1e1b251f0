"""What may be written when: the buffering rules of the store, without a broker or a database.

    floor.scans  p ──► take_scan ───────────────┐
    floor.visits p ──► take_change ─ waits ──┐   ├──► cut(): rows + positions of one transaction
                       take_forwarded waits ─┤   │
                       take_mark ────────────┴───┘

A change of a unit is written once a mark covers it (offset <= mark) and the raw scans are stored up to that mark.
What a mark already covers is skipped: it is a repeat, of this worker or of one that lost the partition. What lies
beyond the mark is kept, and the position in floor.visits stays before the first record kept.

Frames of two workers may be cut differently. The newest revision per visit wins over all changes under a mark, and
a frame names every visit it touched, so the later frame always overwrites what the earlier one wrote.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.core.stored import Cut, Forwarded, FrameMark, Packed, Row, TableRow, UnitChange


@dataclass(slots=True)
class UnitLane:
    """One partition of floor.scans and floor.visits. Positions are the next offsets to read."""

    scans_next: int
    visits_next: int
    mark: int
    _scans: list[Row] = field(default_factory=list)
    _changes: dict[tuple[str, int], tuple[int, UnitChange]] = field(default_factory=dict)
    _forwarded: dict[int, int] = field(default_factory=dict)
    _marks: dict[int, int] = field(default_factory=dict)
    _moved: bool = False

    def take_scan(self, offset: int, row: Row) -> None:
        """A raw record of floor.scans."""
        if offset < self.scans_next:
            return
        self._scans.append(row)
        self.scans_next = offset + 1

    def take(self, at: int, record: UnitChange | Forwarded | FrameMark | None) -> None:
        """A record of floor.visits at offset `at`; None is one of an earlier life of the log: only passed."""
        if at < self.visits_next:
            return
        self.visits_next = at + 1
        self._moved = True
        if isinstance(record, UnitChange):
            key = record.unit_id, record.offset
            if record.offset > self.mark and not (key in self._changes and self._is_marked(record.offset)):
                self._changes[key] = (at, record)
        elif isinstance(record, Forwarded):
            for offset in record.offsets:
                if offset > self.mark and not (offset in self._forwarded and self._is_marked(offset)):
                    self._forwarded[offset] = at
        elif isinstance(record, FrameMark) and record.mark > self.mark:
            self._marks[record.mark] = at

    def _is_marked(self, offset: int) -> bool:
        """Does a mark that is kept cover it? Then a repeat must not stand for the first one: a restart from between
        the mark and the repeat would find the mark, and pass the repeat over as covered."""
        return any(mark >= offset for mark in self._marks)

    @property
    def waiting(self) -> int:
        """Changes kept until a mark allows to write them."""
        return len(self._changes)

    @property
    def waits_for_scans(self) -> bool:
        """A mark is here, but the raw scans up to it are not: reading more changes would not help."""
        return bool(self._marks) and min(self._marks) >= self.scans_next

    @property
    def ready_rows(self) -> int:
        """Rows a cut would write now, roughly; 0 when there is nothing to write, not even a position."""
        changes = len(self._changes) if self._reachable() > self.mark else 0
        return len(self._scans) + changes + int(self._moved)

    def _reachable(self) -> int:
        """The greatest mark that the raw scans read so far reach."""
        return max((mark for mark in self._marks if mark < self.scans_next), default=self.mark)

    def cut(self) -> Cut:
        """Take out what can be written now, in one transaction with the positions in it."""
        self.mark = mark = self._reachable()
        covered = [entry for (_, offset), entry in self._changes.items() if offset <= mark]
        cut = Cut(scans=self._scans, forwarded=sorted(o for o in self._forwarded if o <= mark), mark=mark)
        self._scans = []
        self._changes = {key: entry for key, entry in self._changes.items() if key[1] > mark}
        self._forwarded = {offset: at for offset, at in self._forwarded.items() if offset > mark}
        self._marks = {m: at for m, at in self._marks.items() if m > mark}
        self._moved = False
        newest_rows(covered, cut)
        cut.scans_position = self.scans_next
        cut.visits_position = self._first_needed()
        return cut

    def _first_needed(self) -> int:
        kept = [at for at, _ in self._changes.values()]
        return min([*kept, *self._forwarded.values(), *self._marks.values()], default=self.visits_next)


def newest_rows(changes: Iterable[tuple[int, UnitChange]], cut: Cut) -> None:
    """Put into the cut, of each unit and each visit, what the highest revision says of it.

    Sorted by key, so that two transactions never wait for each other crosswise.
    """
    units: dict[str, UnitChange] = {}
    visits: dict[str, dict[int, tuple[int, Packed | None]]] = {}
    for _, change in changes:
        unit_id, accepted = change.unit_id, change.accepted
        newest = units.get(unit_id)
        if newest is None or accepted >= newest.accepted:
            units[unit_id] = change
        mine = visits.setdefault(unit_id, {})
        said: Sequence[tuple[int, Packed | None]] = change.visits
        if change.deleted:
            said = [*said, *((seq, None) for seq in change.deleted)]
        for seq, row in said:
            known = mine.get(seq)
            if known is None or accepted >= known[0]:
                mine[seq] = accepted, row
    for unit_id in sorted(units):
        cut.units.append(units[unit_id].unit)
        for seq, (accepted, row) in sorted(visits[unit_id].items()):
            if row is None:
                cut.vanished.append((unit_id, seq, accepted))
            else:
                cut.visits.append(row)


@dataclass(slots=True)
class RowLane:
    """One partition of a topic whose records become rows one by one, each of a table that its record names."""

    next: int
    _rows: list[TableRow] = field(default_factory=list)
    _moved: bool = False

    def take(self, offset: int, row: TableRow | None) -> None:
        """A record; `row` None is one that is not kept, only passed."""
        if offset < self.next:
            return
        self.next = offset + 1
        self._moved = True
        if row is not None:
            self._rows.append(row)

    @property
    def ready_rows(self) -> int:
        """Rows a cut would write now; 0 when there is nothing to write, not even a position."""
        return max(len(self._rows), int(self._moved))

    def cut(self) -> tuple[list[TableRow], int]:
        """Take out the rows, and the position after them."""
        rows, self._rows, self._moved = self._rows, [], False
        return rows, self.next
