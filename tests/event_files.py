"""Files of events for tests, in every format the readers know."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import xlsxwriter

from services.adapters.files.opened import opened
from services.core.records import BEGIN, BadRecord, FileForm, Place, Record

Row = Mapping[str, str]


def as_csv(rows: Sequence[Row], encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    """A table."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode(encoding)


def as_xes(rows: Sequence[Row], case: str) -> bytes:
    """A log in which the rows of one case are a trace; a column is an attribute."""
    traces: dict[str, list[str]] = {}
    for row in rows:
        attributes = [f"<string key={quoteattr(k)} value={quoteattr(v)}/>" for k, v in row.items() if v and k != case]
        traces.setdefault(row[case], []).append(f"<event>{''.join(attributes)}</event>\n")
    written = [
        f"<trace><string key='concept:name' value={quoteattr(name)}/>\n{''.join(events)}</trace>\n"
        for name, events in traces.items()
    ]
    return f"<?xml version='1.0' encoding='UTF-8'?>\n<log xes.version='1.0'>\n{''.join(written)}</log>\n".encode()


def as_xlsx(rows: Sequence[Row]) -> bytes:
    """A workbook of texts."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, list(rows[0]))
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row.values()):
            sheet.write_string(number, column, value)
    book.close()
    return out.getvalue()


def records(
    path: Path, form: FileForm | None = None, after: Place = BEGIN, *, growing: bool = False
) -> list[Record | BadRecord]:
    """All records of a file behind a place."""
    with opened(path, form or FileForm(), growing=growing) as file:
        return list(file.records(after))
