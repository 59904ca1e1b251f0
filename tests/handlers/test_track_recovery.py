"""A new owner of a partition goes on where the former stood, also with what has left the windows."""

from services.track.handler import AGAIN_SHARE
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


def everything_again(stream: Stream) -> list[bytes]:
    """The keys that are written when nothing changes, a share of each round at most."""
    rounds = [[key for _, key, _ in stream.lane.partials(2 * AGAIN_SHARE)] for _ in range(20)]
    assert max(map(len, rounds)) <= 2
    return sorted(key for found in rounds for key in found)


def test_everything_is_written_again_little_by_little() -> None:
    stream = Stream(plant())
    stream.take(events("0 arrive A \n 1 depart A \n 2 arrive B \n 3 depart B"))
    everything = sorted(key for _, key, _ in stream.lane.partials(1000))
    assert everything_again(stream) == []
    stream.lane.publish_again()
    assert everything_again(stream) == everything


def test_what_changed_goes_before_what_is_written_again() -> None:
    stream = Stream(plant())
    stream.take(events("0 arrive A"))
    stream.lane.partials(1000)
    stream.lane.publish_again()
    stream.take(events("1 arrive B"))
    assert [key for _, key, _ in stream.lane.partials(AGAIN_SHARE)][-1] == b"op|0|A"


def test_a_slot_that_was_dropped_is_not_written_over_its_successor() -> None:
    stream = Stream(plant())
    stream.take(events("0 arrive A \n 1 depart A"))
    stream.lane.partials(1000)
    stream.lane.publish_again()
    stream.take(events("1000 arrive B id=b"))
    stream.lane.partials(2)
    assert everything_again(stream) == [b"op|0|A"]
