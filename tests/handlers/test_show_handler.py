"""What the board knows: newest states, their age, and what has changed since."""

from services.core.identity import partition_of
from services.show.handler import OLDEST_LIVE, STALE_AFTER_US, Board, is_behind
from tests.show_floor import PARTITIONS, SECOND, T0, give, model, operation, plant, window


def board(*operations: str) -> Board:
    """A board with a plant model of these operations."""
    made = Board(PARTITIONS)
    made.take_model(model({operation_id: {} for operation_id in operations}))
    made.changes(T0)
    return made


def entry(shown: Board, operation_id: str = "A", now: int = T0) -> dict[str, object]:
    """One operation of /v1/operations."""
    return next(e for e in shown.operations(now)["operations"] if e["operation_id"] == operation_id)


def test_operations_come_in_the_order_of_the_plant_file_zeros_included() -> None:
    shown = board("Z", "A", "M")
    give(shown, operation("M", queued=2))
    found = [(e["operation_id"], e["state"]["wip"]) for e in shown.operations(T0)["operations"]]
    assert found == [("Z", 0), ("A", 0), ("M", 2)]


def test_limits_and_names_come_from_the_plant_model() -> None:
    shown = Board(PARTITIONS)
    shown.take_model(model({"A": {"wip_limit": 4, "wip_min": 1, "name": {"en": "Print", "zh": "印刷"}}}))
    found = entry(shown)
    assert (found["wip_limit"], found["wip_min"], found["name"]) == (4, 1, {"en": "Print", "zh": "印刷"})


def test_an_older_version_of_the_plant_model_is_passed_over() -> None:
    shown = Board(PARTITIONS)
    shown.take_model(model({"A": {"wip_limit": 5}}, version=2))
    shown.take_model(model({"A": {"wip_limit": 4}}, version=1))
    assert entry(shown)["wip_limit"] == 5


def test_an_operation_out_of_the_plant_model_stays_visible_while_units_are_there() -> None:
    shown = board("A")
    give(shown, operation("GONE", queued=1))
    assert entry(shown, "GONE")["in_model"] is False
    give(shown, operation("GONE", as_of_us=T0 + 1))
    assert [e["operation_id"] for e in shown.operations(T0)["operations"]] == ["A"]


def test_a_state_that_counts_less_never_replaces_one_that_counts_more() -> None:
    shown = board("A")
    give(shown, operation(queued=3, coverage={"0": [1, 9], "1": [1, 5]}))
    give(shown, operation(queued=1, as_of_us=T0 + SECOND, coverage={"0": [1, 7], "1": [1, 5]}))
    assert entry(shown)["state"]["wip"] == 3  # type: ignore[index]


def test_a_new_generation_is_ahead_of_any_offset_of_the_old() -> None:
    assert not is_behind({"0": [2, 0]}, {"0": [1, 900]})
    assert is_behind({"0": [1, 900]}, {"0": [2, 0]})


def test_a_partition_that_is_not_covered_is_behind() -> None:
    assert is_behind({"0": [1, 5]}, {"0": [1, 5], "1": [1, 0]})
    assert not is_behind({"0": [1, 5]}, {"0": [1, 5]})


def test_a_state_is_stale_once_nothing_came_for_longer_than_the_bound() -> None:
    shown = board("A")
    give(shown, operation())
    assert not entry(shown, now=T0 + STALE_AFTER_US)["stale"]
    assert entry(shown, now=T0 + STALE_AFTER_US + 1)["stale"]


def test_an_unchanged_operation_holds_up_to_the_newest_record_of_its_partition() -> None:
    shown = board("A", "B")
    give(shown, operation("A"), partition=1)
    give(shown, operation("B", as_of_us=T0 + 60 * SECOND), partition=1)
    found = entry(shown, "A", now=T0 + 61 * SECOND)
    assert (found["as_of_us"], found["age_s"], found["stale"]) == (T0, 1.0, False)


def test_records_of_another_partition_say_nothing() -> None:
    shown = board("A", "B")
    give(shown, operation("A"), partition=0)
    give(shown, operation("B", as_of_us=T0 + 60 * SECOND), partition=1)
    assert entry(shown, "A", now=T0 + 60 * SECOND)["stale"]


def test_totals_of_the_plant_confirm_every_partition_that_has_none_of_its_own() -> None:
    shown = board("A")
    give(shown, operation("A"), partition=0)
    give(shown, plant(T0 + 60 * SECOND), partition=1)
    assert entry(shown, now=T0 + 61 * SECOND)["age_s"] == 1.0
    give(shown, plant(T0 + 20 * SECOND), partition=0)
    assert entry(shown, now=T0 + 61 * SECOND)["age_s"] == 41.0


def test_before_anything_came_a_number_is_stale_and_has_no_age() -> None:
    found = entry(board("A"))
    assert (found["age_s"], found["stale"]) == (None, True)


def test_numbers_that_miss_the_newest_scans_are_as_old_as_the_last_scan_they_hold() -> None:
    shown = board("A")
    shown.take_ends({0: 100}, T0)
    shown.take_ends({0: 900}, T0 + 2 * SECOND)
    give(shown, plant(T0 + 60 * SECOND, coverage={"0": [1, 99]}))
    give(shown, operation(as_of_us=T0 + 60 * SECOND))
    found = entry(shown, now=T0 + 60 * SECOND)
    assert (found["confirmed_us"], found["stale"]) == (T0, True)
    assert shown.heartbeat(T0 + 60 * SECOND)["true_until_us"] == T0


def test_a_clock_ahead_of_ours_makes_no_negative_age() -> None:
    shown = board("A")
    give(shown, operation(as_of_us=T0 + SECOND))
    assert entry(shown, now=T0)["age_s"] == 0


def test_an_operation_nobody_visited_is_in_the_partition_its_states_would_be_in() -> None:
    assert entry(board("A"))["partition"] == partition_of("A", PARTITIONS)


def test_changes_hold_what_changed_since_the_last_ones() -> None:
    shown = board("A", "B")
    give(shown, operation("A", queued=1))
    first, second = shown.changes(T0), shown.changes(T0)
    assert first is not None
    assert second is not None
    assert [change["operation_id"] for change in first["operations"]] == ["A"]
    assert (second["operations"], second["plant"]) == ([], None)


def test_another_plant_model_needs_a_snapshot() -> None:
    shown = board("A")
    shown.take_model(model({"A": {}, "B": {}}, version=2))
    assert shown.changes(T0) is None


def test_a_log_that_begins_anew_leaves_nothing_of_the_old() -> None:
    shown = board("A", "B")
    give(shown, operation("A", queued=3, coverage={"0": [1, 500]}), partition=0)
    give(shown, operation("B", queued=2), partition=1)
    shown.forget(0)
    give(shown, operation("A", queued=1, coverage={"0": [1, 2]}), partition=0)
    assert [e["state"]["wip"] for e in shown.operations(T0)["operations"]] == [1, 2]
    assert shown.changes(T0) is None


def test_a_live_state_is_small() -> None:
    shown = board("A")
    stays = [{"unit_id": f"U{n}", "visit_id": f"e{n}", "arrived_us": T0, "over_p85_in_us": None} for n in range(10)]
    give(shown, operation(oldest=stays, windows={"1h": window()}))
    state = shown.snapshot(T0)["operations"][0]["state"]
    assert len(state["oldest"]) == OLDEST_LIVE
    assert set(state["windows"]["1h"]) == {"departures", "throughput_per_h", "dwell_us"}
    assert "coverage" not in state
    assert len(entry(shown)["state"]["oldest"]) == 10  # type: ignore[index]


def test_a_record_that_is_no_state_is_passed_over() -> None:
    shown = board("A")
    give(shown, {"operation_id": "A", "wip": "many"})
    assert entry(shown)["as_of_us"] is None
