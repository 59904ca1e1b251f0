"""Opens a file of events, whatever its format: by its name, else by how it begins."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from services.adapters.files.csv_rows import CsvRows
from services.adapters.files.json_lines import JsonLines
from services.adapters.files.xes import XesEvents
from services.adapters.files.xlsx import XlsxRows
from services.core.records import BadFile, BadRecord, FileForm, Place, Record

FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".xes": "xes",
    ".xlsx": "xlsx", ".xlsm": "xlsx",
}  # fmt: skip
OF_LINES = frozenset({"csv", "jsonl"})
"""Formats that can be read while they grow, and from anywhere on."""
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_BEGIN = 512


class Records(Protocol):
    """The records of an open file."""

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The names of a table's columns; None where records have their own."""
        ...

    @property
    def encoding(self) -> str | None:
        """Of the lines; None: not known yet, or the format says it itself."""
        ...

    @property
    def written(self) -> str:
        """How the file is written, as far as it was read; for people."""
        ...

    def records(self, after: Place) -> Iterator[Record | BadRecord]:
        """All behind a place. Raises BadFile where it cannot be read any further, OSError."""
        ...


def format_of(path: Path, form: FileForm) -> str:
    """csv, jsonl, xes or xlsx. Raises OSError."""
    if form.format is not None:
        return form.format
    named = FORMATS.get(path.suffix.lower())
    if named is not None:
        return named
    with path.open("rb") as file:
        head = file.read(_BEGIN)
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if begin.startswith(b"<"):
        return "xes"
    return "jsonl" if begin.startswith(b"{") else "csv"


@contextmanager
def opened(path: Path, form: FileForm, *, as_they_stand: bool = False, growing: bool = False) -> Iterator[Records]:
    """The records of a file. Raises BadFile, OSError.

    `as_they_stand`: lines of JSON are events already. `growing`: what has no end yet is left for later.
    """
    kind = format_of(path, form)
    with path.open("rb") as file:
        if file.read(4) == _OLD_EXCEL:
            raise BadFile(
                "is an Excel file of the old kind, or encrypted: save it as .xlsx",
                "是旧版或加密的 Excel 文件：请另存为 .xlsx",
            )
        file.seek(0)
        if kind == "jsonl":
            yield JsonLines(file, form, as_they_stand=as_they_stand, growing=growing)
        elif kind == "csv":
            yield CsvRows(file, form, growing=growing)
        elif kind == "xes":
            yield XesEvents(file, form)
        else:
            yield XlsxRows(file, form)
