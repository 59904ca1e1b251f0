"""Bytes on the topics the store reads → rows of its tables, in the column order of timescale_write.COLUMNS.

Our own topics are read strictly: what does not fit is a broken guarantee. floor.scans and floor.machines may carry
anything: their bytes are kept as they came, and the text beside them is read as well as it can be.
NUL, which PostgreSQL's text cannot hold, is taken out of every text; the bytes still have it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from services import topology
from services.core.errors import BrokenGuarantee, Guarantee
from services.core.stored import Row
from services.core.text import clean

LONGEST_INSTANT_US = 253_402_300_799_999_999  # the last µs of the year 9999, where readers of dates end
LONGEST_ID = 256
JSON_NUL = b"\\u0000"
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises for bytes that are not the message: no JSON, no UTF-8, nested without end."""

T = TypeVar("T")


class Record(Protocol):
    """A record as the Kafka client gives it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class _Reject(msgspec.Struct):
    generation: int
    partition: int
    offset: int
    reason: str
    detail: dict[str, str]
    recorded_us: int
    source: str
    origin: str
    unit_id: str | None = None
    event_id: str | None = None
    value: bytes | None = None
    key: bytes | None = None
    id: str = ""


class _ScanIds(msgspec.Struct):
    unit_id: str | None = None
    event_id: str | None = None


_reject = msgspec.json.Decoder(_Reject).decode
_scan_ids = msgspec.json.Decoder(_ScanIds).decode


def strictly(decode: Callable[[bytes], T], record: Record) -> T:
    """The message of one of our own topics. BrokenGuarantee names the record that does not fit."""
    try:
        return decode(record.value or b"")
    except UNREADABLE as error:
        raise not_ours(record, error) from error


def not_ours(record: Record, why: Exception) -> BrokenGuarantee:
    """What a record of our own topics breaks that is no message of ours."""
    return BrokenGuarantee(
        Guarantee.OWN_TOPICS,
        f"{record.topic}/{record.partition} offset {record.offset} is not a message of this system ({why})",
    )


def scan_row(record: Record, generation: int) -> Row:
    """A row of raw_scans from any record of floor.scans."""
    headers = record.headers or ()
    named = dict(headers)
    ids = _read_ids(record.value)
    return (
        record.partition, record.offset, recorded_us(named.get(topology.RECORDED_HEADER), record.timestamp), generation,
        _id(ids.unit_id) or _id(_text(record.key)), _id(ids.event_id), source_of(named), record.key,
        record.value, header_json(headers) if headers else None, named.get(topology.MARKER_HEADER) == b"1",
    )  # fmt: skip


def _read_ids(value: bytes | None) -> _ScanIds:
    try:
        return _scan_ids(value or b"")
    except UNREADABLE:
        return _ScanIds()


def of_this_life(of_record: int, generation: int, record: Record) -> bool:
    """Does the record belong to the generation this store keeps? BrokenGuarantee where it is a later one."""
    if of_record > generation:
        raise BrokenGuarantee(
            Guarantee.ONE_LIFE,
            f"{record.topic}/{record.partition} offset {record.offset} is of generation {of_record}, this store "
            f"keeps generation {generation}: set FLOORSTREAM_GENERATION={of_record} for every stage",
        )
    return of_record == generation


def reject_row(record: Record, generation: int) -> Row | None:
    """A row of rejects; None for an earlier life of the log."""
    r = strictly(_reject, record)
    if not of_this_life(r.generation, generation, record):
        return None
    detail = {name: text.replace("\x00", "") for name, text in r.detail.items()}
    return _without_nul((
        r.partition, r.offset, clamp_us(r.recorded_us), r.generation, r.reason, msgspec.json.encode(detail).decode(),
        r.source, r.unit_id, r.event_id, r.key, r.value, r.origin, r.id,
    ))  # fmt: skip


def recorded_us(header: bytes | None, timestamp_ms: int) -> int:
    """When the system first saw the record, µs: its header where that is a number, else the record's timestamp."""
    if header is not None and header.isdigit() and len(header) < 20:
        return clamp_us(int(header))
    return clamp_us(timestamp_ms * 1000)


def clamp_us(us: int) -> int:
    """The instant kept within 1970..9999, so that the database and its readers can hold it."""
    return min(max(us, 0), LONGEST_INSTANT_US)


def source_of(headers: dict[str, bytes | None]) -> str:
    """Who wrote the record: its header, else `kafka`."""
    return _text(headers.get(topology.SOURCE_HEADER), errors="replace") or "kafka"


def header_json(headers: Sequence[tuple[str, bytes | None]]) -> str:
    """Headers in their order as JSON: [name, text], or [name, {"base64": …}] where the value is no text."""
    try:
        # Most often all are texts, and one look at the whole says that none holds a NUL.
        whole = msgspec.json.encode([(name, value.decode()) for name, value in headers])  # type: ignore[union-attr]
    except (AttributeError, UnicodeDecodeError):
        whole = JSON_NUL
    if JSON_NUL in whole:
        whole = msgspec.json.encode([(name.replace("\x00", ""), _header_value(value)) for name, value in headers])
    return whole.decode()


def _header_value(value: bytes | None) -> Any:
    text = _text(value, keep_nul=True)
    return {"base64": value} if value is not None and (text is None or "\x00" in text) else text


def _text(value: bytes | None, errors: str = "strict", keep_nul: bool = False) -> str | None:
    """UTF-8 text, None where it is none."""
    if value is None:
        return None
    try:
        text = value.decode("utf-8", errors)
    except UnicodeDecodeError:
        return None
    return text if keep_nul else text.replace("\x00", "")


def _id(text: str | None) -> str | None:
    """The id as every fold reads it, so that it can be found; None where it is longer than an id may be.

    One that no fold takes stands as it is, without NUL.
    """
    if not text:
        return None
    try:
        text = clean(text)
    except ValueError:
        text = text.replace("\x00", "")
    return text if 0 < len(text) <= LONGEST_ID else None


def _without_nul(row: Row) -> Row:
    return tuple(_clean(value) for value in row)


def _clean(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\x00", "")
    return [_clean(item) for item in value] if isinstance(value, list) else value
