"""Excel workbooks: the rows of one sheet, row by row, as the texts that people see; moments as `2026-11-03 08:05:09`.

Formulas give the values that were saved with them. ECMA-376 part 1, 18.3 worksheets.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import BinaryIO, NamedTuple

from services.adapters.files.csv_rows import NotYet
from services.adapters.files.safe_xml import parse
from services.adapters.files.xlsx_parts import Workbook
from services.core.records import BEGIN, MOST_RECORD, BadFile, BadRecord, FileForm, Place, Record

_COLUMN = re.compile(r"([A-Z]{1,3})\d{1,7}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII).fullmatch
MOST_COLUMNS = 16_384
_SURE_DIGITS = 15
"""Of a number in a workbook; what is behind them is noise of its binary form."""
_EXACT = 1 << 53

Trouble = tuple[str, str]
"""Why a row is no record, in both languages."""


class _Row(NamedTuple):
    number: int
    cells: dict[int, str]
    trouble: Trouble | None


class _Rows:
    """What is heard of a sheet."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self.found: list[_Row] = []
        self._row, self._column, self._size = 0, 0, 0
        self._cells: dict[int, str] = {}
        self._trouble: Trouble | None = None
        self._kind, self._style = "n", 0
        self._parts: list[str] = []
        self._in: list[str] = []

    def begin(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        self._in.append(name)
        if name == "row":
            said = attributes.get("r", "")
            self._row = int(said) if said.isascii() and said.isdigit() and len(said) < 10 else self._row + 1
            self._column, self._cells, self._size, self._trouble = -1, {}, 0, None
        elif name == "c":
            match = _COLUMN.fullmatch(attributes.get("r", ""))
            self._column = _column_number(match[1]) if match else self._column + 1
            style = attributes.get("s", "0")
            self._style = int(style) if style.isascii() and style.isdigit() and len(style) < 9 else 0
            self._kind, self._parts = attributes.get("t", "n"), []

    def text(self, text: str) -> None:
        where = self._in[-1]
        if where == "v" or (where == "t" and self._kind == "inlineStr" and "rPh" not in self._in):
            self._size += len(text)
            if self._size <= MOST_RECORD:
                self._parts.append(text)

    def end(self, name: str) -> None:
        self._in.pop()
        if name == "c" and self._parts:
            text = self._value("".join(self._parts))
            if text and self._column < MOST_COLUMNS:
                self._cells[self._column] = text
        elif name == "row" and (self._cells or self._trouble):
            if self._size > MOST_RECORD:
                self._trouble = f"longer than {MOST_RECORD} bytes", f"超过 {MOST_RECORD} 字节"
            self.found.append(_Row(self._row, self._cells, self._trouble))

    def _value(self, text: str) -> str:
        if self._kind == "s":
            texts = self._book.texts
            number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else len(texts)
            if number < len(texts):
                return texts[number]
            self._trouble = f"a cell names shared text {text[:20]}, which is not there", "单元格引用的文本不存在"
            return ""
        if self._kind == "e":
            self._trouble = f"a cell holds the error {text[:20]}", f"单元格为错误值 {text[:20]}"
            return ""
        if self._kind == "b":
            return "TRUE" if text.strip() == "1" else "FALSE"
        if self._kind == "d":
            return text.strip().replace("T", " ")
        return self._number(text.strip()) if self._kind == "n" else text

    def _number(self, text: str) -> str:
        if not _NUMBER(text):
            return text
        try:
            number = Decimal(text)
            styles = self._book.date_styles
            kind = styles[self._style] if self._style < len(styles) else ""
            return moment_text(number, kind, self._book.from_1904) if kind else number_text(number)
        except (InvalidOperation, OverflowError, ValueError):
            self._trouble = f"a cell holds {text[:40]}, no date or number", f"单元格 {text[:40]} 不是日期或数字"
            return ""


def number_text(number: Decimal) -> str:
    """As a person would write it: 6901234567892, 0.1; raises ValueError for one of very many digits."""
    if number.adjusted() > 60 or number.adjusted() < -60:
        raise ValueError("too long")
    if number != number.to_integral_value() or abs(number) > _EXACT:
        number = Decimal(f"{number:.{_SURE_DIGITS}g}")
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def moment_text(number: Decimal, kind: str, from_1904: bool) -> str:
    """A serial number of days as date, time of day, or both, to the millisecond; raises ValueError, OverflowError."""
    if not 0 <= number < 2_958_466:
        raise ValueError("no day")
    begin = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 - cells have no zone
    moment = begin + timedelta(milliseconds=round(number * 86_400_000))
    fraction = f".{moment.microsecond // 1000:03d}" if moment.microsecond else ""
    day, time = f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%S}{fraction}"
    whole = number == number.to_integral_value()
    if kind == "both" or (kind == "date" and not whole) or (kind == "time" and number >= 1):
        return f"{day} {time}"
    return day if kind == "date" else time


class XlsxRows:
    """See services.adapters.files.opened.Records."""

    def __init__(self, file: BinaryIO, form: FileForm) -> None:
        """Reads what cells mean, and the names of the columns. Raises BadFile."""
        if form.encoding is not None or form.delimiter is not None:
            raise BadFile("Excel has no encoding and no delimiter: leave them out", "Excel 无需指定编码或分隔符")
        self._book = Workbook(file)
        self.encoding: None = None
        self._sheet = form.sheet
        self._header_row = 0 if form.columns else form.header_line
        self._names = dict(enumerate(form.columns)) if form.columns else self._header()
        self.columns = tuple(self._names.values())
        sheet = form.sheet or next(iter(self._book.sheets))
        self.written = f"Excel, sheet {sheet}, {len(self.columns)} columns"

    def _header(self) -> dict[int, str]:
        for row, cells, _ in self._rows():
            if row == self._header_row:
                return {column: text.strip() for column, text in cells.items()}
            if row > self._header_row:
                break
        raise NotYet(f"has no names of columns in row {self._header_row}", f"第 {self._header_row} 行没有列名")

    def _rows(self) -> Iterator[_Row]:
        rows = _Rows(self._book)
        with self._book.sheet(self._sheet) as part:
            for _ in parse(part, rows):
                yield from rows.found
                rows.found.clear()

    def records(self, after: Place = BEGIN) -> Iterator[Record | BadRecord]:
        """See services.adapters.files.opened.Records."""
        for row, cells, trouble in self._rows():
            if row <= max(self._header_row, after.mark):
                continue
            value = {self._names[column]: text for column, text in cells.items() if column in self._names}
            raw = json.dumps(value, ensure_ascii=False, sort_keys=True).encode("utf-8", "backslashreplace")
            if trouble:
                yield BadRecord(row, "", *trouble, raw[:1000], Place(row, row))
            elif value:
                yield Record(row, value, raw, Place(row, row))


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number - 1
