"""Instants: RFC 3339 text or whole microseconds since 1970 UTC, in and out."""

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = 946_684_800_000_000  # 2000-01-01T00:00:00Z
PATTERN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)


def microseconds(value: object) -> int:
    """The instant as µs since 1970; ValueError where it is malformed (no offset, `:60`, before 2000 …)."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"not an instant: {value!r}")
    instant = value if isinstance(value, int) else _parse(value)
    if instant < EARLIEST:
        raise ValueError(f"before the year 2000: {value!r}")
    return instant


def _parse(text: str) -> int:
    match = PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"not RFC 3339 with an offset: {text!r}")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction = int(((match[7] or "") + "000000")[:6])
    offset = timedelta(0)
    if match[9]:
        if int(match[10]) > 23 or int(match[11]) > 59:
            raise ValueError(f"no such offset: {text!r}")
        offset = timedelta(hours=int(match[10]), minutes=int(match[11])) * (1 if match[9] == "+" else -1)
    local = datetime(year, month, day, hour, minute, second, fraction, tzinfo=UTC)
    return (local - offset - EPOCH) // timedelta(microseconds=1)


def text(instant: int) -> str:
    """`2026-11-23T06:00:00.000000Z`."""
    return (EPOCH + timedelta(microseconds=instant)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
