"""A new owner of a partition goes on where the former stood, also with what has left the windows."""

from tests.reference.case import events, plant
from tests.track_stream import Stream


def test_a_visit_too_old_for_any_window_is_corrected_after_a_change_of_owner() -> None:
    stream = Stream(plant())
    stream.take(events("1000 arrive B u=V"))
    stream.take(events("0 arrive A \n 1 depart A"))
    stream.again()
    stream.take(events("0.5 start A id=late \n 0.7 finish A id=later"))
    counts = stream.lane.ledger.operations["A"].counts
    assert (counts.arrivals, counts.departures, counts.wip) == (1, 1, 0)
