"""News of edge nodes become readings by the mapping of JSON messages; any payload is a reading or a reason."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.mapping import load_mapping
from services.core.mapping import RecordMapping
from services.core.reading import Kind, Reading, Row, Unreadable, row_of
from services.core.sparkplug import Host
from services.core.sparkplug_names import Address, Message, News
from services.core.sparkplug_names import Kind as Said
from services.core.sparkplug_payload import BadSparkplug, read_payload, rebirth_request
from services.core.sparkplug_reading import plain, read_news

NOON = 1_795_435_200_000_000
PRESS = Address("plant", "n1", "press")
MAPPING = RecordMapping.from_document(
    load_mapping("""
events:
  - when: {$.kind: DDATA, "$.metrics['Read/Code']": {exists: true}}
    fields:
      unit_id: $.metrics['Read/Code']
      event_time: $.time
      sent_time: $.sent
      order_id: $.known.Order
      read_point_id: {from: [$.group, $.node, $.device], join: "."}
  - kind: machine
    when: {$.kind: [NDEATH, DDEATH]}
    fields: {work_unit_id: $.device, event_time: $.time, state: {value: aborted}}
""")["events"]
)


def test_a_code_is_a_scan_with_what_is_known_besides() -> None:
    news = News(Said.DDATA, PRESS, NOON, False, {"Read/Code": "U1", "Raw": b"\x00"}, NOON + 5, NOON + 3)
    [reading] = read_news(news, plain({"Order": "O7", "Raw": b"\x00"}), MAPPING, "line")
    assert isinstance(reading, Reading)
    said = {name: value for name, value in reading.body.items() if name != "event_id"}
    assert said == {
        "unit_id": "U1", "event_time": "2026-11-23T12:00:00.000000+00:00", "order_id": "O7",
        "sent_time": "2026-11-23T12:00:00.000003+00:00", "read_point_id": "plant.n1.press",
    }  # fmt: skip
    assert (reading.kind, reading.source, reading.clock_us) == (Kind.SCAN, "line", NOON + 3)
    [again] = read_news(replace(news, arrived=NOON + 9, sent=NOON + 8), {"Order": "O7"}, MAPPING, "line")
    assert isinstance(again, Reading)
    assert again.body["event_id"] == reading.body["event_id"], "the same read, told again, is one event"


def test_a_death_is_what_the_mapping_says_and_a_birth_is_no_read() -> None:
    [death] = read_news(News(Said.NDEATH, PRESS, NOON, False, {}, NOON), {}, MAPPING, "line")
    assert isinstance(death, Reading)
    assert (death.kind, death.body["state"], death.body["work_unit_id"]) == (Kind.MACHINE, "aborted", "press")
    assert read_news(News(Said.DBIRTH, PRESS, NOON, False, {"Read/Code": "U1"}, NOON), {}, MAPPING, "line") == []


def test_an_instant_beyond_all_calendars_is_refused() -> None:
    [bad] = read_news(News(Said.DDATA, PRESS, 2**64 * 1000, False, {"Read/Code": "U1"}, NOON), {}, MAPPING, "line")
    assert isinstance(bad, Unreadable)
    assert "plant/n1/press" in bad.en


@given(st.integers(0, 2**63))
def test_a_request_for_a_birth_is_a_payload_that_is_read(time: int) -> None:
    payload = read_payload(rebirth_request(time))
    [metric] = payload.metrics
    assert (payload.time, payload.seq, metric.name, metric.value) == (time, None, "Node Control/Rebirth", True)


@settings(suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(Said), st.binary(max_size=80)), max_size=6), st.integers(0, 255))
def test_any_payloads_are_readings_that_the_queue_can_keep_or_reasons(said: list[tuple[Said, bytes]], seq: int) -> None:
    host = Host()
    everything = RecordMapping.from_document(
        load_mapping("events: [{fields: {unit_id: '$.metrics', event_time: $.time, parent_ids: '$.known[*]'}}]")[
            "events"
        ]
    )
    for kind, body in said:
        metric = b"\x12" + bytes([len(body) % 128]) + body if seq % 2 else body
        try:
            payload = read_payload(metric + b"\x18" + (bytes([seq]) if seq < 128 else bytes([seq, 1])))
        except BadSparkplug:
            continue
        for outcome in host.receive(Message(kind, PRESS if kind.startswith("D") else Address("p", "n"), payload, NOON)):
            if isinstance(outcome, News):
                for made in read_news(outcome, {}, everything, "line"):
                    assert isinstance(row_of(made) if isinstance(made, Reading) else made, Row | Unreadable)
