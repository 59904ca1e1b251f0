"""Units that left long ago are given back to memory little by little, and nobody can tell but by the bytes."""

from typing import Any

import pytest

from services.adapters import track_wire
from services.track.handler import MOST_SHRUNK, Effects, Lane
from services.track.wire import UNIT
from tests.reference.case import events, plant
from tests.track_stream import Stream

FINISHED = 2 * MOST_SHRUNK + 50


def history(lane: Lane, unit: str) -> Any:
    return track_wire.decode_unit(lane.table[UNIT + unit.encode()])


def shrunk(effects: Effects) -> int:
    """How many units were written without having had an event."""
    units = [key for key, _ in effects.changelog if key.startswith(UNIT)]
    return len(units) - effects.accepted


@pytest.fixture
def stream() -> Stream:
    """Units that are complete, all of the first hour."""
    stream = Stream(plant(unit_retention="60m"))
    for unit in range(FINISHED):
        stream.take(events(f"0 arrive A u=U{unit} \n 1 start A u=U{unit} \n 2 complete u=U{unit} id=c{unit}"))
    return stream


@pytest.mark.parametrize("new_owner", [False, True])
def test_so_many_at_a_time_and_each_once(stream: Stream, new_owner: bool) -> None:
    assert shrunk(stream.take(events("100 arrive A u=V id=v0"))) == 0
    found = []
    for minute in range(200, 205):
        if new_owner:
            stream.again()
        found.append(shrunk(stream.take(events(f"{minute} arrive A u=V id=v{minute}"))))
    assert found == [MOST_SHRUNK, MOST_SHRUNK, 50, 0, 0]


def test_a_unit_that_came_back_keeps_its_events(stream: Stream) -> None:
    stream.take(events("50 arrive B u=U0 id=back"))
    for minute in range(200, 204):
        stream.take(events(f"{minute} arrive A u=V id=v{minute}"))
    assert history(stream.lane, "U0").count == 4
    assert history(stream.lane, "U1").count == 0


def test_the_bytes_of_a_stub_hold_what_the_unit_is_once(stream: Stream) -> None:
    before = len(stream.lane.table[UNIT + b"U1"])
    was = history(stream.lane, "U1").now
    for minute in range(200, 204):
        stream.take(events(f"{minute} arrive A u=V id=v{minute}"))
    assert len(stream.lane.table[UNIT + b"U1"]) < before
    stub = history(stream.lane, "U1")
    assert (stub.now, stub.head, stub.kept) == (was, was, b"")
