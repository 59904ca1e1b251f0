"""What a Sparkplug B message holds: its bytes → time, sequence number and metrics, or a refusal with its reason.

Field numbers and datatypes are those of the Sparkplug 3.0 specification, chapter 6 (payloads); the bytes are
Protocol Buffers (https://protobuf.dev/programming-guides/encoding/). Fields not known are passed over, as both ask.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

LONGEST_PAYLOAD = 4 * 1024 * 1024
"""Bytes."""
MOST_METRICS = 20_000
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_SHAPES = {1: _VARINT, 2: _BYTES, 3: _VARINT}
_METRIC_SHAPES = {
    1: _BYTES, 2: _VARINT, 3: _VARINT, 4: _VARINT, 5: _VARINT, 7: _VARINT, 10: _VARINT, 11: _VARINT, 12: _FOUR,
    13: _EIGHT, 14: _VARINT, 15: _BYTES, 16: _BYTES, 17: _BYTES, 18: _BYTES, 19: _BYTES,
}  # fmt: skip

Value = int | float | bool | str | bytes | None
Field = tuple[int, int, int | bytes]


class Datatype(IntEnum):
    """Datatypes of metrics that are read as values."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15
    BYTES = 17
    FILE = 18


_SIGNED = {Datatype.INT8: 8, Datatype.INT16: 16, Datatype.INT32: 32, Datatype.INT64: 64}


class BadSparkplug(Exception):
    """Bytes that are no Sparkplug payload; `en` and `zh` say why."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `datatype` 0 = as in the birth; `time` in ms since 1970 UTC; `unread` says why no value was read."""

    name: str | None = None
    alias: int | None = None
    time: int | None = None
    datatype: int = 0
    historical: bool = False
    null: bool = False
    value: Value = None
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Payload:
    """One message. `time` in ms since 1970 UTC; `seq` 0–255, None where the message has none (deaths)."""

    time: int | None
    seq: int | None
    metrics: tuple[Metric, ...]


def read_payload(data: bytes) -> Payload:
    """Raises BadSparkplug, and nothing else, for bytes that cannot be read."""
    if len(data) > LONGEST_PAYLOAD:
        raise BadSparkplug(f"longer than {LONGEST_PAYLOAD} bytes", f"超过 {LONGEST_PAYLOAD} 字节")
    time: int | None = None
    seq: int | None = None
    metrics: list[Metric] = []
    for number, value in _known(data, _SHAPES):
        if isinstance(value, bytes):
            if len(metrics) == MOST_METRICS:
                raise BadSparkplug(f"more than {MOST_METRICS} metrics", f"指标多于 {MOST_METRICS} 个")
            metrics.append(_read_metric(value))
        elif number == 1:
            time = value
        else:
            seq = value
    if seq is not None and seq > 255:
        raise BadSparkplug(f"seq is {seq}, it has to be 0 to 255", f"seq 为 {seq}，应在 0 至 255 之间")
    return Payload(time, seq, tuple(metrics))


def rebirth_request(time: int) -> bytes:
    """The payload of an NCMD that asks an edge node to be born again; `time` in ms since 1970 UTC."""
    name = b"Node Control/Rebirth"
    metric = bytes([1 << 3 | _BYTES, len(name)]) + name + bytes([4 << 3, Datatype.BOOLEAN, 14 << 3, 1])
    stamp = bytearray([1 << 3])
    while time > 0x7F:
        stamp.append(time & 0x7F | 0x80)
        time >>= 7
    return bytes(stamp) + bytes([time, 2 << 3 | _BYTES, len(metric)]) + metric


def signed(value: Value, datatype: int) -> Value:
    """The number meant by unsigned bits where `datatype` (of the metric or its birth) has a sign."""
    bits = {int(kind): size for kind, size in _SIGNED.items()}.get(datatype)
    if bits is None or not isinstance(value, int) or isinstance(value, bool):
        return value
    low = value & ((1 << bits) - 1)
    return low - (1 << bits) if low >> (bits - 1) else low


def _read_metric(data: bytes) -> Metric:
    found = dict(_known(data, _METRIC_SHAPES))
    datatype = _whole(found, 4) or 0
    null = bool(_whole(found, 7))
    value, unread = (None, "") if null else _read_value(found)
    if isinstance(value, float) and not math.isfinite(value):
        value, unread = None, "not a finite number"
    name = found.get(1)
    return Metric(
        name=_text(name) if isinstance(name, bytes) else None,
        alias=_whole(found, 2),
        time=_whole(found, 3),
        datatype=datatype,
        historical=bool(_whole(found, 5)),
        null=null,
        value=signed(value, datatype),
        unread=unread,
    )


def _read_value(found: dict[int, int | bytes]) -> tuple[Value, str]:
    for number in (number for number in found if number >= 10):
        value = found[number]
        if isinstance(value, int):
            return _number(number, value), ""
        if number == 15:
            return _text(value), ""
        if number == 16:
            return value, ""
        return None, {17: "a data set", 18: "a template"}.get(number, "an extension")
    return None, "no value"


def _number(number: int, value: int) -> Value:
    if number == 12:
        return float(struct.unpack("<f", value.to_bytes(4, "little"))[0])
    if number == 13:
        return float(struct.unpack("<d", value.to_bytes(8, "little"))[0])
    if number == 14:
        return bool(value)
    return value & 0xFFFFFFFF if number == 10 else value


def _whole(found: dict[int, int | bytes], number: int) -> int | None:
    value = found.get(number)
    return value if isinstance(value, int) else None


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise BadSparkplug("a text is not UTF-8", "文本不是 UTF-8 编码") from None


def _known(data: bytes, shapes: dict[int, int]) -> Iterator[tuple[int, int | bytes]]:
    for number, shape, value in _fields(data):
        if number in shapes:
            if shapes[number] != shape:
                raise BadSparkplug(f"field {number} has another wire type", f"字段 {number} 的线型不符")
            yield number, value


def _fields(data: bytes) -> Iterator[Field]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, shape = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise BadSparkplug(f"field number {number} does not exist", f"字段号 {number} 不存在")
        if shape == _VARINT:
            whole, at = _varint(data, at)
            yield number, shape, whole
            continue
        if shape not in (_EIGHT, _BYTES, _FOUR):
            raise BadSparkplug(f"wire type {shape} is not used by Sparkplug", f"Sparkplug 不使用线型 {shape}")
        size, at = _varint(data, at) if shape == _BYTES else (8 if shape == _EIGHT else 4, at)
        if size > len(data) - at:
            raise BadSparkplug("ends in the middle of a field", "在字段中间结束")
        part = data[at : at + size]
        at += size
        yield number, shape, part if shape == _BYTES else int.from_bytes(part, "little")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    whole = 0
    for place in range(10):
        if at + place >= len(data):
            raise BadSparkplug("ends in the middle of a number", "在数字中间结束")
        byte = data[at + place]
        whole |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return whole & 0xFFFFFFFFFFFFFFFF, at + place + 1
    raise BadSparkplug("a number is longer than ten bytes", "数字超过十个字节")
