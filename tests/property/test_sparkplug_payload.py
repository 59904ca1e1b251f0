"""Sparkplug payloads: published ones decode, and whatever the bytes, the answer is a payload or a reason."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.core.sparkplug_payload import BadSparkplug, Payload, read_payload, signed

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "sparkplug_b" / "test_vectors.json"
WIDTHS = {1: 8, 2: 16, 3: 32, 4: 64}


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def part(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def test_published_payloads_decode() -> None:
    if not VECTORS.exists():
        pytest.skip("no ../shared/data beside this repository")
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    read = {vector["name"]: read_payload(base64.b64decode(vector["base64"])) for vector in vectors}
    assert {v["name"]: v["metric_count"] for v in vectors} == {name: len(p.metrics) for name, p in read.items()}
    birth = read["NBIRTH_V1"]
    assert [metric.name for metric in birth.metrics] == ["bdSeq", "Node Control/Rebirth", "Temperature"]
    assert [metric.value for metric in birth.metrics] == [88, False, 21.5]
    assert (birth.seq, read["NDATA_V1"].seq, read["NDATA_GAP"].seq, read["NDATA_WRAPAROUND"].seq) == (0, 1, 5, 0)
    assert (read["NDATA_V1"].metrics[0].alias, read["NDATA_V1"].metrics[0].value) == (100, 22.5)
    assert [metric.value for metric in read["NDEATH_V1"].metrics] == [0]


def payload_or_reason(data: bytes) -> Payload | BadSparkplug:
    try:
        return read_payload(data)
    except BadSparkplug as refused:
        return refused


@settings(suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=400) | st.binary(max_size=120).map(lambda metric: part(2, metric)))
def test_any_bytes_are_a_payload_or_a_reason(data: bytes) -> None:
    answer = payload_or_reason(data)
    assert isinstance(answer, Payload) or (answer.en and answer.zh)


@settings(suppress_health_check=list(HealthCheck))
@given(st.text(max_size=20), st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 255), st.booleans())
def test_what_is_written_is_read(name: str, value: float, seq: int, historical: bool) -> None:
    metric = (
        part(1, name.encode()) + whole(4, 10) + whole(5, historical) + varint(13 << 3 | 1) + struct.pack("<d", value)
    )
    read = read_payload(whole(1, 5) + part(2, metric) + whole(3, seq))
    assert (read.time, read.seq) == (5, seq)
    assert [(m.name, m.value, m.historical) for m in read.metrics] == [(name, value, historical)]


@settings(suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(WIDTHS)), st.data())
def test_signs_come_back(datatype: int, data: st.DataObject) -> None:
    bits = WIDTHS[datatype]
    value = data.draw(st.integers(-(1 << bits - 1), (1 << bits - 1) - 1))
    assert signed(value & ((1 << bits) - 1), datatype) == value


@pytest.mark.parametrize(
    ("number", "why"), [(17, "a data set"), (18, "a template"), (19, "an extension")], ids=["set", "template", "other"]
)
def test_what_is_not_read_says_why(number: int, why: str) -> None:
    assert read_payload(part(2, part(number, b""))).metrics[0].unread == why


def test_a_number_that_is_none_is_no_value() -> None:
    metric = read_payload(part(2, varint(12 << 3 | 5) + struct.pack("<f", float("nan")))).metrics[0]
    assert (metric.value, metric.unread) == (None, "not a finite number")


def test_a_sequence_number_beyond_255_is_refused() -> None:
    with pytest.raises(BadSparkplug, match="seq is 256"):
        read_payload(whole(3, 256))
