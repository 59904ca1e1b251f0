"""A partition is taken over a portion at a time: the client's heartbeats are in the same loop."""

import pytest

from services.core.errors import BrokenGuarantee
from services.track import recovery
from tests.reference.case import events, plant
from tests.track_stream import Stream

UNITS = 40


@pytest.fixture
def stream() -> Stream:
    stream = Stream(plant())
    stream.take(events(" \n ".join(f"{minute} arrive A u=U{minute}" for minute in range(UNITS))))
    return stream


@pytest.mark.parametrize("at_once", [1, 7, 2_000])
def test_the_loop_may_go_on_between_portions(stream: Stream, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(recovery, "KEYS_AT_ONCE", at_once)
    lane = stream.lane
    found, portions = lane.ledger, sum(1 for _ in lane.recover(lane.offset, 1))
    assert portions == len(lane.table) // at_once
    assert lane.ledger is not found
    assert lane.ledger.totals == found.totals
    assert lane.ledger.operations["A"].counts == found.operations["A"].counts
    assert lane.ledger.operations["A"].counts.wip == UNITS


def test_a_partition_that_is_half_taken_over_is_as_before(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "KEYS_AT_ONCE", 1)
    lane, ledger = stream.lane, stream.lane.ledger
    next(iter(lane.recover(99, 7)))
    assert (lane.ledger, lane.epoch) == (ledger, 1)
    assert lane.offset != 99


def test_books_that_do_not_balance_are_found(stream: Stream) -> None:
    del stream.lane.table[b"uU0"]
    with pytest.raises(BrokenGuarantee, match="operation A does not balance"):
        list(stream.lane.recover(stream.lane.offset, 1))
