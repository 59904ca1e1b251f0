"""A mapping makes events of records: where values stand, what they mean, when there is one, and what is refused."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.mapping import MappingError, load_mapping
from services.core.mapping import MOST_READINGS, Mapped, RecordMapping, Unmapped
from services.core.mapping_path import found, parse_path


def read(text: str, record: object) -> list[Mapped | Unmapped]:
    """What a mapping file with these rules makes of a record."""
    return list(RecordMapping.from_document(load_mapping(text)["events"]).read(record))


def events(text: str, record: object) -> list[dict[str, object]]:
    """The same, where nothing is refused."""
    made = read(text, record)
    assert all(isinstance(one, Mapped) for one in made), made
    return [one.event for one in made if isinstance(one, Mapped)]


RECORD: dict[str, Any] = {
    "a": {"b": [10, {"c d": "deep", "é": 1}]}, "$x": "dollar", "it's": "quoted", "n": None, "@timestamp": "t",
    "reads": [{"epc": "E1"}, {"epc": "E2"}],
}  # fmt: skip


@pytest.mark.parametrize(("path", "values"), [
    ("$.a.b[0]", [10]),
    ("$.a.b[1]['c d']", ["deep"]),
    ('$["a"].b[-1].é', [1]),
    ("$.reads[*].epc", ["E1", "E2"]),
    ("$.a.b[*]", [10, {"c d": "deep", "é": 1}]),
    ("$['it\\'s']", ["quoted"]),
    ("$x", ["dollar"]),
    ("@timestamp", ["t"]),
    ("$.a.b[2]", []),
    ("$.a.b.c", []),
    ("$.a[0]", []),
    ("absent", []),
    ("n", [None]),
])  # fmt: skip
def test_a_path_leads_to_its_values(path: str, values: list[object]) -> None:
    assert list(found(parse_path(path), {"$": RECORD, "@": RECORD})) == values


@pytest.mark.parametrize("path", ["$.", "$..a", "$[a]", "$.a[", "$['a'", "@.a b", "$.a[1:2]", "$[?(@.x)]", ""])
def test_what_is_no_path_is_refused_by_both(path: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the kind of error is all they share
        parse_path(path)
    with pytest.raises(MappingError):
        load_mapping(f"events: [{{fields: {{unit_id: {path!r}, event_time: t}}}}]")


@given(st.text(alphabet="$@.[]'\"*a1 \\é-", max_size=12))
def test_file_and_rules_agree_on_what_a_path_is(text: str) -> None:
    quoted = text.replace("'", "''")
    try:
        read_as = load_mapping(f"events: [{{fields: {{parent_ids: '{quoted}', unit_id: u, event_time: t}}}}]")
    except MappingError:
        return
    [written] = read_as["events"][0]["fields"]["parent_ids"]["from"]
    list(found(parse_path(written), {"$": RECORD, "@": RECORD}))


ROW = "events: [{{fields: {{unit_id: serial, event_time: t, {}}}}}]"


@pytest.mark.parametrize(("field", "row", "expected"), [
    ("operation_id: {from: [m, op], join: '@'}", {"m": "M1", "op": "weld"}, {"operation_id": "M1@weld"}),
    ("operation_id: {from: [m, op]}", {"m": "", "op": "weld"}, {"operation_id": "weld"}),
    ("operation_id: {from: [m, op], join: ''}", {"m": "M", "op": "1"}, {"operation_id": "M1"}),
    ("action: {value: start}", {}, {"action": "start"}),
    ("action: {from: s, values: {B: start, '*': finish}}", {"s": "B"}, {"action": "start"}),
    ("action: {from: s, values: {B: start, '*': finish}}", {"s": "?"}, {"action": "finish"}),
    ("action: {from: s, values: {B: start, '*': ~}}", {"s": "?"}, {}),
    ("action: {from: s, default: arrive}", {"s": "  "}, {"action": "arrive"}),
    ("quantity: q", {"q": Decimal("1.50")}, {"quantity": "1.5"}),
    ("quantity: q", {"q": 3.0}, {"quantity": "3"}),
    ("product_id: p", {"p": 4711}, {"product_id": "4711"}),
    ("product_id: p", {"p": True}, {"product_id": "true"}),
    ("product_id: p", {"p": " x "}, {"product_id": "x"}),
    ("parent_ids: p", {"p": ["A", None, "B"]}, {"parent_ids": ["A", "B"]}),
    ("parent_ids: p", {"p": "A"}, {"parent_ids": ["A"]}),
    ("parent_ids: '$.parts[*].id'", {"parts": [{"id": 1}, {"id": "B"}]}, {"parent_ids": ["1", "B"]}),
])  # fmt: skip
def test_a_field_gets_its_value(field: str, row: dict[str, object], expected: dict[str, object]) -> None:
    made = events(ROW.format(field), {"serial": "U1", "t": "08:00", **row})
    assert made == [{"unit_id": "U1", "event_time": "08:00", **expected}]


SIX = "2026-11-23T06:00:00.000000+00:00"


@pytest.mark.parametrize(("how", "value", "expected"), [
    ("time_zone: Asia/Shanghai", "2026-11-23 14:00:00", SIX),
    ("time_zone: Asia/Shanghai", "2026-11-23T06:00:00Z", SIX),
    ("time_zone: Asia/Shanghai, format: '%Y/%m/%d %H:%M'", "2026/11/23 14:00", SIX),
    ("format: epoch_s", 1795413600, SIX),
    ("format: epoch_s", Decimal("1795413600.25"), "2026-11-23T06:00:00.250000+00:00"),
    ("format: epoch_ms", "1795413600000", SIX),
    ("format: epoch_us", 1795413600000000, SIX),
    ("format: iso", "20261123T060000,5+00:00", "2026-11-23T06:00:00.500000+00:00"),
])  # fmt: skip
def test_a_time_is_read_as_declared(how: str, value: object, expected: str) -> None:
    text = f"events: [{{fields: {{unit_id: u, event_time: {{from: t, {how}}}}}}}]"
    assert events(text, {"u": "U", "t": value}) == [{"unit_id": "U", "event_time": expected}]


BERLIN = "events: [{fields: {unit_id: u, event_time: {from: t, time_zone: Europe/Berlin}}}]"


@pytest.mark.parametrize(("text", "record", "field", "words"), [
    (BERLIN, {"u": "U", "t": "yesterday"}, "event_time", "ISO 8601"),
    (BERLIN, {"u": "U", "t": "2026-11-23"}, "event_time", "date and time"),
    (BERLIN, {"u": "U", "t": "2026-10-25 02:30:00"}, "event_time", "twice"),
    (BERLIN, {"u": "U", "t": "2026-03-29 02:30:00"}, "event_time", "set forward"),
    (BERLIN, {"u": {"id": 1}, "t": "2026-11-23 14:00"}, "unit_id", "list or an object"),
    (BERLIN, {"u": "\ud800", "t": "2026-11-23 14:00"}, "unit_id", "surrogate"),
    (BERLIN, {"u": float("nan"), "t": "2026-11-23 14:00"}, "unit_id", "number"),
    (BERLIN, {"u": Decimal("1e999999"), "t": "2026-11-23 14:00"}, "unit_id", "number"),
    (BERLIN, {"u": 10**5000, "t": "2026-11-23 14:00"}, "unit_id", "digits"),
    (ROW.format("action: {from: s, values: {B: start}}"), {"s": "X"}, "action", "'X' is not in its table"),
])  # fmt: skip
def test_what_cannot_be_mapped_names_field_column_and_reason(
    text: str, record: dict[str, object], field: str, words: str
) -> None:
    [bad] = read(text, record)
    assert isinstance(bad, Unmapped)
    assert (bad.field, words in bad.en) == (field, True), bad
    assert bad.column
    assert any("\u4e00" <= character <= "\u9fff" for character in bad.zh)


@pytest.mark.parametrize(("when", "record", "holds"), [
    ("s: OK", {"s": "OK"}, True),
    ("s: OK", {"s": "NOK"}, False),
    ("s: OK", {}, False),
    ("s: ['1', '2']", {"s": 2}, True),
    ("s: {in: ['true']}", {"s": True}, True),
    ("s: {exists: true}", {"s": ""}, False),
    ("s: {exists: true}", {"s": {"a": 1}}, True),
    ("s: {exists: false}", {"s": None}, True),
    ("s: {not: X}", {"s": "X"}, False),
    ("s: {not: [X, Y]}", {}, True),
    ("s: {exists: true, not: X}", {}, False),
    ("'$.a.b': OK", {"a": {"b": "OK"}}, True),
    ("s: OK, t: T", {"s": "OK", "t": "U"}, False),
])  # fmt: skip
def test_an_event_is_there_only_if_every_condition_holds(when: str, record: dict[str, object], holds: bool) -> None:
    text = f"events: [{{when: {{{when}}}, fields: {{unit_id: {{value: U}}, event_time: {{value: T}}}}}}]"
    assert bool(read(text, record)) is holds


READS = """\
events:
  - each: $.reads[*]
    when: {"@.ok": "true"}
    fields: {unit_id: epc, event_time: $.at, read_point_id: "$.reader['antenna 1']", action: {value: arrive}}
  - kind: machine
    fields:
      work_unit_id: {value: M1}
      event_time: $.at
      state: {from: state, values: {"1": execute}}
      counter: {good: $.counts.ok, reject: {from: $.counts.nok}}
"""


def test_a_record_may_hold_several_readings_and_kinds_of_event() -> None:
    record = {
        "at": "T", "reader": {"antenna 1": "GATE"}, "state": 1, "counts": {"ok": "12", "nok": Decimal("0")},
        "reads": [{"epc": "E1", "ok": True}, {"epc": "E2", "ok": False}, {"epc": "E3", "ok": True}],
    }  # fmt: skip
    scan = {"event_time": "T", "read_point_id": "GATE", "action": "arrive"}
    assert read(READS, record) == [
        Mapped("scan", {"unit_id": "E1", **scan}, 0),
        Mapped("scan", {"unit_id": "E3", **scan}, 1),
        Mapped("machine", {
            "work_unit_id": "M1", "event_time": "T", "state": "execute", "counter": {"good": 12, "reject": 0},
        }, 2),
    ]  # fmt: skip


def test_one_reading_that_is_refused_leaves_the_others() -> None:
    text = "events: [{each: '$[*]', fields: {unit_id: u, event_time: {from: t, format: epoch_s}}}]"
    made = read(text, [{"u": "A", "t": 1795413600}, {"u": "B", "t": "never"}, {"u": "C", "t": 1795413601}])
    assert [type(one) for one in made] == [Mapped, Unmapped, Mapped]


def test_a_record_of_too_many_readings_is_refused() -> None:
    text = "events: [{each: '$[*]', fields: {unit_id: u, event_time: t}}]"
    [bad] = read(text, [{"u": "U", "t": "T"}] * (MOST_READINGS + 1))
    assert isinstance(bad, Unmapped)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["reads", "epc", "at", "state", "ok", "counts", "nok"]) | st.text(), inner)
    ),
)


READS_MAPPING = RecordMapping.from_document(load_mapping(READS)["events"])


@given(JSON)
def test_any_record_is_mapped_or_refused(record: object) -> None:
    for one in READS_MAPPING.read(record):
        if isinstance(one, Mapped):
            assert all(isinstance(value, str | list | dict) for value in one.event.values())
        else:
            assert one.en
            assert one.zh
