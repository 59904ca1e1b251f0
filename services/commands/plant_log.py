"""Read a log of events from JSON Lines, or from CSV with its columns named, for commands that look at a whole log."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from pydantic_core import PydanticCustomError

from schemas.event import RecordedEvent, parse_line
from schemas.instant import ReadTime, instant_us
from schemas.message import Malformed, validated

FIELDS = frozenset(RecordedEvent.model_fields)


@dataclass(frozen=True)
class Columns:
    """How a CSV becomes events: field → its column (several joined by a blank), and the actions behind its words."""

    fields: Mapping[str, tuple[str, ...]]
    actions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no event."""

    line: int
    en: str
    zh: str


def parse_columns(columns: str, actions: str | None) -> Columns:
    """`unit_id=case,operation_id=machine+task` and `begin=start,end=finish`; ValueError says what is expected."""
    fields = {name: tuple(column.split("+")) for name, column in _pairs(columns)}
    unknown = sorted(set(fields) - FIELDS)
    if unknown:
        raise ValueError(f"--columns: {unknown[0]} is no field of an event; fields: {', '.join(sorted(FIELDS))}")
    missing = sorted({"unit_id", "event_time"} - set(fields))
    if missing:
        raise ValueError(f"--columns: {missing[0]} is needed, for example {missing[0]}=COLUMN")
    return Columns(fields, dict(_pairs(actions)) if actions else {})


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(","):
        left, equals, right = part.partition("=")
        if not equals or not left.strip() or not right.strip():
            raise ValueError(f"{part!r}: expected NAME=VALUE pairs joined by commas")
        yield left.strip(), right.strip()


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


def read_log(path: Path, columns: Columns | None, time_zone: str, encoding: str) -> Iterator[RecordedEvent | BadLine]:
    """Every line of the file as an event, or as what is wrong with it; raises OSError, UnicodeError, ValueError.

    A `.csv` without `columns` has its columns named like the fields.
    """
    read_time = read_time_in(time_zone)
    is_csv = columns is not None or path.suffix.lower() == ".csv"
    with path.open(encoding=encoding, newline="") as file:
        if not is_csv:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _event_of_line(number, line, read_time)
            return
        for number, row, known in rows_of(file, columns):
            yield _event_of_row(number, row, known, read_time)


def rows_of(file: TextIO, columns: Columns | None) -> Iterator[tuple[int, dict[str, str | None], Columns]]:
    """Every row of a CSV with its line and by which columns it is read; raises UnicodeError, ValueError."""
    rows = csv.DictReader(file)
    try:
        names = rows.fieldnames or ()
        columns = columns or Columns({name: (name,) for name in names if name in FIELDS})
        absent = sorted({name for parts in columns.fields.values() for name in parts} - set(names))
        if absent:
            raise ValueError(f"the CSV has no column {absent[0]!r}; its columns: {', '.join(names)}")
        for row in rows:
            yield rows.line_num, row, columns
    except csv.Error as error:
        raise ValueError(f"after line {rows.line_num}: {error}: is a quote not closed there?") from error


def _event_of_line(number: int, line: str, read_time: ReadTime) -> RecordedEvent | BadLine:
    try:
        return parse_line(line.encode("utf-8", "surrogatepass"), read_time)
    except Malformed as bad:
        return BadLine(number, bad.en, bad.zh)


def _event_of_row(
    number: int, row: Mapping[str, str | None], columns: Columns, read_time: ReadTime
) -> RecordedEvent | BadLine:
    event: dict[str, object] = {"event_id": f"line-{number}"}
    for name, parts in columns.fields.items():
        text = " ".join(filter(None, (row.get(part) for part in parts))).strip()
        if text:
            event[name] = [text] if name == "parent_ids" else text
    action = event.get("action")
    if isinstance(action, str):
        event["action"] = columns.actions.get(action, action.lower())
    try:
        return validated(RecordedEvent, json.loads(json.dumps(event)), read_time)
    except Malformed as bad:
        return BadLine(number, bad.en, bad.zh)
