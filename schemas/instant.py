"""Instants on the wire: RFC 3339 text with an offset; in memory int µs since the epoch, UTC.

Digits beyond µs are cut, `t` and `z` may be lower case; a leap second (`:60`), a year before 2000 or after 9999
and a local time without offset are refused.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema

from schemas.text import bilingual

ReadTime: TypeAlias = Callable[[object], int]
"""Reads one source's way of writing time into µs since the epoch. Its ValueError makes the event malformed; anything
else it raises (a fold hour that cannot be resolved) goes through to the caller."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_US = 946_684_800_000_000
LATEST_US = 253_402_300_799_999_999

_PATTERN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))?", re.ASCII
)
_EXPECTED = (
    "expected an instant with offset such as 2026-11-23T14:00:00+08:00",
    "应为带时区偏移的时间，例如 2026-11-23T14:00:00+08:00",
)


def instant_us(value: object) -> int:
    """µs since the epoch of RFC 3339 text; the error says what to mend, and where a source may declare its zone."""
    match = _PATTERN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        hint = ("", "")
        if isinstance(value, int | float) and not isinstance(value, bool):
            hint = (
                "; or declare `time_format: epoch_ms` of its source in the plant model",
                "；或在工厂模型中为该来源声明 time_format: epoch_ms",
            )
        raise bilingual("instant", _EXPECTED[0] + hint[0], _EXPECTED[1] + hint[1])
    if match[8] is None and match[9] is None:
        raise bilingual(
            "naive",
            "has no offset: send one such as +08:00, or declare `sources: {NAME: {time_zone: …}}` in the plant model",
            "缺少时区偏移：请发送例如 +08:00，或在工厂模型中声明 sources: {来源: {time_zone: …}}",
        )
    return _in_range(_parsed(match))


def _parsed(match: re.Match[str]) -> int:
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    offset_minutes = (int(match[10]) * 60 + int(match[11])) * (1 if match[9] == "+" else -1) if match[9] else 0
    try:
        if match[9] and (int(match[10]) > 23 or int(match[11]) > 59):
            raise ValueError("no such offset")
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise bilingual("instant", *_EXPECTED) from None
    fraction = int(((match[7] or "") + "000000")[:6])
    return (local - EPOCH) // timedelta(microseconds=1) + fraction - offset_minutes * 60_000_000


def _in_range(us: int) -> int:
    if not EARLIEST_US <= us <= LATEST_US:
        raise bilingual("instant", "expected an instant of the years 2000 to 9999", "时间应在 2000 年至 9999 年之间")
    return us


def instant_text(us: int) -> str:
    """`2026-11-23T06:00:00.000000Z`: the one way we write an instant as text."""
    return (EPOCH + timedelta(microseconds=us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _by_source(value: object, info: ValidationInfo) -> int:
    read: ReadTime = (info.context or {}).get("read_time", instant_us)
    return _in_range(read(value))


_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-23T14:00:00+08:00"]})

Instant = Annotated[int, BeforeValidator(instant_us), PlainSerializer(instant_text, when_used="json"), _SCHEMA]
"""RFC 3339 text on the wire, µs since the epoch in memory."""

SourceInstant = Annotated[int, BeforeValidator(_by_source), PlainSerializer(instant_text, when_used="json"), _SCHEMA]
"""An instant in the source's own way of writing, where the validation context has a `read_time`."""
