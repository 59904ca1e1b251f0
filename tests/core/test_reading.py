"""A reading as it waits and as it is sent."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.plant import load_plant
from services.core.entry import corrected_time
from services.core.equipment import PlantModel
from services.core.instant import parse_instant
from services.core.reading import MOST_BYTES, Kind, Moment, Reading, Row, Unreadable, row_of, sent_us, stamped

NOW = parse_instant("2026-11-23T14:00:00Z")
HOUR = 3_600_000_000
MODEL = PlantModel.from_document(load_plant("areas: [{id: A, work_centers: [{id: L, operations: [{id: OP}]}]}]"), 1)
VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False)


def row(body: dict[str, Any], clock_us: int | None = None) -> Row:
    made = row_of(Reading(Kind.SCAN, "gate", body, clock_us))
    assert isinstance(made, Row), made
    return made


@given(st.dictionaries(st.text(), VALUES | st.lists(VALUES)))
def test_every_reading_becomes_one_line_or_is_refused_with_a_reason(fields: dict[str, Any]) -> None:
    made = row_of(Reading(Kind.SCAN, "gate", {**fields, "event_id": "e"}, NOW))
    if isinstance(made, Unreadable):
        assert made.en
        assert any(character >= "\u4e00" for character in made.zh)
        return
    assert b"\n" not in made.body
    assert json.loads(stamped(made.body, NOW))["sent_time"] == "2026-11-23T14:00:00.000000+00:00"


@pytest.mark.parametrize("source", ["", " ", "a\nb", "a\x00", "\x7fa\x01b", "\ud800", "s" * 129])
def test_a_source_that_no_request_can_name_is_refused_here(source: str) -> None:
    refusal = row_of(Reading(Kind.SCAN, source, {"event_id": "e"}))
    assert isinstance(refusal, Unreadable) == (source != "a\x00"), "what stands around a text is no part of it"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"unit_id": "U"}, "event_id"),
        ({"event_id": ""}, "event_id"),
        ({"event_id": "e" * 129}, "event_id"),
        ({"event_id": 7}, "event_id"),
        ({"event_id": "e", "unit_id": "\ud800"}, "surrogates"),
        ({"event_id": "e", "quantity": float("nan")}, "JSON"),
        ({"event_id": "e", "unit_id": object()}, "no value"),
        ({"event_id": "e", "unit_id": "U" * MOST_BYTES}, "at most"),
    ],
)  # fmt: skip
def test_what_no_server_could_take_is_refused_here(body: dict[str, Any], words: str) -> None:
    refusal = row_of(Reading(Kind.SCAN, "gate", body))
    assert isinstance(refusal, Unreadable)
    assert words in refusal.en


def test_a_sent_time_of_the_device_stays_only_where_its_clock_is_not_told() -> None:
    body = {"event_id": "e", "sent_time": "2026-11-23T13:00:00Z", "quantity": Decimal("1E+2")}
    assert json.loads(row(body).body) == {**body, "quantity": "100"}
    assert "sent_time" not in json.loads(row(body, NOW).body)


@given(
    off=st.integers(-30 * 24 * HOUR, 30 * 24 * HOUR),
    waited=st.integers(0, 30 * 24 * HOUR),
    set_by=st.integers(-30 * 24 * HOUR, 30 * 24 * HOUR),
)
def test_an_event_is_right_in_the_end_however_wrong_the_clock_was_and_whenever_it_was_set(
    off: int, waited: int, set_by: int
) -> None:
    """The clock is off when the event is taken, and set (not even right) while it waits."""
    shown = NOW + off
    taken, later = Moment(shown, 1, 5), Moment(shown + waited + set_by, 1, 5 + waited)
    sent = sent_us(shown, taken, later)
    assert abs(corrected_time(shown, sent, NOW + waited, MODEL) - NOW) <= MODEL.tracking.max_clock_skew


def test_after_a_start_of_the_machine_the_wall_clock_tells_how_long_it_waited() -> None:
    assert sent_us(NOW, Moment(NOW, 1, 90), Moment(NOW + HOUR, 2, 10)) == NOW + HOUR
    assert sent_us(NOW, Moment(NOW, 1, 90), Moment(NOW - HOUR, 2, 10)) == NOW
