"""XES event logs (IEEE 1849): every event of every trace, with the attributes of its trace as `case:NAME`.

Attributes inside attributes, and the defaults of `global`, are passed over. https://xes-standard.org
"""

import json
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from services.adapters.files.safe_xml import BrokenXml, parse
from services.core.records import BEGIN, MOST_RECORD, BadFile, BadRecord, FileForm, Place, Record

_TYPES = frozenset({"string", "date", "int", "float", "boolean", "id"})
CASE = "case:"


class _Events:
    """What is heard of a log."""

    def __init__(self) -> None:
        self.found: list[Record | BadRecord] = []
        self.given = 0
        self._open: list[str] = []
        self._case: dict[str, str] = {}
        self._case_size = 0
        self._event: dict[str, str] = {}
        self._size = 0
        self._line = 0

    def begin(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        parent = self._open[-1] if self._open else None
        if parent is None and name != "log":
            raise BrokenXml(line, f"is no XES: its first element is <{name}>", f"不是 XES：首个元素为 <{name}>")
        self._open.append(name)
        if name == "trace":
            self._case, self._case_size = {}, 0
        elif name == "event":
            self._event, self._size, self._line = {}, 0, line
        elif name in _TYPES and parent in ("trace", "event"):
            self._attribute(parent, attributes.get("key", ""), attributes.get("value", ""), line)

    def _attribute(self, parent: str, key: str, value: str, line: int) -> None:
        size = len(key) + len(value)
        if parent == "trace":
            self._case_size += size
            if self._case_size > MOST_RECORD:
                raise BrokenXml(line, f"a trace of more than {MOST_RECORD} bytes", f"轨迹超过 {MOST_RECORD} 字节")
            self._case[CASE + key] = value
            return
        self._size += size
        if self._size <= MOST_RECORD:
            self._event[key] = value

    def end(self, name: str) -> None:
        self._open.pop()
        if name != "event":
            return
        after = Place(self.given + len(self.found) + 1, self._line)
        value = {**self._case, **self._event}
        raw = json.dumps(value, ensure_ascii=False, sort_keys=True).encode()
        if self._size > MOST_RECORD:
            en, zh = f"longer than {MOST_RECORD} bytes", f"超过 {MOST_RECORD} 字节"
            self.found.append(BadRecord(self._line, "", en, zh, raw[:1000], after))
        else:
            self.found.append(Record(self._line, value, raw, after))

    def text(self, text: str) -> None:
        """XES has none."""


class XesEvents:
    """See services.adapters.files.opened.Records."""

    def __init__(self, file: BinaryIO, form: FileForm) -> None:
        """Nothing is read yet."""
        if form.encoding is not None:
            raise BadFile("XES says its encoding itself: leave it out", "XES 自带编码声明：请勿指定编码")
        self._file = file
        self.columns: None = None
        self.encoding: None = None
        self.written = "XES"

    def records(self, after: Place = BEGIN) -> Iterator[Record | BadRecord]:
        """See services.adapters.files.opened.Records."""
        self._file.seek(0)
        events = _Events()
        for _ in parse(self._file, events):
            yield from events.found[max(0, after.mark - events.given) :]
            events.given += len(events.found)
            events.found.clear()
