"""Messages of a broker become readings: which topics, old state, repeats, clocks, and any bytes whatever."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.mapping import MappingError, load_mapping
from services.core.mapping import RecordMapping
from services.core.message_reading import LONGEST_PAYLOAD, BrokerMessage, matches, read_message
from services.core.reading import MOST_KEPT, Kind, Reading, Row, Unreadable, row_of

NOON = 1_795_435_200_000_000
NOON_TEXT = "2026-11-23T12:00:00.000000+00:00"


def mapping(text: str) -> RecordMapping:
    return RecordMapping.from_document(load_mapping(text)["events"])


def message(payload: object, topic: str = "line/M1/read", retained: bool = False, arrived: int = NOON) -> BrokerMessage:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return BrokerMessage(topic, raw, arrived, retained, {"lot": "L7"})


READS = mapping("events: [{fields: {unit_id: $.u, event_time: $.t, read_point_id: '$topic[1]'}}]")


def bodies(rules: RecordMapping, one: BrokerMessage, **how: bool) -> list[dict[str, Any]]:
    readings = read_message(one, rules, "line", **how)
    assert all(isinstance(reading, Reading) for reading in readings), readings
    return [dict(reading.body) for reading in readings if isinstance(reading, Reading)]


@pytest.mark.parametrize(("pattern", "topic", "does"), [
    ("a/b", "a/b", True),
    ("a/b", "a/b/c", False),
    ("a/+/c", "a/b/c", True),
    ("a/+", "a", False),
    ("a/+", "a/", True),
    ("+/b", "/b", True),
    ("a/#", "a", True),
    ("a/#", "a/b/c", True),
    ("a/#", "ab", False),
    ("#", "a/b", True),
    ("#", "$SYS/x", False),
    ("+/x", "$SYS/x", False),
    ("$SYS/#", "$SYS/x", True),
    ("$share/edges/a/+", "a/b", True),
])  # fmt: skip
def test_a_filter_matches_as_mqtt_says(pattern: str, topic: str, does: bool) -> None:
    assert matches(pattern, topic) is does


def test_topic_and_properties_are_fields() -> None:
    text = "events: [{fields: {unit_id: $.u, event_time: $.t, order_id: $property.lot, source: '$topic[-1]'}}]"
    [reading] = read_message(message({"u": "U", "t": "T"}), mapping(text), "line")
    assert isinstance(reading, Reading)
    assert (reading.body["order_id"], reading.source) == ("L7", "read")
    assert "source" not in reading.body, "a reading is sent as its source, and does not say it again"


def test_an_outer_element_is_what_the_star_before_has_found() -> None:
    rules = mapping("""
    events:
      - each: $.tunnels[*].reads[*]
        fields: {unit_id: '@.epc', event_time: $.t, read_point_id: '^.id'}
    """)
    tunnels = [{"id": "T1", "reads": [{"epc": "A"}, {"epc": "B"}]}, {"id": "T2", "reads": [{"epc": "C"}]}, {"id": "T3"}]
    read = bodies(rules, message({"t": "T", "tunnels": tunnels}))
    assert [(body["unit_id"], body["read_point_id"]) for body in read] == [("A", "T1"), ("B", "T1"), ("C", "T2")]


def test_with_one_star_the_outer_element_is_the_record() -> None:
    rules = mapping("events: [{each: '$.reads[*]', fields: {unit_id: '@', event_time: '^.t'}}]")
    assert [body["event_time"] for body in bodies(rules, message({"t": "T", "reads": ["A", "B"]}))] == ["T", "T"]


def test_old_state_is_no_event_unless_wanted() -> None:
    kept = message({"u": "U", "t": "T"}, retained=True)
    assert bodies(READS, kept) == []
    assert bodies(READS, kept, old_state=True) == bodies(READS, message({"u": "U", "t": "T"}))
    assert bodies(READS, message(b""), old_state=True) == [], "an empty message clears what the broker had kept"


def test_an_exact_repeat_is_the_same_event_and_anything_else_another() -> None:
    [first] = bodies(READS, message({"u": "U", "t": "T"}))
    [again] = bodies(READS, message({"t": "T", "u": "U", "more": 1}, arrived=NOON + 1))
    [elsewhere] = bodies(READS, message({"u": "U", "t": "T"}, topic="line/M2/read"))
    [later] = bodies(READS, message({"u": "U", "t": "T2"}))
    assert first == again
    assert len({first["event_id"], elsewhere["event_id"], later["event_id"]}) == 3


def test_a_repeat_that_only_was_sent_later_is_the_same_event() -> None:
    rules = mapping("events: [{fields: {unit_id: $.u, event_time: $.t, sent_time: $.now}}]")
    made = [bodies(rules, message({"u": "U", "t": "T", "now": now}))[0]["event_id"] for now in (NOON_TEXT, "x")]
    assert made[0] == made[1]


def test_an_id_of_the_mapping_counts() -> None:
    rules = mapping("events: [{fields: {unit_id: $.u, event_time: $.t, event_id: $.id}}]")
    assert bodies(rules, message({"u": "U", "t": "T", "id": 7}))[0]["event_id"] == "7"


@pytest.mark.parametrize(("fields", "clock"), [
    ("event_time: $.t", None),
    ("event_time: $arrived", NOON),
    ("event_time: $.t, sent_time: $.sent", NOON - 1_000_000),
    ("event_time: $.t, sent_time: {from: $.ms, format: epoch_ms}", NOON - 2_000_000),
    ("event_time: $.t, sent_time: $.t", None),
])  # fmt: skip
def test_the_clock_of_a_reading_is_the_one_that_told_its_time(fields: str, clock: int | None) -> None:
    rules = mapping(f"events: [{{fields: {{unit_id: $.u, {fields}}}}}]")
    said = {"u": "U", "t": "no time", "sent": "2026-11-23T11:59:59Z", "ms": (NOON - 2_000_000) // 1000}
    [reading] = read_message(message(said), rules, "line")
    assert isinstance(reading, Reading)
    assert (reading.kind, reading.source, reading.clock_us) == (Kind.SCAN, "line", clock)
    if "$arrived" in fields:
        assert reading.body["event_time"] == NOON_TEXT


@pytest.mark.parametrize(("payload", "words"), [
    (b"{", "not JSON"),
    (b"\xff\xfe", "not JSON"),
    (b"NaN", "no number of JSON"),
    (b"[" * 100_000, "not JSON"),
    (b"1" * 5_000, "not JSON"),
    (b" " * (LONGEST_PAYLOAD + 1), "longer than"),
    (b'{"u": {}, "t": "T"}', "unit_id"),
    (b'{"u": "\\ud800", "t": "T"}', "surrogate"),
])  # fmt: skip
def test_what_cannot_be_read_is_kept_with_topic_and_reason(payload: bytes, words: str) -> None:
    [bad] = read_message(message(payload), READS, "line")
    assert isinstance(bad, Unreadable)
    assert words in bad.en
    assert bad.en.startswith("line/M1/read: ")
    assert any(character >= "\u4e00" for character in bad.zh)
    assert payload.startswith(bad.raw)
    assert len(bad.raw) <= MOST_KEPT


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("utab") | st.text(), inner, max_size=4),
    max_leaves=12,
)
FUZZED = mapping("""
events:
  - each: $.a[*].b[*]
    fields: {unit_id: '@.u', event_time: {from: '^.t', format: epoch_ms}, parent_ids: '@.a[*]', quantity: '$.b'}
  - when: {$.t: {exists: true}}
    fields: {unit_id: $.u, event_time: $arrived, sent_time: {from: $.t, time_zone: Asia/Shanghai}}
  - kind: machine
    fields: {work_unit_id: '$topic[0]', event_time: $arrived, state: {from: $.u, values: {'1': execute}}}
""")


@given(st.binary(max_size=200) | VALUE.map(lambda value: json.dumps(value).encode()), st.text(max_size=20))
def test_any_bytes_are_readings_or_refusals_that_the_queue_can_keep(payload: bytes, topic: str) -> None:
    for one in read_message(BrokerMessage(topic, payload, NOON), FUZZED, "line"):
        if isinstance(one, Reading):
            kept = row_of(one)
            assert isinstance(kept, Row | Unreadable)
        else:
            assert one.en
            assert one.zh


@given(st.text(alphabet="$@^.[]'*01atopicrived", max_size=14))
def test_a_path_that_the_file_takes_can_be_followed(text: str) -> None:
    quoted = text.replace("'", "''")
    try:
        rules = mapping(f"events: [{{fields: {{unit_id: '{quoted}', event_time: $.t}}}}]")
    except MappingError:
        return
    read_message(message({"a": [{"t": 1}], "t": "T"}), rules, "line")
