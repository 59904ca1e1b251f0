"""The contract of the messages: every example is taken or refused as its name says; the generated files are fresh."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schemas import generate
from schemas.event import ScanEvent, parse_event, parse_line
from schemas.instant import instant_text, instant_us
from schemas.message import Malformed, decimal_of, decimal_text, read_json, validated
from schemas.partials import OperationPartial
from schemas.registry import BY_NAME, EXAMPLES, TOPICS, Topic
from schemas.text import clean
from services.core.errors import Reason as CoreReason
from services.core.scan import ACTIONS
from services.core.text import clean as core_clean

FILES = sorted(path for path in EXAMPLES.glob("*/*.json") if path.name != "expected.json")
ACCEPTED = [path for path in FILES if not path.name.startswith("invalid-")]
REFUSED = [path for path in FILES if path.name.startswith("invalid-")]


def topic_of(path: Path) -> Topic:
    return BY_NAME[path.parent.name]


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def scan(**changes: object) -> bytes:
    event = {"event_id": "e1", "event_time": "2026-11-23T06:00:00Z", "unit_id": "U1", "read_point_id": "R1"}
    return json.dumps({**event, **changes}).encode()


@pytest.mark.parametrize("path", ACCEPTED, ids=name_of)
def test_example_is_accepted(path: Path) -> None:
    value = read_json(path.read_bytes())
    if path.parent.name == "floor.scans":
        value = {key: item for key, item in value.items() if key not in ("source", "recorded_time")}
    validated(topic_of(path).model_of(path.name), value)


@pytest.mark.parametrize("path", REFUSED, ids=name_of)
def test_example_is_refused_and_the_message_names_the_field(path: Path) -> None:
    expected = json.loads((path.parent / "expected.json").read_text(encoding="utf-8"))[path.name]
    model = topic_of(path).model_of(path.name)
    with pytest.raises(Malformed) as refused:
        validated(model, read_json(path.read_bytes()))
    assert expected["reason"] == CoreReason.MALFORMED
    assert expected["field"] in refused.value.en
    assert any("\u4e00" <= character <= "\u9fff" for character in refused.value.zh)


@pytest.mark.parametrize("folder", sorted(EXAMPLES.iterdir()), ids=lambda folder: folder.name)
def test_expected_names_just_the_refused_examples(folder: Path) -> None:
    refused = {path.name for path in folder.glob("invalid-*.json")}
    expected = folder / "expected.json"
    assert (set(json.loads(expected.read_text(encoding="utf-8"))) if expected.exists() else set()) == refused


@pytest.mark.parametrize("topic", BY_NAME.values(), ids=lambda topic: topic.name)
def test_every_model_has_an_example(topic: Topic) -> None:
    with_example = {topic.model_of(path.name) for path in ACCEPTED if topic_of(path) is topic}
    assert with_example == set(topic.models)


@pytest.mark.parametrize("topic", BY_NAME.values(), ids=lambda topic: topic.name)
def test_what_we_write_reads_back_the_same(topic: Topic) -> None:
    for path in (path for path in ACCEPTED if topic_of(path) is topic):
        model = topic.model_of(path.name)
        message = validated(model, read_json(path.read_bytes()))
        assert validated(model, read_json(message.model_dump_json().encode())) == message, path


def test_generated_files_are_fresh() -> None:
    assert generate.stale() == [], "run `python -m schemas.generate`"


def test_check_names_a_stale_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    assert generate.main([]) == 0
    (tmp_path / "Order.schema.json").write_text("{}", encoding="utf-8")
    assert generate.stale() == ["Order.schema.json"]
    assert generate.main(["--check"]) == 1


def test_asyncapi_references_lead_somewhere() -> None:
    document = yaml.safe_load((generate.FOLDER / "asyncapi.yaml").read_text(encoding="utf-8"))
    messages = document["components"]["messages"]
    assert set(document["channels"]) == {topic.name for topic in TOPICS}
    for channel in document["channels"].values():
        assert {reference["$ref"].rsplit("/", 1)[1] for reference in channel["messages"].values()} <= set(messages)
    for message in messages.values():
        assert (generate.FOLDER / message["payload"]["schema"]["$ref"]).is_file()


def test_system_fields_of_a_kafka_value_are_not_read() -> None:
    assert parse_event(scan(recorded_time="never", source=7)) == parse_event(scan())


def test_system_fields_of_a_file_line_are_read() -> None:
    line = parse_line(scan(recorded_time="2026-11-23T06:00:01Z", source="mes"))
    assert (line.recorded_time, line.source) == (instant_us("2026-11-23T06:00:01Z"), "mes")


def test_source_time_is_read_by_the_given_reader() -> None:
    event = parse_event(scan(event_time=1795413600), read_time=lambda value: int(str(value)) * 1_000_000)
    assert event.event_time == 1_795_413_600_000_000


def test_what_a_source_reader_raises_goes_through() -> None:
    class FoldHour(Exception):
        pass

    def read_time(value: object) -> int:
        raise FoldHour(value)

    with pytest.raises(FoldHour):
        parse_event(scan(), read_time=read_time)


def test_naive_time_names_the_setting() -> None:
    with pytest.raises(Malformed, match="time_zone"):
        parse_event(scan(event_time="2026-11-23T06:00:00"))


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(Malformed) as refused:
        parse_event(scan(event_time="noon", unit_id=7, action="fly"))
    assert all(field in refused.value.en for field in ("event_time", "unit_id", "action"))
    assert all(field in refused.value.zh for field in ("event_time", "unit_id", "action"))


def test_enums_are_those_of_the_rules() -> None:
    assert {action.value for action in BY_ACTION} == set(ACTIONS)


BY_ACTION = list(ScanEvent.model_fields["action"].annotation.__args__[0])  # type: ignore[union-attr]


@given(st.text(max_size=40))
def test_clean_is_stable_and_agrees_with_the_rules(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    try:
        expected = core_clean(text)
    except ValueError:
        return
    assert clean(text) == expected


@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(0, 6))
def test_any_decimal_in_bounds_survives_the_wire(digits: int, fraction: int) -> None:
    number = Decimal(digits).scaleb(-fraction)
    assert decimal_of(number) == number
    assert decimal_of(decimal_text(decimal_of(number))) == number


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_is_exact_or_refused(number: Decimal) -> None:
    try:
        assert decimal_of(number) == number
    except ValueError:
        assert abs(number) >= 10**12 or number * 10**6 % 1 != 0


@given(st.integers(946_684_800_000_000, 253_402_300_799_999_999))
def test_any_instant_survives_the_wire(us: int) -> None:
    assert instant_us(instant_text(us)) == us


@given(st.binary(max_size=60))
def test_any_bytes_are_an_event_or_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_event(data)


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert parse_event(scan(unit_id="箱\U0001f4e6")).unit_id == "箱\U0001f4e6"


def test_half_a_surrogate_pair_is_refused_where_nobody_reads_it() -> None:
    with pytest.raises(Malformed, match="colour"):
        parse_event(scan(colour=["\ud83d"]))


def test_a_value_in_money_keeps_twelve_digits_after_the_point() -> None:
    path = BY_NAME["floor.partials"].examples / "operation-partial.json"
    value = {**read_json(path.read_bytes()), "value": "123456789012345678901.000000000001"}
    assert '"value":"123456789012345678901.000000000001"' in validated(OperationPartial, value).model_dump_json()
