"""The kinds of values a plant file holds: ids, durations, times of day, decimals, weekdays, time zones.

A plant file is read as text (`plant_lines`), so each kind takes text and says what it expects, in both languages.
"""

import difflib
import re
import zoneinfo
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from schemas.text import LONGEST_ID, bilingual, cleaned

UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
"""µs in each unit a duration may be written with."""

LONGEST_DURATION = 36_500 * UNITS["d"]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(us|ms|s|m|h|d)", re.ASCII)
_DECIMAL = re.compile(r"\d{1,18}(?:\.\d{1,6})?", re.ASCII)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)


def duration_us(value: object) -> int:
    """µs of `45s`, `15m`, `1h30m`, `30d`; a number without a unit is refused, because nobody could know which."""
    parts = _DURATION.findall(value) if isinstance(value, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise bilingual(
            "duration",
            "expected a duration such as 45s, 15m, 24h or 30d",
            "应为时长，例如 45s、15m、24h 或 30d",
        )
    total = sum(Decimal(number) * UNITS[unit] for number, unit in parts)
    if total != int(total) or total > LONGEST_DURATION:
        raise bilingual("duration", "expected a duration of whole µs up to 36500d", "应为不超过 36500d 的整微秒时长")
    return int(total)


def _positive_us(value: object) -> int:
    duration = duration_us(value)
    if duration == 0:
        raise bilingual("duration", "expected a duration longer than 0", "时长应大于 0")
    return duration


def duration_text(us: int) -> str:
    """The shortest way to write the duration: `15m`, `1h30m`, `45s`; what `duration_us` reads back."""
    parts, rest = [], us
    for unit in ("d", "h", "m", "s", "ms", "us"):
        count, rest = divmod(rest, UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _whole(lowest: int, highest: int) -> BeforeValidator:
    def check(value: object) -> int:
        if (
            not isinstance(value, str)
            or not re.fullmatch(r"\d{1,12}", value, re.ASCII)
            or not lowest <= int(value) <= highest
        ):
            raise bilingual(
                "whole",
                f"expected a whole number from {lowest} to {highest}",
                f"应为 {lowest} 至 {highest} 的整数",
            )
        return int(value)

    return BeforeValidator(check)


def _decimal(value: object) -> str:
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value) or len(value.replace(".", "")) > 18:
        raise bilingual(
            "decimal",
            "expected an amount such as 12.50: not negative, at most 18 digits, 6 of them after the point",
            "应为金额，例如 12.50：不为负，最多 18 位数字，小数点后最多 6 位",
        )
    return value


def _yes(value: object) -> bool:
    word = value.lower() if isinstance(value, str) else ""
    if word in ("true", "yes", "on"):
        return True
    if word in ("false", "no", "off"):
        return False
    raise bilingual("yes", "expected true or false", "应为 true 或 false")


def clock_text(value: object) -> str:
    """A time of day as `HH:MM`; `24:00` is midnight."""
    match = _CLOCK.fullmatch("0:00" if value == "24:00" else value) if isinstance(value, str) else None
    if match is None:
        raise bilingual("clock", 'expected a time of day such as "08:00"', '应为时刻，例如 "08:00"')
    return f"{int(match[1]):02d}:{match[2]}"


def _date(value: object) -> str:
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise bilingual("date", "expected a date such as 2026-10-01", "应为日期，例如 2026-10-01")


def weekday(value: object) -> str:
    """One weekday, by its three-letter name."""
    if isinstance(value, str) and value.lower() in WEEKDAYS:
        return value.lower()
    raise bilingual("weekday", "expected a weekday: " + ", ".join(WEEKDAYS), "应为星期：" + "、".join(WEEKDAYS))


def _week(value: object) -> list[str]:
    if isinstance(value, list):
        days = [weekday(day) for day in value]
    elif isinstance(value, str):
        days = [day for part in value.split(",") for day in _span(part.strip())]
    else:
        days = []
    if not days or len(set(days)) != len(days):
        raise bilingual(
            "week", "expected weekdays such as mon-fri or [mon, wed]", "应为星期，例如 mon-fri 或 [mon, wed]"
        )
    return sorted(days, key=WEEKDAYS.index)


def _span(text: str) -> list[str]:
    ends = [weekday(part.strip()) for part in re.split("[-–—]", text)]
    if len(ends) == 1:
        return ends
    first, last = WEEKDAYS.index(ends[0]), WEEKDAYS.index(ends[-1])
    return [WEEKDAYS[(first + step) % 7] for step in range((last - first) % 7 + 1)] if len(ends) == 2 else []


@cache
def _zone_known(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return "/" in name or name == "UTC"


def _time_zone(value: object) -> str:
    if isinstance(value, str) and _zone_known(value):
        return value
    near = difflib.get_close_matches(str(value), sorted(zoneinfo.available_timezones()), 1, 0.6)
    hint = (f" (did you mean {near[0]}?)", f"（是否为 {near[0]}？）") if near else ("", "")
    raise bilingual(
        "zone",
        "expected an IANA time zone such as Asia/Shanghai" + hint[0],
        "应为 IANA 时区，例如 Asia/Shanghai" + hint[1],
    )


def _time_format(value: object) -> str:
    """A named format, or a strptime pattern that gives back a whole instant."""
    if value in ("rfc3339", "iso", "epoch_s", "epoch_ms", "epoch_us"):
        return str(value)
    probe = datetime(2026, 11, 23, 14, 5)  # noqa: DTZ001 - only written and read back by the pattern
    try:
        if isinstance(value, str) and "%" in value:
            naive = value.replace("%z", "+0000")
            if datetime.strptime(probe.strftime(naive), naive) == probe:  # noqa: DTZ007 - the probe is naive
                return value
    except (ValueError, re.error):
        pass
    raise bilingual(
        "format",
        "expected rfc3339, iso, epoch_s, epoch_ms, epoch_us or a pattern down to the minute such as "
        '"%Y-%m-%d %H:%M:%S"',
        '应为 rfc3339、iso、epoch_s、epoch_ms、epoch_us，或精确到分钟的格式，例如 "%Y-%m-%d %H:%M:%S"',
    )


def _plant_id(value: object) -> str:
    text = cleaned(value)
    if "|" in text:
        raise bilingual(
            "bar",
            "an id may not contain `|`, which joins ids in files",
            "编号不能含有“|”，它在文件中用于连接编号",
        )
    return text


def _words(value: object) -> str:
    return cleaned(value, 200)


_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+").fullmatch
_CBV_WORD = re.compile(r"[a-z_]+").fullmatch


def _uri(value: object) -> str:
    text = cleaned(value)
    if not _URI(text):
        raise bilingual(
            "uri", "expected an absolute URI such as urn:epc:id:sgln:…", "应为绝对 URI，例如 urn:epc:id:sgln:…"
        )
    return text


def _cbv_word(value: object) -> str:
    text = cleaned(value)
    return text if _CBV_WORD(text) else _uri(text)


def _schema(kind: str | list[str], description: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": kind, "description": description, **more})


PlantId = Annotated[str, BeforeValidator(_plant_id), _schema("string", "id", minLength=1, maxLength=LONGEST_ID)]
Uri = Annotated[str, BeforeValidator(_uri), _schema("string", "URI", format="uri")]
CbvWord = Annotated[str, BeforeValidator(_cbv_word), _schema("string", "word of CBV, or URI", examples=["inspecting"])]
Words = Annotated[str, BeforeValidator(_words), _schema("string", "text", minLength=1, maxLength=200)]
Duration = Annotated[int, BeforeValidator(duration_us), _schema("string", "duration", examples=["2s", "1h30m"])]
LongDuration = Annotated[int, BeforeValidator(_positive_us), _schema("string", "duration > 0", examples=["15m"])]
Limit = Annotated[int, _whole(0, 10**9), _schema("integer", "units", minimum=0, maximum=10**9)]
PerMinute = Annotated[int, _whole(1, 6_000), _schema("integer", "messages", minimum=1, maximum=6_000)]
BatchSize = Annotated[int, _whole(1, 500), _schema("integer", "visits", minimum=1, maximum=500)]
HistoryEvents = Annotated[int, _whole(1, 10_000), _schema("integer", "events", minimum=1, maximum=10_000)]
Amount = Annotated[str, BeforeValidator(_decimal), _schema(["number", "string"], "amount", minimum=0)]
YesNo = Annotated[bool, BeforeValidator(_yes)]
TimeOfDay = Annotated[str, BeforeValidator(clock_text), _schema("string", "HH:MM", examples=["08:00"])]
Date = Annotated[str, BeforeValidator(_date), _schema("string", "date", format="date")]
Weekday = Annotated[str, BeforeValidator(weekday), _schema("string", "weekday", enum=list(WEEKDAYS))]
Week = Annotated[list[str], BeforeValidator(_week), _schema(["string", "array"], "weekdays", examples=["mon-fri"])]
TimeZone = Annotated[str, BeforeValidator(_time_zone), _schema("string", "IANA time zone", examples=["Asia/Shanghai"])]
TimeFormat = Annotated[str, BeforeValidator(_time_format), _schema("string", "format", examples=["rfc3339"])]
