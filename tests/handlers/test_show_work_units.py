"""Work units on the board: the newest state of each, in the order of the plant file, and what has changed."""

import json
from typing import Any

import httpx

from services.adapters.kafka_follow import Record
from services.adapters.work_units_feed import followed
from services.core.equipment import PlantModel
from services.show.app import create_app
from services.show.handler import Board
from tests.show_floor import PARTITIONS, T0, deps, document


def state(name: str = "M1", offset: int = 5, as_of: int = T0, **changed: Any) -> dict[str, Any]:
    """A WorkUnitState."""
    return {
        "work_unit_id": name, "generation": 1, "partition": 0, "offset": offset, "as_of_us": as_of,
        "newest_event_us": T0, "state": "execute", "condition": "running", "since_us": T0, **changed,
    }  # fmt: skip


def plant() -> PlantModel:
    units = [{"id": name, "name": {"en": name, "zh": name}, "work_center": "X1", "states": {}} for name in ("M2", "M1")]
    return PlantModel.from_document({**document({"A": {}}), "work_units": units}, 1)


def board() -> Board:
    made = Board(PARTITIONS)
    made.take_model(plant())
    made.changes(T0)
    return made


def say(shown: Board, said: dict[str, Any], key: bytes | None = None) -> None:
    """A record of floor.work_units as the feed brings it."""
    record = Record(0, key or said["work_unit_id"].encode(), json.dumps(said).encode())
    followed(shown, PARTITIONS).take(0, record)


def conditions(shown: Board) -> list[tuple[str, str | None]]:
    listed = shown.work_units(T0)["work_units"]
    return [(each["work_unit_id"], each["state"] and each["state"]["condition"]) for each in listed]


def test_work_units_come_in_the_order_of_the_plant_file_silent_ones_included() -> None:
    shown = board()
    say(shown, state("M1"))
    say(shown, state("FOREIGN", condition="down"))
    assert conditions(shown) == [("M2", None), ("M1", "running"), ("FOREIGN", "down")]


def test_a_state_of_a_lower_position_is_passed_over() -> None:
    shown = board()
    say(shown, state(offset=5, as_of=T0 + 1))
    for older in (state(offset=4, as_of=T0 + 9, condition="down"), state(offset=5, as_of=T0, condition="down")):
        say(shown, older)
    assert ("M1", "running") in conditions(shown)


def test_what_aggregate_goes_on_with_is_no_state() -> None:
    shown = board()
    say(shown, {"work_unit_id": "M1", "kept": []}, b"\x00history|M1")
    assert ("M1", None) in conditions(shown)


def test_changes_are_told_once() -> None:
    shown = board()
    say(shown, state())
    changes = shown.changes(T0)
    assert changes is not None
    assert [each["work_unit_id"] for each in changes["work_units"]] == ["M1"]
    again = shown.changes(T0)
    assert again is not None
    assert again["work_units"] == []


def test_a_log_that_begins_anew_is_forgotten() -> None:
    shown = board()
    say(shown, state())
    followed(shown, PARTITIONS).forget(0)
    assert conditions(shown) == [("M2", None), ("M1", None)]
    assert shown.changes(T0) is None


async def test_they_can_be_read_over_http() -> None:
    shown = deps()
    shown.board.take_model(plant())
    say(shown.board, state())
    client = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(shown)), base_url="http://show")
    async with client:
        answer = (await client.get("/v1/work-units")).json()
    assert [each["work_unit_id"] for each in answer["work_units"]] == ["M2", "M1"]
    assert answer["work_units"][1]["state"]["since_us"] == T0
