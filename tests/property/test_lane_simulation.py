"""track without a broker: any frame borders, redelivery and crashes end in what the fold of the log says."""

import json
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.adapters import track_wire
from services.adapters.wire import counts_tuple, visit_row
from services.core.instant import parse_instant
from services.core.ledger import BACKFILLED_AFTER_US
from services.core.log import LogFold
from services.core.rows import books_of
from services.topology import MARKER_KEY
from services.track.handler import Effects, Lane
from tests import product
from tests.reference.generate import Scenario, beyond_bounds

QUIET = settings(max_examples=60, suppress_health_check=list(HealthCheck), database=None)
GENERATION = 1


class Record(NamedTuple):
    """A record of floor.scans."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def log_of(scenario: Scenario) -> list[Record]:
    """The scenario as one partition; recorded far in the future, so that only what is kept decides."""
    records = []
    for offset, entry in enumerate(scenario.log):
        if "model" in entry:
            records.append(Record(offset, 0, MARKER_KEY, msgspec.json.encode(entry), ()))
        else:
            unit = str(entry.get("unit_id", "")).encode()
            records.append(Record(offset, 4_000_000_000_000, unit, msgspec.json.encode(entry), ()))
    return records


@dataclass
class Durable:
    """What survives a crash: the topics, and the state with the source offset it includes."""

    table: dict[bytes, bytes] = field(default_factory=dict)
    offset: int = -1
    outputs: list[bytes] = field(default_factory=list)
    rejects: list[bytes] = field(default_factory=list)

    def send(self, effects: Effects, most: int | None = None) -> None:
        self.rejects += [value for _, value, _ in effects.rejects]
        self.outputs += [value for _, value, _ in effects.outputs[:most]]

    def write(self, effects: Effects) -> None:
        assert effects.follows == self.offset, "a state batch must follow the last one"
        for key, value in effects.changelog:
            self.table.pop(key, None)  # compaction leaves each key where it was written last
            self.table[key] = value
        self.offset = effects.offset


def lane_from(durable: Durable, models: Any, changelog_bytes: int) -> Lane:
    lane = Lane(0, lambda unit: 0, GENERATION, models, dict(durable.table), track_wire, changelog_bytes)
    deque(lane.recover(durable.offset, 1), 0)
    return lane


def run(records: list[Record], models: Any, rnd: Random) -> tuple[Durable, Lane]:
    """Frames of random size from a random place at or before the next offset; a crash now and then."""
    durable, size = Durable(), rnd.choice((400, 2_000, 1_000_000))
    lane = lane_from(durable, models, size)
    while lane.offset < len(records) - 1:
        start = max(0, lane.offset + 1 - rnd.choice((0, 0, 3, 50)))
        frame = records[start : start + rnd.randrange(1, 60)]
        at = 0
        while frame[-1].offset > lane.offset:
            effects, at = lane.fold(frame, at, frame[-1].offset)
            crash = rnd.random()
            if crash < 0.05:
                durable.send(effects, rnd.randrange(len(effects.outputs) + 1))
            elif crash < 0.1:
                durable.send(effects)
            else:
                durable.send(effects)
                durable.write(effects)
            if crash < 0.15:
                lane = lane_from(durable, models, size)
                break
    return durable, lane


def newest(outputs: list[bytes]) -> tuple[dict[tuple[str, int], Any], dict[str, Any]]:
    """What a reader keeps: of every row the highest revision."""
    visits: dict[tuple[str, int], tuple[int, Any]] = {}
    units: dict[str, tuple[int, Any]] = {}
    for message in map(json.loads, outputs):
        if "unit_id" not in message:
            continue
        unit, revision = message["unit_id"], message["accepted"]
        units[unit] = max(units.get(unit, (-1, None)), (revision, message["unit"]), key=lambda each: each[0])
        rows = [(row["visit_seq"], row) for row in message["visits"]] + [(seq, None) for seq in message["deleted"]]
        for seq, row in rows:
            if revision >= visits.get((unit, seq), (-1, None))[0]:
                visits[unit, seq] = revision, row
    return {key: row for key, (_, row) in visits.items() if row}, {unit: row for unit, (_, row) in units.items()}


def folded(records: list[Record], models: Any) -> tuple[LogFold, dict[int, str]]:
    """The log folded in one go."""
    fold, refused = LogFold(models), {}
    for record in records:
        if record.key == MARKER_KEY:
            fold.marker(json.loads(record.value or b"")["model"])
            continue
        fate = fold.take(track_wire.decode_event(record.value), "kafka", record.timestamp * 1000)
        if fate.refusal is not None:
            refused[record.offset] = str(fate.refusal.reason)
    return fold, refused


@pytest.mark.row(2, 26)
@QUIET
@given(beyond_bounds(), st.randoms(use_true_random=False))
def test_redelivery_frame_borders_and_crashes_end_in_the_fold(scenario: Scenario, rnd: Random) -> None:
    records, models = log_of(scenario), product.plant_models(scenario.models)
    durable, lane = run(records, models, rnd)
    fold, refused = folded(records, models)
    visits, units = newest(durable.outputs)
    assert visits == {
        (unit, seq): json.loads(msgspec.json.encode(visit_row(visit)))
        for unit, rows in fold.visits.items()
        for seq, visit in rows.items()
    }
    assert {unit: row["visits"] for unit, row in units.items()} == {
        unit: history.now.visits for unit, history in fold.histories.items()
    }
    assert {message["offset"]: message["reason"] for message in map(json.loads, durable.rejects)} == refused
    assert_same_books(lane, fold)


def assert_same_books(lane: Lane, fold: LogFold) -> None:
    """Counts, totals and window slots are those of the whole fold."""
    books, mine = books_of(fold), lane.ledger
    assert mine.totals == books.totals
    for name, operation in books.operations.items():
        assert counts_tuple(mine.operation(name).counts) == counts_tuple(operation.counts), name
        assert mine.operation(name).oldest.first(10) == operation.oldest.first(10)
        for width, ring in operation.rings.items():
            theirs = {slot.start_us: slot for slot in ring.slots() if slot.n}
            assert {slot.start_us: slot for slot in mine.operation(name).rings[width].slots() if slot.n} == theirs


@pytest.mark.row(28)
@QUIET
@given(beyond_bounds(), st.randoms(use_true_random=False))
def test_history_is_counted_where_it_came_in_late(scenario: Scenario, rnd: Random) -> None:
    lags = [0, BACKFILLED_AFTER_US // 1000, BACKFILLED_AFTER_US // 1000 + 1, 10**9]
    records = [recorded_after(record, rnd.choice(lags)) for record in log_of(scenario)]
    models = product.plant_models(scenario.models)
    _, lane = run(records, models, rnd)
    fold, late = LogFold(models), Counter[str]()
    for record in records:
        if record.key == MARKER_KEY:
            fold.marker(json.loads(record.value or b"")["model"])
            continue
        fate = fold.take(track_wire.decode_event(record.value), "kafka", record.timestamp * 1000)
        scan = fate.scan
        if scan is not None and scan.operation and not fate.refusal and not fate.duplicate:
            late[scan.operation] += record.timestamp * 1000 - scan.time > BACKFILLED_AFTER_US
    assert Counter({name: books.backfilled for name, books in lane.ledger.operations.items()}) == late


def recorded_after(record: Record, lag_ms: int) -> Record:
    """The record, come so long after its event happened, where that can be told."""
    try:
        event_time = json.loads(record.value or b"")["event_time"]
        return record._replace(timestamp=-(-parse_instant(event_time) // 1000) + lag_ms)
    except (KeyError, ValueError, TypeError, AttributeError):
        return record


@pytest.mark.row(27)
@QUIET
@given(beyond_bounds(), st.randoms(use_true_random=False))
def test_replaying_any_suffix_changes_nothing(scenario: Scenario, rnd: Random) -> None:
    records, models = log_of(scenario), product.plant_models(scenario.models)
    lane = lane_from(Durable(), models, 1_000_000)
    lane.fold(records, 0, len(records) - 1)
    table = dict(lane.table)
    lane.partials(10_000)
    again = records[rnd.randrange(len(records)) :]
    effects, _ = lane.fold(again, 0, again[-1].offset)
    assert (effects.accepted, effects.duplicates, effects.rejects) == (0, 0, [])
    assert lane.table == table
    assert lane.partials(10_000) == []
