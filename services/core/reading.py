"""What was read at a device, and how it is written down until a server has taken it.

A reading holds an event as it is sent (schemas/event.py SubmittedEvent, schemas/machine.py MachineEvent), always with
an `event_id` made from what was read, so that the same read twice is one event.

**Clocks.** The server corrects an event's time by `sent_time`, which the source's clock showed at sending. A queue may
hold an event for days, so `sent_time` is made anew for every attempt: what the event's clock showed when it was taken,
and the time passed since. The time passed comes from a clock that nobody can set, as long as the machine was not
started again in between; so an event that was taken while the clock was wrong is right in the end.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from services.core.instant import format_with_offset
from services.core.text import clean

LONGEST_EVENT_ID = 128
LONGEST_SOURCE = 128
"""Characters, of whatever names a source: keys, headers of requests, lines of files."""
MOST_BYTES = 256 * 1024
"""Of a request, so of what it holds."""
STAMP = len('{"sent_time":"2026-11-23T14:00:00.000000+00:00",')
MOST_KEPT = 4 * 1024
"""Bytes that are kept of what cannot be sent."""


class Kind(StrEnum):
    """What a reading is; each goes to an address of its own."""

    SCAN = "scan"
    MACHINE = "machine"


class Reading(NamedTuple):
    """One event of a device, to be sent.

    `source`: as whom it is sent; edge.yaml says by which key. `body`: the event by its names on the wire. `clock_us`:
    what the clock showed, by which `event_time` was told, when the reading was taken (µs): the time of this machine
    where the device has no clock, the device's own where it tells it with the event; None: that clock is right, or
    unknown, and is never corrected.
    """

    kind: Kind
    source: str
    body: Mapping[str, Any]
    clock_us: int | None = None


class Unreadable(NamedTuple):
    """What came from a device and is no event. It is kept, with the reason in both languages."""

    source: str
    raw: bytes
    en: str
    zh: str


class Moment(NamedTuple):
    """An instant by the clocks of this machine: µs of the wall clock, and of the one that runs since it was started.

    `boot`: which start of the machine that was.
    """

    wall_us: int
    boot: int
    steady_us: int


class Row(NamedTuple):
    """A reading as the queue holds it: one line of JSON."""

    source: str
    kind: Kind
    body: bytes
    clock_us: int | None


def row_of(reading: Reading) -> Row | Unreadable:
    """The reading as it is kept, or why it can never be sent."""
    event_id, source = reading.body.get("event_id"), _source(reading.source)
    fields = dict(reading.body)
    if reading.clock_us is not None:
        fields.pop("sent_time", None)
    try:
        text = json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
        body = text.encode()
    except (ValueError, TypeError, RecursionError) as bad:
        raw = repr(fields).encode("utf-8", "backslashreplace")[:MOST_KEPT]
        return Unreadable(reading.source, raw, f"cannot be written as JSON: {bad}", f"无法写成 JSON：{bad}")
    if not isinstance(event_id, str) or not 0 < len(event_id) <= LONGEST_EVENT_ID:
        return Unreadable(
            reading.source, body[:MOST_KEPT], f"event_id: expected a text of 1 to {LONGEST_EVENT_ID} characters",
            f"event_id：应为 1 至 {LONGEST_EVENT_ID} 个字符的文本",
        )  # fmt: skip
    if len(body) + STAMP > MOST_BYTES:
        return Unreadable(
            reading.source, body[:MOST_KEPT], f"{len(body)} bytes: a server takes at most {MOST_BYTES} at once",
            f"共 {len(body)} 字节：服务器每次最多接收 {MOST_BYTES} 字节",
        )  # fmt: skip
    if source is None:
        return Unreadable(
            reading.source, body[:MOST_KEPT],
            f"source: expected a text of 1 to {LONGEST_SOURCE} characters, no control characters",
            f"source：应为 1 至 {LONGEST_SOURCE} 个字符的文本，不含控制字符",
        )  # fmt: skip
    return Row(source, reading.kind, body, reading.clock_us)


def _source(text: str) -> str | None:
    """As a request can say it in a header: one that cannot would hold up all others of its lane for ever."""
    try:
        source = clean(text)
    except ValueError:
        return None
    return source if 0 < len(source) <= LONGEST_SOURCE else None


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(f"{type(value).__name__} is no value of an event")


def stamped(body: bytes, sent_us: int) -> bytes:
    """The event with its `sent_time`."""
    return b'{"sent_time":"%s",%s' % (format_with_offset(sent_us).encode(), body[1:])


def sent_us(clock_us: int, taken: Moment, now: Moment) -> int:
    """What the event's clock shows now, µs, if it runs as ours does."""
    if taken.boot == now.boot:
        return clock_us + max(0, now.steady_us - taken.steady_us)
    return clock_us + max(0, now.wall_us - taken.wall_us)
