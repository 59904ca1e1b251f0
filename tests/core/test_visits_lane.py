"""What a subscriber is told of one partition: everything true in the end, revisions that never fall, over restarts."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.stored import FrameMark
from services.core.visits_lane import Place, VisitsChanged, VisitsLane, VisitTold
from tests.store_frames import Events, Said, published

START = Place(0, -1)


def changed(said: Said) -> VisitsChanged:
    visits = tuple((seq, {"visit_id": text}) for seq, text in said.visits.items())
    return VisitsChanged(said.offset, said.unit, said.accepted, visits, tuple(said.deleted))


def one(offset: int, accepted: int, *seqs: int, deleted: tuple[int, ...] = ()) -> VisitsChanged:
    return VisitsChanged(offset, "U", accepted, tuple((seq, {"at": accepted}) for seq in seqs), deleted)


def test_a_change_waits_for_its_mark_and_so_does_the_place() -> None:
    lane = VisitsLane(START)
    lane.take(0, one(7, 1, 1))
    assert (lane.cut(), lane.place) == ([], START)
    lane.take(1, FrameMark(7))
    assert lane.cut() == [VisitTold("U", 1, 1, {"at": 1})]
    assert lane.place == Place(2, 7)


def test_what_a_mark_has_covered_is_a_repeat() -> None:
    lane = VisitsLane(Place(2, 7))
    lane.take(2, one(7, 1, 1))
    lane.take(3, FrameMark(7))
    assert (lane.cut(), lane.place) == ([], Place(4, 7))


def test_of_what_comes_together_the_newest_revision_is_told_and_a_vanished_visit_too() -> None:
    lane = VisitsLane(START)
    for at, record in enumerate((one(3, 2, 1, 2), one(5, 4, 1, deleted=(2,)), FrameMark(5))):
        lane.take(at, record)
    assert lane.cut() == [VisitTold("U", 1, 4, {"at": 4}), VisitTold("U", 2, 4, None)]


def test_records_that_tell_nothing_are_passed() -> None:
    lane = VisitsLane(START)
    lane.take(0, None)
    assert (lane.cut(), lane.place) == ([], Place(1, -1))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_workers_repeat_and_wherever_the_teller_dies_all_is_told_in_order(seed: int) -> None:
    rng = random.Random(seed)
    events = Events.random(rng, rng.randint(1, 60))
    log = published(rng, events, rng.randint(1, 20))
    place, at, taken = START, 0, list[VisitTold]()
    lane = VisitsLane(place)
    while at < len(log):
        for record in log[at : at + rng.randint(1, 12)]:
            lane.take(at, FrameMark(record) if isinstance(record, int) else changed(record))
            at += 1
        told = lane.cut()
        if rng.random() < 0.3:  # killed: the receiver has some of it, the place is where it was
            taken += told[: rng.randint(0, len(told))]
            lane, at = VisitsLane(place), place.position
        else:
            taken += told
            place = lane.place
    first: dict[tuple[str, int, int], VisitTold] = {}
    for each in taken:
        key = each.unit_id, each.visit_seq, each.accepted
        assert first.setdefault(key, each) == each
    newest: dict[str, int] = {}
    for each in first.values():
        assert each.accepted >= newest.get(each.unit_id, 0)
        newest[each.unit_id] = each.accepted
    now = {(each.unit_id, each.visit_seq): each.row for each in first.values()}
    assert {key: row["visit_id"] for key, row in now.items() if row is not None} == {
        (unit, seq): text for unit, (_, visits) in events.truth.items() for seq, text in visits.items()
    }
