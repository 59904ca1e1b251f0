"""JSON Lines: one object a line, for a mapping; or one event a line, as it stands."""

from collections.abc import Iterator
from typing import BinaryIO

from schemas.message import Malformed, read_json
from services.adapters.files.lines import BadText, Line, TextLines
from services.core.records import BadRecord, FileForm, Place, Record


class JsonLines:
    """See services.adapters.files.opened.Records."""

    def __init__(self, file: BinaryIO, form: FileForm, *, as_they_stand: bool, growing: bool) -> None:
        """`as_they_stand`: lines are not looked into, whoever takes the event judges it. Raises BadFile."""
        self._lines = TextLines(file, form.encoding)
        self._as_they_stand = as_they_stand
        self._growing = growing
        self.columns: None = None

    @property
    def encoding(self) -> str | None:
        """Of the lines; None: all was ASCII so far."""
        return self._lines.encoding

    @property
    def written(self) -> str:
        """How the file is written."""
        return f"JSON Lines, {self._lines.encoding or 'ascii'}"

    def records(self, after: Place) -> Iterator[Record | BadRecord]:
        """See services.adapters.files.opened.Records."""
        for line in self._lines.lines(after):
            if self._growing and not line.ended:
                return
            if line.data.strip():
                yield self._record(line)

    def _record(self, line: Line) -> Record | BadRecord:
        raw = line.data.strip()
        number = line.after.line
        try:
            if self._as_they_stand and not line.too_long and self._lines.encoding in (None, "utf-8"):
                if not raw.isascii():
                    self._find_encoding(line)
                if self._lines.encoding in (None, "utf-8"):
                    return Record(number, None, raw, line.after)
            text = self._lines.text(line).strip().encode()
            return Record(number, None if self._as_they_stand else read_json(text, keys_once=False), text, line.after)
        except (BadText, Malformed) as bad:
            return BadRecord(number, "", bad.en, bad.zh, self._lines.shown(raw), line.after)

    def _find_encoding(self, line: Line) -> None:
        try:
            self._lines.text(line)
        except BadText:
            return
