"""A log in a file, line by line as the bytes that would be sent: JSON Lines as they stand, CSV through its columns."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from services.commands.plant_log import Columns, rows_of
from services.core.instant import EPOCH, format_instant

_TIMES = ("event_time", "device_time", "sent_time", "recorded_time")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: its number in the file, and the event as JSON bytes."""

    number: int
    value: bytes


def read_lines(path: Path, columns: Columns | None, time_zone: str | None, encoding: str) -> Iterator[LogLine]:
    """Every event of the file. Raises OSError, UnicodeError, ValueError (a CSV without the columns named).

    A `.csv` without `columns` has its columns named like the fields; local times in it are those of `time_zone`.
    """
    if columns is None and path.suffix.lower() != ".csv":
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                text = line.strip().removeprefix(b"\xef\xbb\xbf")
                if text:
                    yield LogLine(number, text)
        return
    with path.open(encoding=encoding, newline="") as table:
        zone = ZoneInfo(time_zone) if time_zone else None
        for number, row, known in rows_of(table, columns):
            event = event_of_row(row, known, zone)
            event.setdefault("event_id", f"line-{number}")
            yield LogLine(number, json.dumps(event, ensure_ascii=False).encode())


def event_of_row(row: Mapping[str, str | None], columns: Columns, zone: ZoneInfo | None) -> dict[str, object]:
    """A CSV row as an event; several columns of one field are joined by a blank."""
    event: dict[str, object] = {}
    for name, parts in columns.fields.items():
        text = " ".join(filter(None, (row.get(part) for part in parts))).strip()
        if text:
            event[name] = [text] if name == "parent_ids" else text
    action = event.get("action")
    if isinstance(action, str):
        event["action"] = columns.actions.get(action, action.lower())
    if zone is not None:
        event.update((name, _with_offset(str(event[name]), zone)) for name in _TIMES if name in event)
    return event


def _with_offset(text: str, zone: ZoneInfo) -> str:
    """A local time with its offset; what cannot be read is left for the refusal to show."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    time = time if time.tzinfo else time.replace(tzinfo=zone)
    delta = time - EPOCH
    return format_instant((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds)
