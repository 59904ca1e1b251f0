"""CSV: rows under a line of names. A row that cannot be read spoils only itself, a quote never closed only its line."""

import csv
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from services.adapters.files.lines import BadText, Line, TextLines
from services.core.records import MOST_RECORD, BadFile, BadRecord, FileForm, Place, Record

DELIMITERS = "\t;|,"
MOST_LINES = 1_000
"""Lines of one row; a quote that is open for longer was never meant to be."""


class NotYet(BadFile):
    """The line of names is not there yet."""


class _NeverClosed(Exception):
    """A quote is open at the end of all that may belong to a row."""


class _Row(NamedTuple):
    cells: list[str]
    text: str
    lines: list[Line]


class _Ahead:
    """Lines, of which some were looked at already."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._kept: deque[Line] = deque()

    def take(self) -> Line | None:
        return self._kept.popleft() if self._kept else next(self._lines, None)

    def give_back(self, lines: list[Line]) -> None:
        self._kept.extendleft(reversed(lines))


class CsvRows:
    """See services.adapters.files.opened.Records."""

    def __init__(self, file: BinaryIO, form: FileForm, *, growing: bool) -> None:
        """Reads the line of names. Raises BadFile."""
        self._lines = TextLines(file, form.encoding)
        self._growing = growing
        self._delimiter = form.delimiter
        self._begin = self._lines.begin
        ahead = _Ahead(self._lines.lines(self._begin))
        self._separator_line(ahead)
        if form.columns:
            self.columns = form.columns
            if self._delimiter is None:
                self._delimiter = self._guessed(ahead.take())
        else:
            self.columns = self._names(ahead, form.header_line)
        self._delimiter = self._delimiter or ","

    @property
    def encoding(self) -> str | None:
        """Of the lines; None: all was ASCII so far."""
        return self._lines.encoding

    @property
    def written(self) -> str:
        """How the file is written."""
        return f"CSV, {self._lines.encoding or 'ascii'}, {len(self.columns)} columns by {self._delimiter!r}"

    def _separator_line(self, ahead: _Ahead) -> None:
        """Excel's own first line `sep=;`."""
        line = ahead.take()
        if line is not None and self._growing and not line.ended:
            raise NotYet("has no whole line yet", "尚无完整的一行")
        text = "" if line is None else self._text(line)
        if line is not None and len(text) == 5 and text.startswith("sep="):
            self._delimiter, self._begin = self._delimiter or text[4], line.after
        elif line is not None:
            ahead.give_back([line])

    def _text(self, line: Line) -> str:
        try:
            return self._lines.text(line)
        except BadText as bad:
            raise BadFile(f"line {line.after.line}: {bad.en}", f"第 {line.after.line} 行：{bad.zh}") from None

    def _guessed(self, line: Line | None) -> str:
        text = "" if line is None else self._text(line)
        outside = "".join(text.split('"')[::2])
        found = max(DELIMITERS, key=outside.count)
        return found if found in outside else ","

    def _names(self, ahead: _Ahead, header_line: int) -> tuple[str, ...]:
        while (line := ahead.take()) is not None and line.after.line < header_line:
            pass
        if line is None or (self._growing and not line.ended):
            raise NotYet("has no line with the names of the columns", "没有列名所在的行")
        if self._delimiter is None:
            self._delimiter = self._guessed(line)
        found = self._row(line, ahead)
        if isinstance(found, BadRecord):
            raise BadFile(f"line {found.line}: {found.en}", f"第 {found.line} 行：{found.zh}")
        if found is None or not any(found.cells):
            raise NotYet("has no names of columns", "没有列名")
        self._begin = found.lines[-1].after
        return tuple(name.strip() for name in found.cells)

    def records(self, after: Place) -> Iterator[Record | BadRecord]:
        """See services.adapters.files.opened.Records."""
        ahead = _Ahead(self._lines.lines(max(after, self._begin)))
        while (line := ahead.take()) is not None:
            if self._growing and not line.ended:
                return
            found = self._row(line, ahead)
            if found is None:
                return
            if isinstance(found, BadRecord):
                yield found
            elif any(cell.strip() for cell in found.cells):
                yield self._record(found)

    def _row(self, line: Line, ahead: _Ahead) -> _Row | BadRecord | None:
        """The row that begins there; None where the rest of it may still be written."""
        lines, texts = [line], [""]
        reader = csv.reader(self._texts(lines, texts, ahead), delimiter=self._delimiter or ",")
        try:
            return _Row(next(reader), "".join(texts), lines)
        except _NeverClosed:
            if self._growing and len(lines) < MOST_LINES and sum(len(each.data) for each in lines) <= MOST_RECORD:
                return None
            ahead.give_back(lines[1:])
            return self._bad(lines[:1], "a quote is opened and never closed", "引号未闭合")
        except BadText as bad:
            return self._bad(lines, bad.en, bad.zh)
        except csv.Error as error:
            return self._bad(lines, f"no row of a CSV: {error}", f"不是有效的 CSV 行：{error}")

    def _texts(self, lines: list[Line], texts: list[str], ahead: _Ahead) -> Iterator[str]:
        """The texts of a row's lines; whatever is asked for after the first belongs to an open quote."""
        texts[0] = self._lines.text(lines[0])
        yield texts[0]
        size = len(lines[0].data)
        while True:
            line = ahead.take() if len(lines) < MOST_LINES and size <= MOST_RECORD else None
            if line is None:
                raise _NeverClosed
            size += len(line.data)
            lines.append(line)
            if self._growing and not line.ended:
                raise _NeverClosed
            # The line before ended inside the quote: its end is part of the value.
            texts.append("\n" + self._lines.text(line))
            yield texts[-1]

    def _record(self, found: _Row) -> Record | BadRecord:
        names, row, lines = self.columns, found.cells, found.lines
        if len(row) > len(names) and any(cell.strip() for cell in row[len(names) :]):
            return self._bad(
                lines,
                f"{len(row)} fields, but {len(names)} columns: a {self._delimiter!r} inside a value needs quotes",
                f"有 {len(row)} 个字段，但只有 {len(names)} 列：值中的 {self._delimiter!r} 须加引号",
            )
        value = {name: cell for name, cell in zip(names, row, strict=False) if name}
        return Record(lines[0].after.line, value, found.text.encode(), lines[-1].after)

    def _bad(self, lines: list[Line], en: str, zh: str) -> BadRecord:
        raw = self._lines.shown(b"\n".join(line.data for line in lines))
        return BadRecord(lines[0].after.line, "", en, zh, raw, lines[-1].after)
