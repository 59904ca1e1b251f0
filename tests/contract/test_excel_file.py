"""A workbook as any reader of its format sees it: XML in a zip file (ECMA-376)."""

import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from schemas.glossary import glossary
from services.adapters.excel_file import ExcelFile, TooManyRows
from services.commands.export import TABLES
from services.core.files import OperationLine, UnitLine, VisitLine

SPACE = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
T0 = 1_795_500_000_000_000
"""2026-11-24T06:00:00Z."""
Cell = tuple[str, str]
"""Its type (`n` number, `inlineStr` text), and what it holds."""


def parsed(path: Path, member: str) -> ElementTree.Element:
    with zipfile.ZipFile(path) as book:
        return ElementTree.fromstring(book.read(member))


def cells(path: Path, sheet: int = 1) -> list[list[Cell]]:
    """The rows of a sheet."""
    rows = parsed(path, f"xl/worksheets/sheet{sheet}.xml").iterfind("m:sheetData/m:row", SPACE)
    return [[_cell(cell) for cell in row.iterfind("m:c", SPACE)] for row in rows]


def _cell(cell: ElementTree.Element) -> Cell:
    assert cell.find("m:f", SPACE) is None, "a formula"
    return cell.get("t", "n"), "".join(cell.itertext())


def written(tmp_path: Path, *rows: tuple[object, ...], most_rows: int = 10) -> Path:
    """A sheet of one column of each kind."""
    book = ExcelFile(tmp_path / "book.xlsx", "Asia/Shanghai", most_rows)
    sheet = book.sheet("t", ("unit_id", "arrived", "dwell", "wip", "quantity"), ("arrived",), ("dwell",))
    try:
        for row in rows:
            sheet.add(row)
        sheet.end()
    finally:
        book.close()
    return tmp_path / "book.xlsx"


def row_of(path: Path) -> list[Cell]:
    return cells(path)[1]


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@x", "https://example.com", "0012", "1e5", "测试", "<a>&b"])
def test_text_stays_text(tmp_path: Path, text: str) -> None:
    assert row_of(written(tmp_path, (text, None, None, None, None))) == [("inlineStr", text)]


def test_an_instant_is_a_date_of_the_site_a_duration_a_part_of_a_day(tmp_path: Path) -> None:
    (_, arrived), (_, dwell), (_, wip), (_, quantity) = row_of(
        written(tmp_path, (None, T0 + 1_500_000, 5_400_000_000, 7, -1_500_000))
    )
    days = (T0 + 1_500_000 + 8 * 3_600_000_000) / 86_400_000_000 + 25_569
    assert float(arrived) == pytest.approx(days, abs=1e-9)
    assert (float(dwell), int(wip), float(quantity)) == (0.0625, 7, -1.5)


def test_a_quantity_that_excel_would_round_is_text(tmp_path: Path) -> None:
    assert row_of(written(tmp_path, ("U", None, None, None, 123_456_789_012_000_001)))[1] == (
        "inlineStr", "123456789012.000001",
    )  # fmt: skip


def test_the_header_is_frozen_and_has_a_filter(tmp_path: Path) -> None:
    sheet = parsed(written(tmp_path, ("U", T0, 1, 1, 1), ("V", T0, 1, 1, 1)), "xl/worksheets/sheet1.xml")
    pane = sheet.find("m:sheetViews/m:sheetView/m:pane", SPACE)
    found = sheet.find("m:autoFilter", SPACE)
    assert pane is not None
    assert (pane.get("state"), pane.get("ySplit")) == ("frozen", "1")
    assert found is not None
    assert found.get("ref") == "A1:E3"


def test_more_rows_than_a_sheet_holds_are_refused_in_both_languages(tmp_path: Path) -> None:
    row = ("U", T0, 1, 1, 1)
    assert len(cells(written(tmp_path, row, row, most_rows=2))) == 3
    with pytest.raises(TooManyRows, match=r"more than the 2 rows.*CSV files have all.*2 行上限"):
        written(tmp_path, row, row, row, most_rows=2)


def test_every_column_has_its_words_and_every_line_its_columns() -> None:
    known = glossary()["columns"] | glossary()["phases"]
    assert [column for columns in TABLES.values() for column in columns if column not in known] == []
    lines = {"visits": VisitLine, "operations": OperationLine, "units": UnitLine}
    assert {name: len(columns) for name, columns in TABLES.items()} == {
        name: len(line._fields) for name, line in lines.items()
    }
