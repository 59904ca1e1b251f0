"""From a file to events: its records through a mapping, or through the one that its format has by itself.

CSV, Excel   columns named like the fields of an event
JSON Lines   events as they stand
XES          schemas/mapping_xes.yaml
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import schemas
from schemas.event import Action, RecordedEvent
from schemas.mapping import MappingError, load_mapping
from services.adapters.files.opened import OF_LINES, format_of, opened
from services.core.instant import SourceClock
from services.core.mapping import TIMES, FieldRule, RecordMapping, Rule
from services.core.mapping_path import Path as Column
from services.core.records import BEGIN, BadFile, BadRecord, FileEvent, FileForm, Place, events_of, used_columns

XES_MAPPING = Path(schemas.__file__).parent / "mapping_xes.yaml"
FIELDS = frozenset(RecordedEvent.model_fields)
NEEDED = ("unit_id", "event_time")


def read_mapping(path: Path) -> tuple[FileForm, RecordMapping]:
    """The mapping file. Raises BadFile naming file, line and key."""
    try:
        document = load_mapping(path.read_text("utf-8-sig"))
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}", "无法读取") from None
    except UnicodeDecodeError:
        raise BadFile(f"{path}: not UTF-8", "不是 UTF-8") from None
    except MappingError as error:
        raise BadFile("\n".join(f"{path}:{p.line}: {p.key}: {p.en} / {p.zh}" for p in error.problems), "") from None
    return FileForm.from_document(document["file"]), RecordMapping.from_document(document["events"])


def columns_mapping(columns: Mapping[str, Sequence[str]], actions: Mapping[str, str] | None = None) -> RecordMapping:
    """Field ← columns, several joined by a blank. `actions`: words that mean one, besides its own."""
    words = {form: action.value for action in Action for form in _cases(action.value)} | dict(actions or {})
    fields = {
        name: FieldRule(
            tuple(Column(column, "@", (column,)) for column in names), values=words if name == "action" else {}
        )
        for name, names in columns.items()
    }
    return RecordMapping((Rule(fields),))


def _cases(word: str) -> tuple[str, str, str]:
    return word, word.upper(), word.capitalize()


def in_zone(mapping: RecordMapping, time_zone: str) -> RecordMapping:
    """The same, but times that it says nothing about are ISO 8601, without an offset those of the zone."""
    clock = SourceClock(time_zone, "iso")

    def field(name: str, rule: FieldRule) -> FieldRule:
        return replace(rule, clock=clock) if name in TIMES and rule.clock is None else rule

    rules = [
        replace(rule, fields={name: field(name, each) for name, each in rule.fields.items()}) for rule in mapping.rules
    ]
    return RecordMapping(tuple(rules))


@lru_cache(maxsize=1)
def _xes_mapping() -> RecordMapping:
    return read_mapping(XES_MAPPING)[1]


class EventFile:
    """One file, and how it becomes events."""

    def __init__(
        self,
        path: Path,
        form: FileForm,
        mapping: RecordMapping | None = None,
        time_zone: str | None = None,
        name: str | None = None,
    ) -> None:
        """Nothing is opened yet.

        `time_zone`: of times without an offset that the mapping says nothing about. `name`: by which ids are made,
        where the file had another one.
        """
        self._path = path
        self._name = name or path.name
        self._form = form
        self._mapping = mapping
        self._time_zone = time_zone
        self.written = ""
        """How the file is written, as far as it was read; for people."""
        self.encoding: str | None = None
        """Of its lines, as far as that is known."""
        self.place = BEGIN
        """Behind the last record of which all was given."""

    def events(
        self, after: Place = BEGIN, *, as_they_stand: bool = True, growing: bool = False
    ) -> Iterator[FileEvent | BadRecord]:
        """Every event behind a place, and every record that is none. Raises BadFile, OSError.

        `as_they_stand`: events in lines of JSON are not looked into. `growing`: what has no end yet is left for later.
        """
        self.place = after
        stand = as_they_stand and self._mapping is None
        with opened(self._path, self._form, as_they_stand=stand, growing=growing) as file:
            mapping = self._mapping_for(file.columns)
            self.written = file.written
            for record in file.records(after):
                if isinstance(record, BadRecord):
                    yield record
                else:
                    yield from events_of(record, mapping, self._name)
                assert record.after is not None
                self.place, self.encoding = record.after, file.encoding
            self.written = file.written

    def share(self) -> float | None:
        """How much of the file was read; None where that cannot be told."""
        try:
            if format_of(self._path, self._form) in OF_LINES:
                return self.place.mark / max(1, self._path.stat().st_size)
        except OSError:
            return None
        return None

    def _mapping_for(self, columns: tuple[str, ...] | None) -> RecordMapping | None:
        mapping = self._mapping
        if mapping is None and columns is not None:
            mapping = columns_mapping({name: (name,) for name in columns if name in FIELDS})
            absent = [name for name in NEEDED if name not in columns]
            if absent:
                raise BadFile(
                    f"has no column {absent[0]!r}: name the columns by a mapping or --columns; "
                    f"its columns: {', '.join(columns)}",
                    f"没有列 {absent[0]!r}：请用映射文件或 --columns 指明各列",
                )
        elif mapping is not None and columns is not None:
            _check_columns(mapping, columns)
        elif mapping is None and format_of(self._path, self._form) == "xes":
            mapping = _xes_mapping()
        return mapping if mapping is None or self._time_zone is None else in_zone(mapping, self._time_zone)


def _check_columns(mapping: RecordMapping, columns: Sequence[str]) -> None:
    for name in used_columns(mapping):
        if name not in columns:
            raise BadFile(
                f"has no column {name!r}; its columns: {', '.join(columns)}",
                f"没有列 {name!r}；现有：{'、'.join(columns)}",
            )
        if columns.count(name) > 1:
            raise BadFile(f"has the column {name!r} twice", f"列 {name!r} 出现两次")
