"""A log in a file, event by event: as the bytes that would be sent, or as the events they are."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic_core import PydanticCustomError

from schemas.event import RecordedEvent, parse_line
from schemas.instant import ReadTime, instant_us
from schemas.message import Malformed
from services.adapters.files.mapped import EventFile
from services.commands.log_options import HowRead
from services.core.records import BEGIN, BadRecord, FileEvent, Place


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event: where it stands in the file, and its JSON. `after`: see FileEvent."""

    number: int
    value: bytes
    kind: str = "scan"
    after: Place | None = None


def read_lines(path: Path, how: HowRead, after: Place = BEGIN) -> Iterator[LogLine | BadRecord]:
    """Every event of the file, and every record that is none. Raises BadFile, OSError."""
    return lines_of(how.file(path), after)


def lines_of(file: EventFile, after: Place = BEGIN) -> Iterator[LogLine | BadRecord]:
    """The same of a file that is known already."""
    for found in file.events(after):
        yield found if isinstance(found, BadRecord) else _line(found)


def _line(found: FileEvent) -> LogLine:
    if found.event is None:
        return LogLine(found.line, found.raw, found.kind, found.after)
    value = json.dumps(found.event, ensure_ascii=False, default=_plain).encode("utf-8", "backslashreplace")
    return LogLine(found.line, value, found.kind, found.after)


def _plain(value: object) -> str:
    assert isinstance(value, Decimal)
    return f"{value:f}"


def read_log(path: Path, how: HowRead) -> Iterator[RecordedEvent | BadRecord]:
    """Every scan of the file, and every record that is none; machine events are passed over."""
    read_time = read_time_in(how.time_zone or "UTC")
    for line in read_lines(path, how):
        if isinstance(line, BadRecord):
            yield line
        elif line.kind == "scan":
            try:
                yield parse_line(line.value, read_time)
            except Malformed as bad:
                yield BadRecord(line.number, "", bad.en, bad.zh, line.value, line.after)


def read_time_in(time_zone: str) -> ReadTime:
    """Reads ISO 8601 times; those without an offset are local times of the zone (the earlier one in a fold hour)."""
    zone = ZoneInfo(time_zone)

    def read(value: object) -> int:
        try:
            return instant_us(value)
        except PydanticCustomError:
            try:
                local = datetime.fromisoformat(str(value))
            except ValueError:
                local = None
            if local is None:
                raise
            return instant_us((local if local.tzinfo else local.replace(tzinfo=zone)).isoformat())

    return read
