"""Instants: text as devices write it → int µs since the epoch in UTC, and back.

RFC 3339 with an offset is read whatever a source declares. Anything else, a local time without offset above all, is
read only as its source's `time_zone` and `time_format` in the plant model say, and never guessed.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_US = 946_684_800_000_000
"""2000-01-01T00:00:00Z; what is earlier is a device whose clock was never set."""
LATEST_US = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z."""

_MICROSECOND = timedelta(microseconds=1)
_WITH_OFFSET = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d):([0-5]\d)(?:\.(\d{1,6})\d*)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
).fullmatch
_AS_WRITTEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d\.\d{6}Z", re.ASCII).fullmatch
"""As `format_instant` writes it, and most others."""
_NAIVE = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d):([0-5]\d)(?:\.(\d{1,6})\d*)?", re.ASCII).fullmatch
_NUMBER = re.compile(r"\d{1,18}(?:\.\d+)?", re.ASCII).fullmatch
_FRACTION = re.compile(r"(?<=[.,]\d{6})\d+(?!\d)", re.ASCII)
_DATE_ALONE = 10
"""Characters at most of a date without a time of day."""
_SCALE = (0, 100_000, 10_000, 1_000, 100, 10, 1)
"""What the last digit of a fraction with so many digits is worth in µs."""

_EXPECTED = "expected an instant with offset such as 2026-11-23T14:00:00+08:00"
_NO_OFFSET = "has no offset: send one such as +08:00, or declare the time_zone of its source"
_RANGE = "expected an instant of the years 2000 to 9999"


class AmbiguousTime(ValueError):
    """A local time that the clock showed twice, when it was set back: two instants, and no way to know which."""


def parse_instant(text: str) -> int:
    """µs since the epoch of RFC 3339 text with an offset; digits beyond µs are cut.

    Raises ValueError saying what is expected: no offset, a leap second (`:60`), no such day, before the year 2000.
    """
    us = _minute_us(text[:16]) + int(text[17:19] + text[20:26]) if _AS_WRITTEN(text) else _parse_any(text)
    if EARLIEST_US <= us <= LATEST_US:
        return us
    raise ValueError(_RANGE)


def _parse_any(text: str) -> int:
    match = _WITH_OFFSET(text)
    if match is None:
        raise ValueError(_NO_OFFSET if _NAIVE(text) else _EXPECTED)
    minute, second, fraction, offset = match.groups()
    us = _minute_us(minute) + int(second) * 1_000_000 - _offset_us(offset)
    return us + int(fraction) * _SCALE[len(fraction)] if fraction else us


@lru_cache(maxsize=4096)
def _minute_us(text: str) -> int:
    """A minute as if it were UTC; events of one time share it, so it is rarely computed."""
    try:
        return (datetime.fromisoformat(text.upper()).replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
    except ValueError:
        raise ValueError("there is no such date or time of day") from None


@lru_cache(maxsize=256)
def _offset_us(text: str) -> int:
    if text in "Zz":
        return 0
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError(f"there is no offset {text}")
    return (hours * 60 + minutes) * (60_000_000 if text[0] == "+" else -60_000_000)


def format_instant(us: int) -> str:
    """`2026-11-23T06:00:00.000000Z`, the one way an instant is written; `us` of the years 1 to 9999."""
    minute, rest = divmod(us, 60_000_000)
    second, fraction = divmod(rest, 1_000_000)
    return f"{_minute_text(minute)}:{second:02d}.{fraction:06d}Z"


def format_with_offset(us: int) -> str:
    """The same with +00:00 for Z: text that every source's clock reads, whatever pattern it declares."""
    return format_instant(us)[:-1] + "+00:00"


@lru_cache(maxsize=4096)
def _minute_text(minute: int) -> str:
    return (EPOCH + timedelta(minutes=minute)).replace(tzinfo=None).isoformat(timespec="minutes")


class SourceClock:
    """How one source writes its times: `rfc3339`, `iso`, `epoch_s`, `_ms` or `_us`, or a strptime pattern; its zone.

    `iso` is any form of ISO 8601 that names a moment: a blank for the T, no seconds, a comma before the fraction.

    A local time that did not exist (the clock was set forward over it) is an error, one that existed twice is
    `AmbiguousTime`.
    """

    def __init__(self, time_zone: str | None, time_format: str) -> None:
        """`time_zone` is an IANA name; raises ValueError (ZoneInfoNotFoundError) where there is none of this name."""
        self._zone = ZoneInfo(time_zone) if time_zone else None
        self._format = time_format
        self._own_z = "%" in time_format and time_format.upper().endswith("Z") and not time_format.endswith("%z")

    def parse(self, text: str) -> int:
        """µs since the epoch. Raises AmbiguousTime, or ValueError with a short clause of what is expected."""
        if self._format == "rfc3339":
            return parse_instant(text) if self._zone is None else self._rfc3339(text, self._zone)
        if _WITH_OFFSET(text) and not (self._own_z and text[-1] in "Zz"):
            return parse_instant(text)
        if self._format in _EPOCH_UNITS:
            return _in_range(_number_us(text, self._format))
        return self._by_iso(text) if self._format == "iso" else self._by_pattern(text)

    def write(self, us: int) -> str:
        """The instant as text that `parse` of this clock gives back, even where its pattern takes Z for a letter."""
        text = format_instant(us)
        return format_with_offset(us) if self._own_z else text

    def _rfc3339(self, text: str, zone: ZoneInfo) -> int:
        match = _NAIVE(text)
        if match is None:
            return parse_instant(text)
        minute, second, fraction = match.groups()
        us = _minute_us(minute) + int(second) * 1_000_000 + (int(fraction) * _SCALE[len(fraction)] if fraction else 0)
        return _in_range(_local_us(EPOCH.replace(tzinfo=None) + timedelta(microseconds=us), zone))

    def _by_pattern(self, text: str) -> int:
        try:
            # Many systems write seven digits of a second and more; strptime takes six.
            moment = datetime.strptime(_FRACTION.sub("", text), self._format)  # noqa: DTZ007 - the zone follows
        except ValueError:
            raise ValueError(f"expected the form {self._format}, or an instant with offset") from None
        return self._moment_us(moment)

    def _by_iso(self, text: str) -> int:
        try:
            if len(text) <= _DATE_ALONE:
                raise ValueError("a date alone")
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError("expected a date and time in ISO 8601 such as 2026-11-23 14:00:00") from None
        return self._moment_us(moment)

    def _moment_us(self, moment: datetime) -> int:
        if moment.tzinfo is not None:
            return _in_range((moment - EPOCH) // _MICROSECOND)
        if self._zone is None:
            raise ValueError(_NO_OFFSET)
        return _in_range(_local_us(moment, self._zone))


_EPOCH_UNITS = {"epoch_s": (6, 1_000_000), "epoch_ms": (3, 1_000), "epoch_us": (0, 1)}
"""How many decimal places of each unit are whole µs, and how many µs it has."""
_UNIT_NAMES = {"epoch_s": "seconds", "epoch_ms": "milliseconds", "epoch_us": "microseconds"}


def _number_us(text: str, unit: str) -> int:
    if not _NUMBER(text):
        raise ValueError(f"expected {_UNIT_NAMES[unit]} since 1970 as a number")
    whole, _, fraction = text.partition(".")
    places, us = _EPOCH_UNITS[unit]
    return int(whole) * us + int((fraction + "000000")[:places] or 0)


def _local_us(moment: datetime, zone: tzinfo) -> int:
    """A local time as an instant; `fold` 0 and 1 differ just where the clock was set forward or back."""
    first = moment.replace(tzinfo=zone, fold=0).utcoffset()
    second = moment.replace(tzinfo=zone, fold=1).utcoffset()
    assert first is not None
    assert second is not None
    if first > second:
        raise AmbiguousTime(f"the clocks of {zone} showed this time twice")
    if first < second:
        raise ValueError(f"the clocks of {zone} were set forward over this time")
    return (moment.replace(tzinfo=UTC) - EPOCH - first) // _MICROSECOND


def _in_range(us: int) -> int:
    if not EARLIEST_US <= us <= LATEST_US:
        raise ValueError(_RANGE)
    return us
