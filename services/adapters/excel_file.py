"""The contract's rows as one Excel workbook: instants, durations and numbers as such, every text as text.

A sheet per file, its header frozen and with a filter, and a sheet that says what each column means. Excel knows no
time zone: instants stand in the site's own, to the millisecond. A text never becomes a formula, a link or a number,
whatever it looks like.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter

MOST_ROWS = 1_048_575
"""Of one sheet, beside its header (Excel specifications and limits, support.microsoft.com)."""
EXACT_DIGITS = 15
"""Excel keeps so many digits of a number; a longer one is text."""
QUANTITY = "quantity"
_DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPTIONS = {
    "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False
}  # fmt: skip


class TooManyRows(Exception):
    """A table has more rows than a sheet holds."""


class ExcelFile:
    """A workbook under way; nothing of it is there before close()."""

    def __init__(self, path: Path, time_zone: str, most_rows: int = MOST_ROWS) -> None:
        """`time_zone`: IANA name of the zone in which instants are shown."""
        self._workbook = xlsxwriter.Workbook(str(path), _OPTIONS)
        self._zone = ZoneInfo(time_zone)
        self._most_rows = most_rows
        self._bold = self._workbook.add_format({"bold": True, "bottom": 1})
        self._formats = {
            "instant": self._workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"}),
            "duration": self._workbook.add_format({"num_format": "[h]:mm:ss.000"}),
        }

    def sheet(
        self, name: str, columns: Sequence[str], instants: Collection[str] = (), durations: Collection[str] = ()
    ) -> "Sheet":
        """A sheet; all of its rows come before the next sheet is begun. Columns that hold instants or durations."""
        sheet = self._workbook.add_worksheet(name)
        sheet.freeze_panes(1, 1)
        for place, column in enumerate(columns):
            sheet.set_column(place, place, 24 if column in instants or column.endswith("_id") else 12)
            sheet.write_string(0, place, column, self._bold)
        kinds = {**dict.fromkeys(instants, "instant"), **dict.fromkeys(durations, "duration")}
        return Sheet(sheet, name, columns, kinds, self._formats, self._zone, self._most_rows)

    def words(self, name: str, rows: Sequence[Sequence[str]]) -> None:
        """A sheet of text."""
        sheet = self.sheet(name, rows[0])
        for row in rows[1:]:
            sheet.add(row)
        sheet.end()

    def close(self) -> None:
        """Write the file."""
        self._workbook.close()


class Sheet:
    """Rows of one table."""

    def __init__(
        self, sheet: Any, name: str, columns: Sequence[str], kinds: Mapping[str, str], formats: Mapping[str, Any],
        zone: ZoneInfo, most_rows: int,
    ) -> None:  # fmt: skip
        """Made by ExcelFile.sheet."""
        self._sheet = sheet
        self._name = name
        self._columns = columns
        self._kinds = kinds
        self._formats = formats
        self._zone = zone
        self._most_rows = most_rows
        self._rows = 0

    def add(self, values: Sequence[object]) -> None:
        """One row, in the order of the columns: instants and durations in µs, quantities in millionths."""
        self._rows += 1
        if self._rows > self._most_rows:
            most = f"{self._most_rows:,}"
            raise TooManyRows(
                f"{self._name} has more than the {most} rows that a sheet of Excel holds; the CSV files have all of "
                f"them / {self._name} 超过 Excel 单个工作表的 {most} 行上限；CSV 文件包含全部数据"
            )
        for place, (column, value) in enumerate(zip(self._columns, values, strict=True)):
            if value is not None and value != "":
                self._write(place, column, value)

    def end(self) -> None:
        """No more rows: now the filter knows its range."""
        self._sheet.autofilter(0, 0, self._rows, len(self._columns) - 1)

    def _write(self, place: int, column: str, value: object) -> None:
        sheet, row, kind = self._sheet, self._rows, self._kinds.get(column)
        if isinstance(value, str):
            sheet.write_string(row, place, value)
        elif not isinstance(value, int):
            raise TypeError(f"{column}: {value!r} is neither text nor a whole number")
        elif kind == "instant":
            sheet.write_datetime(row, place, self._local(value), self._formats[kind])
        elif kind == "duration":
            sheet.write_number(row, place, value / _DAY_US, self._formats[kind])
        elif column == QUANTITY:
            self._write_quantity(place, value)
        else:
            sheet.write_number(row, place, value)

    def _write_quantity(self, place: int, millionths: int) -> None:
        if len(str(abs(millionths)).rstrip("0")) <= EXACT_DIGITS:
            self._sheet.write_number(self._rows, place, millionths / 1_000_000)
        else:
            sign, (whole, rest) = "-" if millionths < 0 else "", divmod(abs(millionths), 1_000_000)
            self._sheet.write_string(self._rows, place, f"{sign}{whole}.{rest:06d}")

    def _local(self, us: int) -> datetime:
        return (_EPOCH + timedelta(microseconds=us)).astimezone(self._zone).replace(tzinfo=None)
