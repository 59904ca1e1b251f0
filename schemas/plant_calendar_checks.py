"""Working calendars: shifts that overlap, breaks outside their shift, exceptions that contradict each other."""

from typing import Any, TypeAlias

from pydantic_core import PydanticCustomError

from schemas.plant_lines import Lines, Path
from schemas.plant_values import clock_text

Span: TypeAlias = tuple[int, int]

DAY = 1440
"""Minutes of a day."""


def check_calendars(lines: Lines) -> None:
    """Report every contradiction inside a calendar."""
    document = lines.value if isinstance(lines.value, dict) else {}
    calendars = document.get("calendars")
    if not isinstance(calendars, dict) or not calendars:
        return
    site = document.get("site")
    if not isinstance(site, dict) or site.get("time_zone") is None:
        lines.report(
            ("calendars",),
            "working times need `site: {time_zone: …}`, such as Asia/Shanghai",
            "有日历时须指定 site 的 time_zone，例如 Asia/Shanghai",
        )
    for name, calendar in calendars.items():
        if isinstance(calendar, dict):
            _check_shifts(lines, ("calendars", name, "shifts"), calendar.get("shifts"))
            _check_exceptions(lines, ("calendars", name, "exceptions"), calendar.get("exceptions"))


def _check_shifts(lines: Lines, path: Path, shifts: Any) -> None:
    spans: list[tuple[Span, str]] = []
    for index, shift in enumerate(shifts if isinstance(shifts, list) else []):
        if not isinstance(shift, dict) or (span := _span(shift.get("from"), shift.get("to"))) is None:
            continue
        name = str(shift.get("id"))
        _check_breaks(lines, (*path, index, "breaks"), span, shift.get("breaks"))
        for other, other_name in spans:
            if name == other_name:
                lines.report((*path, index, "id"), f"shift `{name}` exists already", f"班次“{name}”已存在")
            elif any(_overlap(span, (other[0] + day, other[1] + day)) for day in (-DAY, 0, DAY)):
                lines.report(
                    (*path, index),
                    f"shift `{name}` overlaps shift `{other_name}`: expected shifts one after the other",
                    f"班次“{name}”与班次“{other_name}”重叠：班次应前后相接而不重叠",
                )
        spans.append((span, name))


def _check_breaks(lines: Lines, path: Path, shift: Span, breaks: Any) -> None:
    end = shift[0]
    for index, pair in enumerate(breaks if isinstance(breaks, list) else []):
        span = _pair(lines, (*path, index), pair)
        if span is None:
            continue
        if span[0] < shift[0]:
            span = (span[0] + DAY, span[1] + DAY)
        if span[0] < end or span[1] > shift[1]:
            lines.report(
                (*path, index),
                "expected breaks inside their shift, one after the other",
                "休息时段应在班次之内，且按先后排列、互不重叠",
            )
        end = max(end, span[1])


def _check_exceptions(lines: Lines, path: Path, exceptions: Any) -> None:
    dates: set[str] = set()
    for index, item in enumerate(exceptions if isinstance(exceptions, list) else []):
        if not isinstance(item, dict):
            continue
        date = item.get("date")
        if isinstance(date, str) and date in dates:
            lines.report((*path, index, "date"), f"{date} has an exception already", f"{date} 已有例外")
        dates.add(str(date))
        off = str(item.get("off")).lower() in ("true", "yes", "on")
        if off and item.get("as") is not None:
            lines.report((*path, index, "as"), "expected either off or as, not both", "off 与 as 只能二选一")
        if not off and item.get("as") is None and not item.get("add"):
            lines.report(
                (*path, index),
                "expected off: true, as: WEEKDAY or add: [[from, to]]",
                "应有 off: true、as: 星期 或 add: [[起, 止]]",
            )
        added = item.get("add")
        for place, pair in enumerate(added if isinstance(added, list) else []):
            _pair(lines, (*path, index, "add", place), pair)


def _pair(lines: Lines, path: Path, pair: Any) -> Span | None:
    if isinstance(pair, list) and len(pair) == 2:
        return _span(*pair)
    lines.report(
        path,
        'expected a pair [from, to] such as ["12:00", "13:00"]',
        '应为一对时刻 [起, 止]，例如 ["12:00", "13:00"]',
    )
    return None


def _span(begin: Any, end: Any) -> Span | None:
    """Minutes from midnight; an end not after the begin lies on the next day. None where a time is not one."""
    try:
        first, last = (_minutes(clock_text(value)) for value in (begin, end))
    except PydanticCustomError:
        return None
    return first, last if last > first else last + DAY


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
