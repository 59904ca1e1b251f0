"""What a lane of aggregate publishes, and when."""

import json
from dataclasses import dataclass
from typing import Any

from services.adapters import aggregate_wire
from services.aggregate.handler import AGAIN_US, MOVE_US, Lane
from services.topology import PLANT_KEY
from tests.show_floor import model

NOW = 1_795_400_000_000_000
MINUTE = 60_000_000
AGAIN = 12_000_000
NEVER = 1 << 60


@dataclass(frozen=True)
class Record:
    """A record of floor.partials."""

    offset: int
    key: bytes | None
    value: bytes | None


def message(partition: int, offset: int, **fields: Any) -> bytes:
    return json.dumps({"generation": 1, "partition": partition, "offset": offset, **fields}).encode()


def operation(name: str, partition: int = 0, offset: int = 1, **counts: Any) -> Record:
    zero = dict.fromkeys(
        ("queued", "running", "finished", "held", "arrivals", "departures", "completed", "scrapped", "rework"), 0
    )
    fields = {**zero, "quantity": "0", "value": "0", "oldest": [], **counts}
    return Record(0, f"op|{partition}|{name}".encode(), message(partition, offset, operation_id=name, **fields))


def slot(name: str, start: int, offset: int = 1) -> Record:
    sketches: dict[str, Any] = {"dwell": [[900, 1]], "queue": [[0, 1]], "process": [[-1, 1]]}
    value = message(0, offset, operation_id=name, start_us=start, width_us=MINUTE, n=1, **sketches)
    return Record(0, f"sl|0|1|7|{name}".encode(), value)


def totals(partition: int = 0, offset: int = 1, **units: Any) -> Record:
    zero = dict.fromkeys(("entered", "completed", "scrapped", "in_process", "in_transit"), 0)
    return Record(0, f"pt|{partition}".encode(), message(partition, offset, **{**zero, **units}))


def begun(*records: Record, partition: int = 0, least_generation: int = 1, again: int = NEVER) -> Lane:
    lane = Lane(partition, least_generation, again, aggregate_wire)
    lane.take(records, NOW)
    lane.begin(NOW)
    return lane


def names(lane: Lane, now: int = NOW, most: int = 100) -> list[str]:
    return [key.decode() for key, _, _ in lane.states(now, most)]


def only_state(lane: Lane, now: int = NOW) -> dict[str, Any]:
    ((_, value, _),) = lane.states(now, 100)
    found: dict[str, Any] = json.loads(value)
    return found


def test_nothing_is_published_before_everything_has_been_read() -> None:
    lane = Lane(0, 1, NEVER, aggregate_wire)
    lane.take([operation("A"), totals()], NOW)
    assert lane.states(NOW, 100) == []
    assert lane.plant(NOW) == []


def test_a_state_is_published_once_until_it_changes() -> None:
    lane = begun(operation("A"), operation("B"))
    assert names(lane) == ["A", "B"]
    assert names(lane) == []
    lane.take([operation("B", offset=2)], NOW)
    assert names(lane) == ["B"]


def test_a_repeat_and_an_older_partial_are_no_change() -> None:
    lane = begun(operation("A", offset=5))
    names(lane)
    lane.take([operation("A", offset=5), operation("A", offset=4, queued=9, arrivals=9)], NOW)
    assert names(lane) == []


def test_the_longest_unsent_go_first() -> None:
    lane = begun(operation("A"), operation("B"), operation("C"))
    assert names(lane, most=1) == ["A"]
    lane.take([operation("A", offset=2)], NOW + 5)
    assert names(lane, most=2) == ["B", "C"]
    assert lane.oldest_unsent_us(NOW + 7) == 2
    assert names(lane) == ["A"]
    assert lane.oldest_unsent_us(NOW + 9) == 0


def test_partitions_are_added_up() -> None:
    lane = begun(
        operation("A", 0, 7, queued=2, arrivals=5, departures=3, quantity="2.5", value="0.000000000001"),
        operation("A", 3, 9, held=1, arrivals=1, quantity="-1", value="123456789012345678901234567890"),
    )
    state = only_state(lane)
    assert (state["wip"], state["queued"], state["held"], state["arrivals"], state["departures"]) == (3, 2, 1, 6, 3)
    assert (state["quantity"], state["value"]) == ("1.5", "123456789012345678901234567890.000000000001")
    assert state["coverage"] == {"0": [1, 7], "3": [1, 9]}


def test_a_window_moves_though_nothing_happens() -> None:
    start = NOW - NOW % MINUTE
    lane = begun(operation("A"), slot("A", start))
    assert only_state(lane, start + 1)["windows"]["15m"]["departures"] == 1
    assert names(lane, start + 15 * MINUTE - 1) == []
    assert only_state(lane, start + 15 * MINUTE + MOVE_US)["windows"]["15m"]["departures"] == 0


def test_what_moves_by_time_alone_is_looked_for_every_ten_seconds_at_most() -> None:
    start = NOW - NOW % MINUTE
    leaves = start + 15 * MINUTE
    lane = begun(operation("A"), slot("A", start))
    names(lane, leaves - 1)
    assert names(lane, leaves - 1 + MOVE_US - 1) == []
    assert names(lane, leaves - 1 + MOVE_US) == ["A"]


def test_a_stay_passes_its_limit_though_nothing_happens() -> None:
    limit = 15 * MINUTE
    lane = begun(operation("A", queued=1, arrivals=1, oldest=[["U1", NOW, "e1"]]))
    lane.judge_by(model({"A": {"dwell_limit_us": limit}}), NOW)
    assert only_state(lane)["over_dwell_limit"] == 0
    assert names(lane, NOW + limit) == []
    assert only_state(lane, NOW + limit + MOVE_US)["over_dwell_limit"] == 1


def test_what_the_plant_model_limits_is_published_when_it_changes_and_not_before() -> None:
    lane = begun(operation("A", queued=1, arrivals=1, oldest=[["U1", NOW - MINUTE, "e1"]]))
    assert only_state(lane)["over_dwell_limit"] is None
    lane.judge_by(model({"A": {"dwell_limit_us": MINUTE - 1}}, 1), NOW)
    assert only_state(lane)["over_dwell_limit"] == 1
    lane.judge_by(model({"A": {"dwell_limit_us": MINUTE - 1}}, 1), NOW)
    assert names(lane) == []
    lane.judge_by(model({"A": {"dwell_limit_us": MINUTE}}, 2), NOW)
    assert only_state(lane)["over_dwell_limit"] == 0


def test_what_came_in_as_history_is_added_up() -> None:
    lane = begun(operation("A", 0, backfilled=3), operation("A", 1, backfilled=4), operation("A", 2))
    assert only_state(lane)["backfilled"] == 7


def test_everything_is_published_again_once_a_former_owner_must_have_noticed() -> None:
    lane = begun(operation("A"), operation("B"), again=AGAIN)
    names(lane)
    assert names(lane, NOW + AGAIN - 1) == []
    assert names(lane, NOW + AGAIN) == ["A", "B"]
    assert names(lane, NOW + 5 * AGAIN) == []


def test_everything_is_published_again_every_ten_minutes_because_a_former_owner_may_sleep_for_long() -> None:
    lane = begun(operation("A"), operation("B"), again=AGAIN)
    names(lane, NOW + AGAIN)
    assert names(lane, NOW + AGAIN + AGAIN_US - 1) == []
    assert names(lane, NOW + AGAIN + AGAIN_US) == ["A", "B"]
    assert names(lane, NOW + AGAIN + 2 * AGAIN_US) == ["A", "B"]


def test_the_plant_is_published_when_it_changes_and_every_ten_seconds() -> None:
    lane = begun(totals(0, 4, entered=3, completed=1, in_process=2), totals(1, 6, entered=1, in_transit=1))
    ((key, value, _),) = lane.plant(NOW)
    state = json.loads(value)
    assert key == PLANT_KEY
    assert state["units"] == {"entered": 4, "completed": 1, "scrapped": 0, "in_process": 2, "in_transit": 1}
    assert state["coverage"] == {"0": [1, 4], "1": [1, 6]}
    assert lane.plant(NOW + MOVE_US - 1) == []
    assert len(lane.plant(NOW + MOVE_US)) == 1
    lane.take([totals(0, 5)], NOW + MOVE_US)
    assert len(lane.plant(NOW + MOVE_US)) == 1


def test_only_the_owner_of_the_first_partition_publishes_the_plant() -> None:
    assert begun(totals(), partition=1).plant(NOW) == []


def test_the_open_visits_of_the_plant_are_what_its_partitions_say() -> None:
    lane = begun(totals(0, 1, entered=2, in_process=2, wip=5), totals(1, 1, entered=1, in_process=1, wip=1))
    ((_, value, _),) = lane.plant(NOW)
    assert json.loads(value)["wip"] == 6


def test_an_operation_of_a_life_of_the_log_that_is_over_is_published_as_empty() -> None:
    state = only_state(begun(operation("A", queued=3, arrivals=3), least_generation=2))
    assert (state["wip"], state["arrivals"], state["coverage"]) == (0, 0, {})


def test_what_is_no_partial_is_told_and_passed_over() -> None:
    lane = begun(
        Record(7, b"op|0|A", b"{}"),
        Record(8, b"xx|0", b"{}"),
        Record(9, None, b"\xff"),
        Record(10, b"op|0|A", None),
        slot("A", 1),
        operation("A", quantity="1e3"),
        operation("B"),
    )
    assert names(lane) == ["B"]
    assert len(lane.refused) == 5


def test_books_that_do_not_balance_are_named_until_they_do() -> None:
    lane = begun(operation("A", queued=1), totals(2, 9, entered=1))
    assert "operation A, partition 0" in lane.unbalanced["0|A"]
    assert "partition 2 at offset 9 of generation 1: 1 entered" in lane.unbalanced["2|"]
    lane.take([operation("A", offset=2, queued=1, arrivals=1), totals(2, 10)], NOW)
    assert lane.unbalanced == {}


def test_one_place_at_a_time_means_as_many_open_visits_as_units_in_process() -> None:
    books = {"entered": 2, "in_process": 2}
    assert begun(totals(**books, wip=2, single=True)).unbalanced == {}
    assert begun(totals(**books, wip=3)).unbalanced == {}
    assert len(begun(totals(**books, wip=3, single=True)).unbalanced) == 1
    assert len(begun(totals(**books, wip=1)).unbalanced) == 1
