"""Records of files, whatever the format, and the events they hold by a mapping.

    file ─► Record: a row, a line, an event of a case ─► core/mapping.py ─► FileEvent
       └──► BadRecord: cannot be read                        └────────────► BadRecord: cannot be mapped

An event without an id of its own gets one from the file's name, the line and the record, so that the same file read
twice gives the same events, and other files give others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from services.core.identity import HASH_DIGITS
from services.core.mapping import Mapped, RecordMapping

MOST_RECORD = 1 << 20
"""Bytes of one record, and so of what is held of a file; an event is a quarter of that at most."""


class Place(NamedTuple):
    """Where reading goes on: `mark` is a byte of a file of lines, a number of records of any other file."""

    mark: int
    line: int


BEGIN = Place(0, 0)


class Record(NamedTuple):
    """One record. `value` None: an event already, as it stands. `raw`: its bytes, or what stands for them."""

    line: int
    value: Mapping[str, object] | None
    raw: bytes
    after: Place


class BadRecord(NamedTuple):
    """A record that is no event: where, in which column, and why in both languages. `after`: as of FileEvent."""

    line: int
    column: str
    en: str
    zh: str
    raw: bytes
    after: Place | None


class FileEvent(NamedTuple):
    """An event of a record. `event` None: it stands in `raw`, as it is sent. `after` None: the record holds more."""

    line: int
    kind: str
    event: dict[str, object] | None
    raw: bytes
    after: Place | None


@dataclass(frozen=True, slots=True)
class FileForm:
    """How a file is written; what is None is found out. Meanings: schemas/mapping_document.py."""

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header_line: int = 1
    columns: tuple[str, ...] = ()
    sheet: str | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> "FileForm":
        """From the checked `file` of a mapping file, as plain values."""
        values = {name: value for name, value in document.items() if value is not None}
        columns = values.pop("columns", ())
        assert isinstance(columns, list | tuple)
        return cls(**values, columns=tuple(columns))  # type: ignore[arg-type]


class BadFile(ValueError):
    """A file that cannot be read at all, or not any further; why in both languages."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(f"{en} {zh}")
        self.en, self.zh = en, zh


def events_of(record: Record, mapping: RecordMapping | None, name: str) -> Iterator[FileEvent | BadRecord]:
    """Every event of a record, and what could not be made one; nothing where no rule's `when` holds.

    `mapping` None: the record is an event. `name`: of the file, without its folders.
    """
    if mapping is None:
        event = None if record.value is None else dict(record.value)
        if event is not None and not event.get("event_id"):
            event["event_id"] = made_event_id(name, record.line, 0, record.raw)
        yield FileEvent(record.line, "scan", event, record.raw, record.after)
        return
    found = list(mapping.read(record.value))
    for number, one in enumerate(found, 1):
        after = record.after if number == len(found) else None
        if isinstance(one, Mapped):
            event = dict(one.event)
            event.setdefault("event_id", made_event_id(name, record.line, one.index, record.raw))
            yield FileEvent(record.line, one.kind, event, record.raw, after)
        else:
            column = one.column or one.field
            yield BadRecord(record.line, column, f"{one.field}: {one.en}", f"{one.field}：{one.zh}", record.raw, after)


def made_event_id(name: str, line: int, index: int, raw: bytes) -> str:
    """The id of an event that has none: of the file's name, the line, which event of it, and what stands there."""
    begin = f"{name}\x1f{line}\x1f{index}\x1f".encode("utf-8", "surrogateescape")
    return sha256(begin + raw).hexdigest()[:HASH_DIGITS]


def used_columns(mapping: RecordMapping) -> list[str]:
    """The columns of a table that a mapping names, in its order."""
    paths = [
        path
        for rule in mapping.rules
        for path in (
            *(condition.path for condition in rule.when),
            *(path for field in rule.fields.values() for path in field.sources),
        )
        if rule.each is None and path.root in "$@"
    ]
    return list(dict.fromkeys(path.steps[0] for path in paths if path.steps and isinstance(path.steps[0], str)))
