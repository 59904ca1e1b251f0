"""A message of a broker → readings: its bytes are JSON, a mapping says what they mean, and exact repeats are one event.

A reading's id is made of what it says, so a message that comes twice, or that is kept by the broker and comes again
after every connection, is the same event each time.
"""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from services.core.instant import format_with_offset, parse_instant
from services.core.mapping import RecordMapping, Unmapped
from services.core.reading import MOST_KEPT, Kind, Reading, Unreadable

LONGEST_PAYLOAD = 1024 * 1024
"""Bytes."""
_ID_DIGITS = 32


class BrokerMessage(NamedTuple):
    """What was published. `arrived`: when it came, µs; `retained`: the broker had kept it, so it is old state."""

    topic: str
    payload: bytes
    arrived: int
    retained: bool = False
    properties: Mapping[str, str] = {}


def matches(pattern: str, topic: str) -> bool:
    """Is the topic one of this filter? `+` is any level, a last `#` all further ones (MQTT 5.0, 4.7 and 4.8.2)."""
    if pattern.startswith("$share/"):
        pattern = pattern.split("/", 2)[-1]
    wanted, levels = pattern.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for place, want in enumerate(wanted):
        if want == "#":
            return True
        if place >= len(levels) or want not in ("+", levels[place]):
            return False
    return len(wanted) == len(levels)


def read_message(
    message: BrokerMessage, mapping: RecordMapping, source: str, *, old_state: bool = False
) -> list[Reading | Unreadable]:
    """Every reading of a message, and what could not be read, with its reason. Nothing of old state, unless wanted."""
    if not message.payload or (message.retained and not old_state):
        return []
    raw = message.payload[:MOST_KEPT]
    if len(message.payload) > LONGEST_PAYLOAD:
        en, zh = f"longer than {LONGEST_PAYLOAD} bytes", f"超过 {LONGEST_PAYLOAD} 字节"
        return [Unreadable(source, raw, f"{message.topic}: {en}", f"{message.topic}：{zh}")]
    try:
        record = json.loads(message.payload.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError, ArithmeticError) as bad:
        return [Unreadable(source, raw, f"{message.topic}: not JSON: {bad}", f"{message.topic}：不是 JSON：{bad}")]
    arrived = format_with_offset(message.arrived)
    roots = {"$topic": message.topic.split("/"), "$arrived": arrived, "$property": dict(message.properties)}
    return [
        Unreadable(
            source, raw, f"{message.topic}: {made.field}: {made.en}", f"{message.topic}：{made.field}：{made.zh}"
        )
        if isinstance(made, Unmapped)
        else reading_of(made.kind, source, dict(made.event), arrived, message.arrived)
        for made in mapping.read(record, roots)
    ]


def reading_of(kind: str, source: str, body: dict[str, Any], arrived: str, arrived_us: int) -> Reading:
    """An event as a reading: its own source and id, if it has them, and by which clock its time was told."""
    source = body.pop("source", source)
    clock = _instant(body.get("sent_time"))
    if body.get("event_time") == arrived and "device_time" not in body:
        clock = arrived_us
    if "event_id" not in body:
        said = {name: value for name, value in body.items() if name != "sent_time"}
        text = json.dumps([kind, source, said], ensure_ascii=True, sort_keys=True, default=str)
        body["event_id"] = hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]
    return Reading(Kind(kind), source, body, clock)


def _instant(text: object) -> int | None:
    try:
        return parse_instant(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")
