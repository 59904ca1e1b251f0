"""The two readings of an item at the front door accept and refuse the same, and both are the contract's."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.event import SubmittedEvent
from schemas.message import Malformed, read_json, validated
from schemas.registry import EXAMPLES
from services.adapters.submitted import _by_contract, _quick, canonical, read_scan
from services.core.entry import enter
from services.core.equipment import PlantModel
from services.core.errors import BadScan, Reason
from services.core.instant import parse_instant

FOLDERS = ("floor.scans", "http.scans")
FILES = [path for folder in FOLDERS for path in sorted((EXAMPLES / folder).glob("*valid-*.json"))]
NOW = parse_instant("2026-11-23T06:00:00Z")


def plant(operation: str | None, read_point: str | None) -> PlantModel:
    """A plant that has this operation and this read point, and believes every clock."""
    return PlantModel.from_document(
        {
            "tracking": {
                "presence": "single", "max_clock_ahead_us": 1 << 62, "max_clock_skew_us": 1 << 62,
                "history_events": 1, "history_horizon_us": 1, "unit_retention_us": 1,
            },
            "operations": [{"id": "OP"}, {"id": operation}],
            "read_points": [{"id": read_point, "operation": "OP", "action": "arrive"}],
        }
    )  # fmt: skip


def refusal(raw: bytes) -> Reason | None:
    """Why this plant, which has all places the event names, refuses it; None: it does not."""
    try:
        event = read_scan(raw)
        enter(event, plant(event.operation_id, event.read_point_id), "http", NOW)
    except BadScan as refused:
        return refused.reason
    return None


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_example_is_taken_or_refused_as_its_name_says(path: Path) -> None:
    # The identity may be left out here, and only here.
    expected = path.name.startswith("valid-") or path.stem == "invalid-no-event-id"
    assert refusal(path.read_bytes()) == (None if expected else Reason.MALFORMED)


IDS = st.one_of(
    st.sampled_from(
        ["U1", "", " ", "urn:epc:id:sgtin:1.2.3", "单元", "a\x00b", "\x02U1\x03", "x" * 257, "e\u0301", "a:b"]
    ),
    st.text(max_size=8),
)
TIMES = st.one_of(
    st.sampled_from(["2026-11-23T06:00:00Z", "2026-11-23T06:00:60Z", "2026-11-23t06:00:00.123456789+08:00", "", " "]),
    st.sampled_from([5, 1.5, True, [], {}, "1999-01-01T00:00:00Z", "soon"]),
)
AMOUNTS = st.one_of(
    st.sampled_from(["1", "0", "-1", "1_0", " 1", "１", "1e2", "1E-7", "NaN", "Infinity", "", "+5", "0.1234567", "x"]),
    st.sampled_from([1, 0, -1, 1.5, 10**18, 1e300, True, [], 123456789012.123456]),
)
ANYTHING = st.one_of(IDS, TIMES, AMOUNTS, st.sampled_from([[1], ["a:b"], [[":"]], {"a": {"b": ":"}}, [{"x": 1}]]))
FIELDS = {
    "event_id": IDS, "event_time": TIMES, "unit_id": IDS, "read_point_id": IDS, "operation_id": IDS,
    "action": st.sampled_from(["arrive", "start", "scrap", "adjust", "void", "hold", "", "ARRIVE", 1]),
    "quantity": AMOUNTS, "scrap_quantity": AMOUNTS, "quantity_delta": AMOUNTS, "order_id": IDS, "product_id": IDS,
    "work_unit_id": IDS, "operator_id": IDS, "parent_ids": st.one_of(st.lists(IDS, max_size=2), IDS), "voids": IDS,
    "sent_time": TIMES, "device_time": TIMES, "source": ANYTHING, "recorded_time": ANYTHING, "unknown": ANYTHING,
}  # fmt: skip
GOOD = {"event_id": "e1", "event_time": "2026-11-23T06:00:00Z", "unit_id": "U1", "action": "hold"}
EVENTS = st.fixed_dictionaries({}, optional={**FIELDS}).map(lambda fields: {**GOOD, **fields})


def as_json(value: object, escaped: bool) -> bytes:
    return json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")


@given(EVENTS, st.booleans())
def test_the_quick_reading_is_the_contracts_or_none(value: dict[str, object], escaped: bool) -> None:
    raw = as_json(value, escaped)
    quick = _quick(raw)
    if quick is not None:
        assert canonical(quick) == canonical(_by_contract(raw))


@given(EVENTS, st.booleans())
def test_what_is_accepted_is_what_the_contract_accepts(value: dict[str, object], escaped: bool) -> None:
    raw = as_json(value, escaped)
    expected = None
    try:
        validated(SubmittedEvent, read_json(raw))
    except Malformed:
        expected = Reason.MALFORMED
    assert refusal(raw) == expected


@given(EVENTS, st.sampled_from(sorted(GOOD)))
def test_a_key_that_is_there_twice_is_never_passed_over(value: dict[str, object], key: str) -> None:
    raw = as_json(value, False)[:-1] + b', "%b": "2026-11-23T06:00:00Z"}' % key.encode()
    with pytest.raises(BadScan):
        read_scan(raw)


def test_an_ordinary_scan_is_read_quickly() -> None:
    assert _quick(
        as_json({**GOOD, "unit_id": "urn:epc:id:sgtin:单元", "quantity": "1.50", "parent_ids": ["a:b"]}, False)
    )


def test_however_deep_it_is_nested_it_is_read_or_refused() -> None:
    for depth in range(800, 1_000):
        with contextlib.suppress(Malformed):
            read_json(b'{"a": "\\ud83d\\ude00", "b": %b%b}' % (b"[" * depth, b"]" * depth))
