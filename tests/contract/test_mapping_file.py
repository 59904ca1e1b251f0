"""The mapping file: the example is good, and every error names its line and key in both languages."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas
from schemas.event import RecordedEvent
from schemas.machine import MachineEvent, PartCounter
from schemas.mapping import MappingError, load_mapping
from schemas.mapping_document import CounterFrom, FieldsFrom
from services.core.mapping import Mapped, RecordMapping

EXAMPLE = Path(schemas.__file__).parent / "mapping_example.yaml"
ROW = {
    "序列号": "U1", "开工时间": "2026/11/3 8:05:09", "完工时间": "2026/11/03 09:05:09", "结果": "合格", "数量": "3",
    "产线": "L1", "工序": "焊接", "机台": "M1", "工单号": "W1", "物料编码": "P1",
}  # fmt: skip


def test_the_example_makes_two_events_of_a_row() -> None:
    document = load_mapping(EXAMPLE.read_text(encoding="utf-8"))
    assert document["file"]["delimiter"] == "\t"
    made = [one for one in RecordMapping.from_document(document["events"]).read(ROW) if isinstance(one, Mapped)]
    assert [one.event["action"] for one in made] == ["start", "finish"]
    assert [one.event["event_time"] for one in made] == [
        "2026-11-03T00:05:09.000000+00:00", "2026-11-03T01:05:09.000000+00:00"
    ]  # fmt: skip


def test_the_commented_rules_of_the_example_are_good_too() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    rules = [line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   ")]
    assert len(load_mapping("events:\n" + "\n".join(rules))["events"]) == 2


def test_every_field_of_an_event_can_be_mapped_and_no_other() -> None:
    counter = set(CounterFrom.model_fields)
    assert set(FieldsFrom.model_fields) == set(RecordedEvent.model_fields) | set(MachineEvent.model_fields)
    assert counter == set(PartCounter.model_fields)


GOOD = "fields: {unit_id: u, event_time: t}"


@pytest.mark.parametrize(("text", "line", "key", "words"), [
    ("", 1, "(file)", "empty"),
    ("events: []", 1, "events", "at least 1"),
    (f"evnts:\n  - {GOOD}", 1, "evnts", "did you mean `events`"),
    ("events:\n  - fields: {unit_id: u}", 2, "events[0].fields", "needs `event_time`"),
    ("events:\n  - fields:\n      unit: u\n      event_time: t", 3, "events[0].fields.unit", "did you mean `unit_id`"),
    (f"events:\n  - each: $.a[\n    {GOOD}", 2, "events[0].each", "cannot read the path"),
    (f"events:\n  - {GOOD}\n    when: {{a: }}", 3, "events[0].when.a", "expected"),
    ("events:\n  - kind: machine\n    fields: {work_unit_id: w, event_time: t}", 3, "events[0].fields", "state"),
    ("events:\n  - fields: {unit_id: u, event_time: t,\n state: s}", 3, "events[0].fields.state", "has no `state`"),
    ("events:\n  - fields: {unit_id: {}, event_time: t}", 2, "events[0].fields.unit_id", "either"),
    ("events:\n  - fields: {unit_id: {from: a, value: b}, event_time: t}", 2, "events[0].fields.unit_id", "either"),
    ("events:\n  - fields: {unit_id: {from: u, time_zone: UTC}, event_time: t}", 2,
     "events[0].fields.unit_id.time_zone", "is no time"),
    ("events:\n  - fields: {unit_id: '$.a[*]', event_time: t}", 2, "events[0].fields.unit_id", "each"),
    (f"file: {{delimiter: ab}}\nevents:\n  - {GOOD}", 1, "file.delimiter", "tab"),
    (f"file: {{header_line: 0}}\nevents:\n  - {GOOD}", 1, "file.header_line", "number of a line"),
    (f"file: {{format: pdf}}\nevents:\n  - {GOOD}", 1, "file.format", "csv"),
])  # fmt: skip
def test_an_error_names_line_key_and_what_is_expected(text: str, line: int, key: str, words: str) -> None:
    with pytest.raises(MappingError) as refused:
        load_mapping(text)
    [problem] = [problem for problem in refused.value.problems if problem.key == key]
    assert problem.line == line, problem
    assert words in problem.en
    assert any("\u4e00" <= character <= "\u9fff" for character in problem.zh), problem.zh


@given(st.text(max_size=80))
def test_any_text_is_a_mapping_or_refused(text: str) -> None:
    with pytest.raises(MappingError):
        load_mapping(text)
