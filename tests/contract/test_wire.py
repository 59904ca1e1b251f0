"""The decoder of the hot road accepts and refuses what the contract does, and reads the same in it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.event import ScanEvent, parse_event, parse_line
from schemas.message import Malformed
from schemas.registry import EXAMPLES
from services.adapters.wire import decode_event, decode_line, decode_marker
from services.core.equipment import PlantModel
from services.core.errors import BadScan, Reason
from services.core.instant import SourceClock, parse_instant
from services.core.resolve import resolve
from services.core.scan import Scan
from services.core.unit import ONE

FILES = sorted((EXAMPLES / "floor.scans").glob("*valid-*.json"))
FAR = 1 << 62
CLOCKS = {"kafka": ("rfc3339", None), "plc": ("epoch_ms", None), "mes": ("%Y-%m-%d %H:%M:%S", "Asia/Shanghai")}


def plant(operation: str | None, read_point: str | None) -> PlantModel:
    """A plant that has this operation and this read point, and believes every clock."""
    return PlantModel.from_document(
        {
            "tracking": {
                "presence": "single", "max_clock_ahead_us": FAR, "max_clock_skew_us": 0,
                "history_events": 1, "history_horizon_us": 1, "unit_retention_us": 1,
            },
            "operations": [{"id": "OP"}, {"id": "L1.OP10"}, {"id": operation}],
            "read_points": [{"id": p, "operation": "OP", "action": "arrive"} for p in (read_point, "L1-OP10-IN")],
            "sources": {name: {"time_format": form, "time_zone": zone} for name, (form, zone) in CLOCKS.items()},
        }
    )  # fmt: skip


def by_contract(raw: bytes, source: str = "kafka") -> ScanEvent | None:
    """The event as schemas/ reads it, times as the source writes them."""
    form, zone = CLOCKS[source]
    clock = SourceClock(zone, form)

    def read_time(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise ValueError("no time")
        return clock.parse(str(value))

    try:
        return parse_event(raw, read_time)
    except Malformed:
        return None


def by_wire(raw: bytes, contract: ScanEvent | None, source: str = "kafka") -> tuple[str, Scan] | Reason:
    """The event as track reads it, in a plant that has every place the contract saw."""
    model = plant(contract and contract.operation_id, contract and contract.read_point_id)
    try:
        return resolve(decode_event(raw), model, source, FAR)
    except BadScan as refused:
        return refused.reason


def assert_both_read_the_same(raw: bytes, source: str = "kafka") -> None:
    contract = by_contract(raw, source)
    wire = by_wire(raw, contract, source)
    if contract is None:
        assert wire in (Reason.MALFORMED, Reason.UNKNOWN_OPERATION, Reason.UNKNOWN_READ_POINT)
        return
    assert not isinstance(wire, Reason), (wire, raw)
    unit_id, scan = wire
    said: dict[str, Any] = {
        "unit_id": unit_id, "event_id": scan.event_id, "event_time": scan.time, "product_id": scan.product,
        "work_unit_id": scan.work_unit, "quantity": scan.quantity, "scrap_quantity": scan.scrap_quantity,
        "quantity_delta": scan.quantity_delta,
    }  # fmt: skip
    expected = {name: getattr(contract, name) for name in said}
    for name in ("quantity", "scrap_quantity", "quantity_delta"):
        expected[name] = None if expected[name] is None else expected[name] * ONE
    assert said == expected
    assert (contract.action or "arrive") == scan.action.name.lower()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_taken_or_refused_as_its_name_says(path: Path) -> None:
    raw = path.read_bytes()
    contract = by_contract(raw)
    assert (contract is not None) == path.name.startswith("valid-")
    assert_both_read_the_same(raw)
    if contract is None:
        assert by_wire(raw, contract) == Reason.MALFORMED


IDS = st.one_of(
    st.sampled_from(["U1", "", " ", "单元", "a\x00b", "\x02U1\x03", "x" * 129, "x" * 257, "e\u0301", "\u3000x\xa0"]),
    st.text(max_size=8),
    st.sampled_from([7, True, [], None]),
)
TIMES = st.one_of(
    st.sampled_from(["2026-11-23T06:00:00Z", "2026-11-23T06:00:60Z", "2026-11-23t06:00:00.123456789+08:00", "", None]),
    st.sampled_from([5, 1.5, True, [], "1999-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "soon", "2026-11-23"]),
    st.sampled_from([1_795_413_600_123, 1_795_413_600_123.456, "1795413600123", "2026-11-23 14:00:00"]),
)
AMOUNT_TEXTS = [
    "1", "0", "-0", "-1", "+5", "1_0", " 1", "1 ", "１", "٣", ".5", "5.", "1e2", "1E-7", "0e9", "1e1000", "NaN", "sNaN",
    "-Infinity", "", "0.1234567", "0.1234560", "1" * 18, "1" * 19, "1" * 18 + ".0", "123456789012.123456",
    "1234567890123.123456", "0.000001" + "0" * 30, "1.0000000000000000000000000000001", "1" + "0" * 17 + "." + "0" * 50,
    "0" * 999 + "1", "0" * 1000 + "1", "\u0661", "x", "1e-6", "10e-7", "1e17", "1e18",
]  # fmt: skip
AMOUNTS = st.one_of(
    st.sampled_from(AMOUNT_TEXTS),
    st.sampled_from([1, 0, -1, 1.5, 10**17, 10**18, 10**40, 1e300, 1e-7, True, [], None, 123456789012.123456]),
    st.decimals(allow_nan=False, allow_infinity=False, places=6).map(str),
    st.from_regex(r"[-+ ]?[0-9]{0,20}(\.[0-9]{0,8})?([eE][-+]?[0-9]{1,4})?", fullmatch=True),
)
JUNK = st.one_of(IDS, AMOUNTS, st.sampled_from([{"quantity": "1_0"}, ["x", {"unit_id": 3}], 1e300]))
FIELDS = {
    "event_id": IDS, "event_time": TIMES, "unit_id": IDS, "read_point_id": IDS, "operation_id": IDS,
    "action": st.sampled_from(["arrive", "start", "scrap", "adjust", "void", "hold", "", "ARRIVE", 1, None]),
    "quantity": AMOUNTS, "scrap_quantity": AMOUNTS, "quantity_delta": AMOUNTS, "order_id": IDS, "product_id": IDS,
    "work_unit_id": IDS, "operator_id": IDS, "parent_ids": st.one_of(st.lists(IDS, max_size=2), IDS), "voids": IDS,
    "sent_time": TIMES, "device_time": TIMES, "source": JUNK, "recorded_time": JUNK, "unknown": JUNK,
    "xquantity": AMOUNTS,
}  # fmt: skip
GOOD = {"event_id": "e1", "event_time": "2026-11-23T06:00:00Z", "unit_id": "U1", "operation_id": "OP", "action": "hold"}
EVENTS = st.one_of(
    st.fixed_dictionaries({}, optional=FIELDS).map(lambda fields: {**GOOD, **fields}),
    *[values.map(lambda value, name=name: {**GOOD, name: value}) for name, values in FIELDS.items()],
)


def as_json(value: object, escaped: bool) -> bytes:
    return json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")


@settings(max_examples=400)
@given(EVENTS, st.booleans())
@example({**GOOD, "quantity": "1", "unknown": {"quantity": "1_0"}}, False)
@example({**GOOD, "action": "void"}, False)
def test_any_event_is_read_as_the_contract_reads_it(value: dict[str, object], escaped: bool) -> None:
    assert_both_read_the_same(as_json(value, escaped))


@pytest.mark.parametrize("amount", AMOUNT_TEXTS)
@pytest.mark.parametrize("escaped", [True, False])
def test_any_amount_is_read_as_the_contract_reads_it(amount: str, escaped: bool) -> None:
    assert_both_read_the_same(as_json({**GOOD, "quantity": amount}, escaped))
    raw = as_json({**GOOD, "quantity_delta": amount}, escaped)
    assert_both_read_the_same(raw.replace(b'"hold"', b'"adjust"'))


@pytest.mark.parametrize(
    "number", ["1e9999999", "-1e9999999", "0e9999999", "1e-9999999", "1.000000000000000000000000000001"]
)
def test_a_number_beyond_every_decimal_is_read_as_the_contract_reads_it(number: str) -> None:
    assert_both_read_the_same(as_json(GOOD, False)[:-1] + b', "quantity": %b}' % number.encode())


@given(TIMES, TIMES, st.sampled_from(sorted(CLOCKS)))
def test_times_of_any_source_are_read_as_the_contract_reads_them(event: object, device: object, source: str) -> None:
    assert_both_read_the_same(as_json({**GOOD, "event_time": event, "device_time": device}, False), source)


@pytest.mark.parametrize("raw", [
    b"", b"{", b"[]", b"null", b"{} {}", b"\xef\xbb\xbf{}", b'{"x":"\xff"}', b'{"\xff":1}', b'{"x":"\xed\xa0\x80"}',
    b'{"x":NaN}', b'{"x":"\\ud800"}', b'{"x":01}', b'{"x":"\x01"}', b'{"x":1,}', b"[" * 100_000,
])  # fmt: skip
def test_what_is_no_json_object_is_refused_by_both(raw: bytes) -> None:
    good = as_json(GOOD, False)[:-1]
    for bad in (raw, good + b", " + raw[1:] if raw[:2] == b'{"' else raw):
        assert by_contract(bad) is None
        assert by_wire(bad, None) == Reason.MALFORMED


def test_of_a_key_that_is_there_twice_the_last_counts_in_both() -> None:
    raw = as_json(GOOD, False)[:-1] + b', "unit_id": "U2"}'
    contract = by_contract(raw)
    assert contract is not None
    assert contract.unit_id == "U2"
    assert_both_read_the_same(raw)


LINES = st.fixed_dictionaries({}, optional={"source": st.one_of(IDS, JUNK), "recorded_time": st.one_of(TIMES, JUNK)})


@given(LINES)
def test_a_line_of_a_file_is_read_as_the_contract_reads_it(system: dict[str, object]) -> None:
    raw = as_json({**GOOD, **system}, True)
    try:
        contract = parse_line(raw)
    except Malformed:
        with pytest.raises(BadScan):
            decode_line(raw)
        return
    line = decode_line(raw)
    assert (line.source, line.recorded_time) == (contract.source, contract.recorded_time)


@pytest.mark.parametrize("changed", [
    {"operation_id": "\x02OP "}, {"order_id": ""}, {"parent_ids": []}, {"operator_id": "O2"}, {"work_unit_id": "W2"},
    {"sent_time": "2026-11-23T07:00:00Z"}, {"quantity": None}, {"voids": ""},
])  # fmt: skip
def test_a_repeat_may_be_written_otherwise(changed: dict[str, object]) -> None:
    first, again = (
        resolve(decode_event(as_json(each, True)), plant("OP", None), "", FAR) for each in (GOOD, GOOD | changed)
    )
    assert first[1].content == again[1].content


@pytest.mark.parametrize("changed", [
    {"event_time": "2026-11-23T06:00:01Z"}, {"action": "release"}, {"order_id": "O"}, {"product_id": "P"},
    {"parent_ids": ["U0"]}, {"quantity": "2"}, {"scrap_quantity": "1"}, {"quantity_delta": "1"}, {"voids": "e0"},
])  # fmt: skip
def test_other_content_is_no_repeat(changed: dict[str, object]) -> None:
    first, other = (
        resolve(decode_event(as_json(each, True)), plant("OP", None), "", FAR) for each in (GOOD, GOOD | changed)
    )
    assert first[1].content != other[1].content


@pytest.mark.parametrize("value", [None, b"", b"[" * 100_000, b'{"model": "x"}', b"\xff"])
def test_a_marker_that_cannot_be_read_says_nothing(value: bytes | None) -> None:
    marker = decode_marker(value)
    assert (marker.model, marker.barrier) == (None, None)


def test_an_instant_of_a_line_is_in_microseconds() -> None:
    line = decode_line(as_json({**GOOD, "recorded_time": "2026-11-23T06:00:01Z"}, True))
    assert line.recorded_time == parse_instant("2026-11-23T06:00:01Z")
