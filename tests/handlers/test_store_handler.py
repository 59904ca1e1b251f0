"""The store's buffering rules: what is written when, and that any mix of repeated frames ends with the newest rows."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.stored import Cut, Forwarded, FrameMark, Row, UnitChange
from services.store.handler import RowLane, UnitLane
from tests.store_frames import Events, Said, published


def lane(scans: int = 0, visits: int = 0, mark: int = -1) -> UnitLane:
    return UnitLane(scans, visits, mark)


def with_scans(count: int, **at: int) -> UnitLane:
    made = lane(**at)
    for offset in range(count):
        made.take_scan(offset, (offset,))
    return made


def changed(unit: str, accepted: int, offset: int, visits: dict[int, str], *deleted: int) -> UnitChange:
    rows: list[tuple[int, Row]] = [(seq, (unit, seq, accepted, text)) for seq, text in visits.items()]
    return UnitChange(offset, unit, accepted, (unit, accepted), rows, list(deleted))


def test_a_change_waits_for_its_mark() -> None:
    units = with_scans(3)
    units.take(0, changed("U", 1, 2, {1: "a"}))
    cut = units.cut()
    assert (cut.visits, cut.visits_position, cut.mark) == ([], 0, -1)


def test_a_marked_change_is_written_with_the_position_after_the_mark() -> None:
    units = with_scans(3)
    units.take(0, changed("U", 1, 2, {1: "a"}))
    units.take(1, FrameMark(2))
    cut = units.cut()
    assert (cut.units, cut.visits, cut.visits_position, cut.mark) == ([("U", 1)], [("U", 1, 1, "a")], 2, 2)


def test_a_mark_waits_for_the_raw_scans_up_to_it() -> None:
    units = with_scans(2)
    units.take(0, changed("U", 1, 2, {1: "a"}))
    units.take(1, FrameMark(2))
    assert units.cut().mark == -1
    units.take_scan(2, (2,))
    assert units.cut().mark == 2


def test_reading_more_changes_is_no_use_while_a_mark_waits_for_scans() -> None:
    units = lane()
    assert not units.waits_for_scans
    units.take(0, FrameMark(0))
    assert units.waits_for_scans
    units.take_scan(0, (0,))
    assert not units.waits_for_scans


def test_what_the_mark_covers_is_skipped() -> None:
    units = with_scans(5, mark=4)
    units.take(0, changed("U", 9, 4, {1: "old"}))
    units.take(1, Forwarded([3]))
    units.take(2, FrameMark(4))
    cut = units.cut()
    assert (cut.units, cut.visits, cut.forwarded, cut.visits_position, cut.mark) == ([], [], [], 3, 4)


def test_a_change_beyond_the_mark_holds_the_position_back() -> None:
    units = with_scans(9)
    units.take(0, changed("U", 1, 2, {1: "a"}))
    units.take(1, changed("V", 1, 7, {1: "b"}))
    units.take(2, FrameMark(2))
    cut = units.cut()
    assert (cut.units, cut.visits_position) == ([("U", 1)], 1)


def test_a_mark_that_waits_is_read_again_after_a_restart() -> None:
    units = with_scans(2)
    units.take(0, FrameMark(1))
    units.take(1, FrameMark(5))
    assert units.cut().visits_position == 1


def test_the_highest_revision_of_each_visit_is_written_once() -> None:
    units = with_scans(9)
    units.take(0, changed("U", 2, 3, {1: "closed", 2: "open"}))
    units.take(1, FrameMark(3))
    units.take(2, changed("U", 3, 5, {2: "closed"}))
    units.take(3, FrameMark(5))
    cut = units.cut()
    assert cut.units == [("U", 3)]
    assert cut.visits == [("U", 1, 2, "closed"), ("U", 2, 3, "closed")]


def test_a_vanished_visit_is_not_written_from_an_older_change() -> None:
    units = with_scans(9)
    units.take(0, changed("U", 2, 3, {2: "open"}))
    units.take(1, changed("U", 3, 5, {}, 2))
    units.take(2, FrameMark(5))
    cut = units.cut()
    assert (cut.visits, cut.vanished) == ([], [("U", 2, 3)])


def test_forwarded_scans_are_flagged_under_their_mark() -> None:
    units = with_scans(9)
    units.take(0, Forwarded([1, 6]))
    units.take(1, FrameMark(3))
    cut = units.cut()
    assert (cut.forwarded, cut.visits_position) == ([1], 0)


def test_a_record_delivered_again_is_taken_once() -> None:
    units = with_scans(2)
    units.take_scan(1, ("again",))
    assert units.cut().scans == [(0,), (1,)]


def test_records_of_an_earlier_life_only_move_the_position() -> None:
    units = lane()
    units.take(0, None)
    assert units.ready_rows
    assert units.cut().visits_position == 1
    assert not units.ready_rows


def test_repeats_of_a_frame_without_its_mark_do_not_grow() -> None:
    units = with_scans(5)
    for at in range(100):
        units.take(at, changed("U", 1, 4, {1: "a"}))
    assert units.waiting == 1
    assert units.cut().visits_position == 99


def test_a_repeat_behind_its_mark_does_not_move_the_position_past_what_the_mark_covers() -> None:
    units = with_scans(3)
    log = [changed("U", 1, 4, {1: "a"}), FrameMark(4), changed("U", 1, 4, {1: "a"})]
    for at, record in enumerate(log):
        units.take(at, record)
    position = units.cut().visits_position
    again = lane(scans=3, visits=position)
    for offset in (3, 4):
        again.take_scan(offset, (offset,))
    written = []
    for at in range(position, len(log)):
        again.take(at, log[at])
        written += again.cut().visits
    assert written == [("U", 1, 1, "a")]


def test_rows_one_by_one_leave_with_the_position_after_them() -> None:
    rows = RowLane(5)
    rows.take(4, ("table", ("before",)))
    rows.take(5, ("table", ("a",)))
    rows.take(6, None)
    assert rows.cut() == ([("table", ("a",))], 7)
    assert not rows.ready_rows


class Table:
    """The database as the sink's statements leave it: greater revisions win."""

    def __init__(self) -> None:
        self.units: dict[str, int] = {}
        self.visits: dict[tuple[str, int], tuple[int, str | None]] = {}

    def write(self, cut: Cut) -> None:
        for unit, accepted in cut.units:  # type: ignore[misc]
            self.units[unit] = max(accepted, self.units.get(unit, 0))
        for unit, seq, accepted, text in cut.visits:  # type: ignore[misc]
            self._upsert((unit, seq), accepted, text)
        for unit, seq, accepted in cut.vanished:
            if (unit, seq) in self.visits:
                self._upsert((unit, seq), accepted, None)

    def _upsert(self, key: tuple[str, int], accepted: int, text: str | None) -> None:
        if accepted > self.visits.get(key, (0, None))[0]:
            self.visits[key] = (accepted, text)

    def present(self) -> dict[str, tuple[int, dict[int, str]]]:
        return {
            unit: (accepted, {s: text for (u, s), (_, text) in self.visits.items() if u == unit and text is not None})
            for unit, accepted in self.units.items()
        }


def record_of(said: Said | int) -> UnitChange | FrameMark:
    if isinstance(said, int):
        return FrameMark(said)
    return changed(said.unit, said.accepted, said.offset, said.visits, *said.deleted)


@settings(max_examples=300)
@given(st.integers(0, 1 << 32), st.integers(1, 12))
def test_any_mix_of_workers_and_restarts_ends_with_the_newest_rows(seed: int, count: int) -> None:
    rng = random.Random(seed)
    events = Events.random(rng, count)
    log = [record_of(said) for said in published(rng, events)]
    table, scans_position, visits_position, mark = Table(), 0, 0, -1
    units = lane()
    while mark < count - 1 or units.visits_next < len(log):
        for _ in range(rng.randint(0, 3)):
            if units.scans_next < count:
                units.take_scan(units.scans_next, (units.scans_next,))
            if units.visits_next < len(log) and rng.random() < 0.8:
                units.take(units.visits_next, log[units.visits_next])
        cut = units.cut()
        if rng.random() < 0.3:
            units = lane(scans_position, visits_position, mark)  # killed before the commit
        else:
            assert cut.mark >= mark
            assert cut.scans_position >= scans_position
            assert cut.visits_position >= visits_position
            table.write(cut)
            scans_position, visits_position, mark = cut.scans_position, cut.visits_position, cut.mark
    assert table.present() == events.truth
