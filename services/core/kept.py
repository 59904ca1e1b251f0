"""Kept events as packed bytes: what a unit remembers so that a late event can be put in its place.

About 25 bytes and the ids per event, against some 700 as Python objects. In-order events append; only a late
event, a void or a repeat makes us unpack. One record, little-endian:

    length u16 | action u8 | fields u8 | time i64 | model u32 | content u32 | id | then each field present

A text is its length in bytes (u16) and its UTF-8; a quantity is the text of its millionths.
"""

from collections.abc import Iterable
from struct import Struct

from services.core.scan import Action, Scan

_HEAD = Struct("<HBBqII")
_LENGTH = Struct("<H")
_OPERATION, _WORK_UNIT, _PRODUCT, _VOIDS, _QUANTITY, _SCRAP, _DELTA = 1, 2, 4, 8, 16, 32, 64
_ACTIONS = tuple(Action)


def pack(scan: Scan) -> bytes:
    """One event as bytes."""
    fields = 0
    rest = _text(scan.event_id)
    if scan.operation is not None:
        fields |= _OPERATION
        rest += _text(scan.operation)
    if scan.work_unit is not None:
        fields |= _WORK_UNIT
        rest += _text(scan.work_unit)
    if scan.product is not None:
        fields |= _PRODUCT
        rest += _text(scan.product)
    if scan.voids is not None:
        fields |= _VOIDS
        rest += _text(scan.voids)
    if scan.quantity is not None:
        fields |= _QUANTITY
        rest += _text(str(scan.quantity))
    if scan.scrap_quantity is not None:
        fields |= _SCRAP
        rest += _text(str(scan.scrap_quantity))
    if scan.quantity_delta is not None:
        fields |= _DELTA
        rest += _text(str(scan.quantity_delta))
    return _HEAD.pack(_HEAD.size + len(rest), scan.action, fields, scan.time, scan.model, scan.content) + rest


def unpack(kept: bytes) -> list[Scan]:
    """All events, in the order they were appended."""
    scans = []
    at, end = 0, len(kept)
    while at < end:
        scan, at = _unpack_one(kept, at)
        scans.append(scan)
    return scans


def pack_all(scans: Iterable[Scan]) -> bytes:
    """Many events as bytes."""
    return b"".join(map(pack, scans))


def first_time(kept: bytes) -> int:
    """The time of the first event kept; `kept` must not be empty."""
    time: int = _HEAD.unpack_from(kept)[3]
    return time


def may_hold(kept: bytes, event_id: str) -> bool:
    """False only when no event of this id is kept: one search in bytes instead of unpacking everything."""
    return _text(event_id) in kept


def _text(text: str) -> bytes:
    data = text.encode()
    return _LENGTH.pack(len(data)) + data


def _unpack_one(kept: bytes, start: int) -> tuple[Scan, int]:
    length, action, fields, time, model, content = _HEAD.unpack_from(kept, start)
    at = start + _HEAD.size

    def text() -> str:
        nonlocal at
        begin = at + 2
        at = begin + _LENGTH.unpack_from(kept, at)[0]
        return kept[begin:at].decode()

    scan = Scan(text(), time, _ACTIONS[action], None, model, content)
    if fields & _OPERATION:
        scan.operation = text()
    if fields & _WORK_UNIT:
        scan.work_unit = text()
    if fields & _PRODUCT:
        scan.product = text()
    if fields & _VOIDS:
        scan.voids = text()
    if fields & _QUANTITY:
        scan.quantity = int(text())
    if fields & _SCRAP:
        scan.scrap_quantity = int(text())
    if fields & _DELTA:
        scan.quantity_delta = int(text())
    return scan, start + length


def take_first_instant(kept: bytes) -> tuple[list[Scan], bytes]:
    """The events of the oldest instant, and the rest still packed."""
    scan, at = _unpack_one(kept, 0)
    scans = [scan]
    while at < len(kept) and _HEAD.unpack_from(kept, at)[3] == scan.time:
        another, at = _unpack_one(kept, at)
        scans.append(another)
    return scans, kept[at:]
