"""Kept events as packed bytes: what a unit remembers so that a late event can be put in its place.

About 20 bytes and the ids per event, against some 700 as Python objects. In-order events append, a late one is
spliced in, and a repeat is found without unpacking. Records lie in order of time; one of them, little-endian:

    length u16 | action u8 | time i64 | model u32 | content u32 | event_id | texts

The event_id is short (short_id.py); where it is text, U+001F parts it from what follows. The texts are UTF-8 and
joined by U+001F, which cleaned text never holds; an absent one is empty, and what is absent at the end is left out. A
quantity is the text of its millionths.
"""

from struct import Struct

from services.core.scan import Action, Scan
from services.core.short_id import LAST_MARK, LENGTH, short, text_of

_HEAD = Struct("<HBqII")
_SIZE = _HEAD.size
_SEPARATOR = "\x1f"
_SEPARATOR_BYTE = ord(_SEPARATOR)
_ACTIONS = tuple(Action)
_ABSENT = ("",) * 7


def pack(scan: Scan) -> bytes:
    """One event as bytes."""
    text = f"{scan.operation or ''}\x1f{scan.work_unit or ''}\x1f{scan.product or ''}"
    if scan.voids is not None or scan.quantity is not None or _is_rare(scan):
        amounts = (scan.quantity, scan.scrap_quantity, scan.quantity_delta)
        rare = (scan.voids or "", *("" if amount is None else str(amount) for amount in amounts))
        text = _SEPARATOR.join((text, *rare))
    text, event_id = text.rstrip(_SEPARATOR), short(scan.event_id)
    if text and event_id[0] > LAST_MARK:
        text = _SEPARATOR + text
    texts = event_id + text.encode()
    return _HEAD.pack(_SIZE + len(texts), scan.action, scan.time, scan.model, scan.content) + texts


def _is_rare(scan: Scan) -> bool:
    return scan.scrap_quantity is not None or scan.quantity_delta is not None


def repacked(kept: bytes) -> bytes:
    """What was packed when every id was text, with short ids."""
    return b"".join(map(pack, unpack(kept)))


def unpack(kept: bytes) -> list[Scan]:
    """All events, in order of time."""
    scans = []
    at, end = 0, len(kept)
    while at < end:
        scan, at = _unpack_one(kept, at)
        scans.append(scan)
    return scans


def insert(kept: bytes, scan: Scan) -> bytes:
    """One more event in its place: behind those of its own instant."""
    at, end = 0, len(kept)
    while at < end:
        length, _, time, _, _ = _HEAD.unpack_from(kept, at)
        if time > scan.time:
            break
        at += length
    return kept[:at] + pack(scan) + kept[at:]


def first_time(kept: bytes) -> int:
    """The time of the first event kept; `kept` must not be empty."""
    time: int = _HEAD.unpack_from(kept)[2]
    return time


def content_of(kept: bytes, event_id: str) -> int | None:
    """The content of the event kept under this id, None where there is none. Most often one search in bytes."""
    wanted = short(event_id)
    if wanted not in kept:
        return None
    ends_itself = wanted[0] <= LAST_MARK
    at, end = 0, len(kept)
    while at < end:
        length, _, _, _, content = _HEAD.unpack_from(kept, at)
        begin = at + _SIZE
        behind, at = begin + len(wanted), at + length
        if kept.startswith(wanted, begin) and (ends_itself or behind == at or kept[behind] == _SEPARATOR_BYTE):
            found: int = content
            return found
    return None


def take_first_instant(kept: bytes) -> tuple[list[Scan], bytes]:
    """The events of the oldest instant, and the rest still packed."""
    scan, at = _unpack_one(kept, 0)
    scans = [scan]
    while at < len(kept) and _HEAD.unpack_from(kept, at)[2] == scan.time:
        another, at = _unpack_one(kept, at)
        scans.append(another)
    return scans, kept[at:]


def _unpack_one(kept: bytes, start: int) -> tuple[Scan, int]:
    length, action, time, model, content = _HEAD.unpack_from(kept, start)
    end = start + length
    begin = start + _SIZE
    if kept[begin] <= LAST_MARK:
        event_id = text_of(kept[begin : begin + LENGTH])
        texts = kept[begin + LENGTH : end].decode().split(_SEPARATOR)
    else:
        event_id, *texts = kept[begin:end].decode().split(_SEPARATOR)
    operation, work_unit, product, voids, quantity, scrap, delta = (*texts, *_ABSENT[len(texts) :])
    scan = Scan(
        event_id, time, _ACTIONS[action], operation or None, model, content, work_unit or None, product or None,
        voids or None, int(quantity) if quantity else None, int(scrap) if scrap else None,
        int(delta) if delta else None,
    )  # fmt: skip
    return scan, end
