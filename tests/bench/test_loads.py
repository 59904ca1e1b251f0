"""The loads of the benchmark are what their figures take them for."""

import json
from collections import Counter, defaultdict
from dataclasses import replace

from loadtest.fold_alone import fold_through, new_lanes
from loadtest.live_units import FRAME, LiveUnits, state
from loadtest.load import Profile
from loadtest.traffic import SECOND_US, Traffic
from loadtest.watchers import Delays
from services.adapters.clock import SystemClock
from services.core.identity import partition_of

PROFILE = Profile.read("quick", {"events": 3_000})
KEPT = 4
UNITS = 300


def test_scans_come_at_their_rate() -> None:
    scans = Traffic(PROFILE).scans(0, 500, 2)
    assert len(scans) == 1000
    assert [scan.due for scan in scans[:3]] == [0, SECOND_US // 500, 2 * SECOND_US // 500]


def test_the_nth_arrival_at_an_operation_is_the_nth_of_one_partition() -> None:
    arrivals, where = Counter[str](), defaultdict[str, set[int]](set)
    for scan in Traffic(PROFILE).scans(0, 10_000, 2):
        assert scan.partition == partition_of(scan.key.decode(), PROFILE.partitions)
        if scan.arrival:
            arrivals[scan.operation] += 1
            assert scan.arrival == arrivals[scan.operation]
            assert json.loads(scan.value)["read_point_id"] == f"{scan.operation}.arrive"
            where[scan.operation].add(scan.partition)
    assert len(arrivals) == PROFILE.operations
    assert {len(partitions) for partitions in where.values()} == {1}


def test_a_delay_is_told_once_and_from_when_it_was_due() -> None:
    delays, now = Delays(), SystemClock().now_us()
    for second in range(3):
        delays.expect("here", now - second * SECOND_US)
    delays.seen("here", 2)
    delays.seen("here", 1)
    delays.seen("here", 2)
    assert [round(delay) for _, delay in delays.delays] == [0, 1]
    assert [round(delay) for delay in delays.of(now - SECOND_US, now)] == [1]


def test_live_units_keep_as_many_events_however_many_come() -> None:
    live = LiveUnits(PROFILE, UNITS, KEPT)
    live.grow()
    grown = sum(len(value) for lane in live.lanes for value in lane.table.values())
    fold_through(live.lanes, live.some(10 * UNITS, seed=1), FRAME)
    histories = [value for lane in live.lanes for key, value in lane.table.items() if key[:1] == b"u"]
    assert len(histories) == UNITS
    assert sum(len(value) for lane in live.lanes for value in lane.table.values()) < 2 * grown
    for lane in live.lanes:
        there = lane.ledger.totals.in_process + lane.ledger.totals.in_transit
        assert there == sum(key[:1] == b"u" for key in lane.table)


def test_what_units_have_had_is_known_without_folding() -> None:
    grown, told = LiveUnits(PROFILE, UNITS, KEPT), LiveUnits(PROFILE, UNITS, KEPT)
    grown.grow()
    for seed in range(2):
        grown.some(100, seed)
    told.tell_had(100, 2)
    assert [told.had(unit) for unit in range(UNITS)] == [grown.had(unit) for unit in range(UNITS)]


def test_the_pieces_of_a_state_are_the_state() -> None:
    lane = new_lanes(PROFILE)[0]
    lane.table.update({bytes([n]): bytes(n) for n in range(100)})
    pieces = list(state(lane, 7))
    assert len(pieces) == 7
    assert dict(pair for piece in pieces for pair in piece) == lane.table


def test_more_operations_are_another_load() -> None:
    assert replace(PROFILE, operations=1_000).hash != PROFILE.hash
