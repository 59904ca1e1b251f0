"""Refused items of HTTP requests as records of floor.rejects, with their original bytes."""

from base64 import b64encode
from hashlib import sha256

import msgspec

from services.adapters.wire import encode
from services.core.errors import BadScan
from services.core.resolve import LIMITS
from services.core.text import clean


def glimpse(raw: bytes) -> tuple[str | None, str | None]:
    """(unit_id, event_id) of an item that was refused, where they can be read."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    if not isinstance(value, dict):
        return None, None
    return _id(value.get("unit_id"), LIMITS["unit_id"]), _id(value.get("event_id"), LIMITS["event_id"])


def _id(value: object, longest: int) -> str | None:
    try:
        text = clean(value) if isinstance(value, str) else ""
    except ValueError:
        return None
    return text if 0 < len(text) <= longest else None


def reject_id(source: str, index: int, raw: bytes) -> str:
    """What tells one refused item of a request from the others."""
    return sha256(b"%b\x1f%d\x1f%b" % (source.encode(), index, raw)).hexdigest()[:32]


def http_reject(
    generation: int, reject: str, refusal: BadScan, recorded: int, source: str, unit_id: str | None,
    event_id: str | None, raw: bytes,
) -> bytes:  # fmt: skip
    """The record of a refused item: it never was in the log, so it has no coordinates there."""
    return encode(
        {
            "generation": generation, "partition": -1, "offset": -1, "id": reject, "reason": refusal.reason,
            "detail": {"en": refusal.en, "zh": refusal.zh}, "recorded_us": recorded, "source": source,
            "unit_id": unit_id, "event_id": event_id, "value": b64encode(raw).decode("ascii"), "key": None,
            "origin": "http",
        }
    )  # fmt: skip
