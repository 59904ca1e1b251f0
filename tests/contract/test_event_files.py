"""Files of events by hand: what Chinese exports look like, what is refused and why, and what it costs in memory."""

import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import xlsxwriter

from services.adapters.files.mapped import EventFile, columns_mapping
from services.adapters.files.opened import opened
from services.core.records import BEGIN, BadFile, BadRecord, FileEvent, FileForm
from tests.event_files import as_csv, as_xes, as_xlsx, records

ROW = {"unit_id": "U1", "event_time": "2026-11-20T08:00:00Z", "action": "start", "operation_id": "焊接"}
BOUND = 24 << 20
"""Bytes; what is read is many times as much."""


def made(path: Path, data: bytes) -> Path:
    """A file with this content."""
    path.write_bytes(data)
    return path


def events(path: Path, form: FileForm | None = None) -> list[FileEvent | BadRecord]:
    """By what the format is by itself."""
    return list(EventFile(path, form or FileForm()).events())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_an_export_is_read_in_the_encoding_it_has_and_that_is_said(tmp_path: Path, encoding: str) -> None:
    file = EventFile(made(tmp_path / "a.csv", as_csv([ROW], encoding)), FileForm())
    [event] = file.events()
    assert isinstance(event, FileEvent)
    assert event.event is not None
    assert event.event["operation_id"] == "焊接"
    assert encoding.removesuffix("-sig").replace("gbk", "gb18030") in file.written


def test_one_line_in_another_encoding_spoils_only_itself(tmp_path: Path) -> None:
    data = as_csv([ROW] * 3).splitlines(keepends=True)
    data[2] = data[2].decode().encode("gb18030")
    first, bad, last = events(made(tmp_path / "a.csv", b"".join(data)))
    assert isinstance(bad, BadRecord)
    assert (first.line, bad.line, last.line) == (2, 3, 4)
    assert "not utf-8 at byte" in bad.en
    assert "不是 utf-8" in bad.zh


def test_an_encoding_can_be_forced_and_one_that_nobody_knows_is_said(tmp_path: Path) -> None:
    path = made(tmp_path / "a.csv", as_csv([ROW | {"operation_id": "溶接"}], "shift_jis", ";"))
    [event] = events(path, FileForm(encoding="shift_jis"))
    assert isinstance(event, FileEvent)
    with pytest.raises(BadFile, match="no encoding 'gb'"):
        events(path, FileForm(encoding="gb"))


@pytest.mark.parametrize(("content", "lines", "words"), [
    (b'a,b\n1,"2\n3,4\n', {2}, "never closed"),
    (b"a,b\n1,2,3\n3,4\n", {2}, "3 fields, but 2 columns"),
    (b"a,b\n1,\x002\n3,4\n", {2}, "holds NUL"),
    (b"a,b\n1,2\rx\n3,4\n", {2}, "no row of a CSV"),
    (b"a,b\n1," + b"2" * 10_000_000 + b"\n3,4\n", {2}, "longer than"),
    (b'a,b\n1,"' + b"\n" * 5_000 + b"3,4\n", {2}, "never closed"),
])  # fmt: skip
def test_a_row_that_is_none_is_refused_with_its_line_and_the_next_is_read(
    tmp_path: Path, content: bytes, lines: set[int], words: str
) -> None:
    found = records(made(tmp_path / "a.csv", content))
    bad = [record for record in found if isinstance(record, BadRecord)]
    assert {record.line for record in bad} == lines
    assert words in bad[0].en
    assert len(bad[0].raw) <= 4096
    assert found[-1].raw == b"3,4"


def test_excels_own_first_line_and_a_table_without_names(tmp_path: Path) -> None:
    [record] = records(made(tmp_path / "a.csv", b"sep=|\r\na|b\r\n1|2;3\r\n"))
    assert record.raw == b"1|2;3"
    [record] = records(made(tmp_path / "b.csv", b"1\t2,5\n"), FileForm(columns=("a", "b")))
    assert not isinstance(record, BadRecord)
    assert record.value == {"a": "1", "b": "2,5"}


def test_a_table_without_a_mapped_column_says_which_it_has(tmp_path: Path) -> None:
    mapping = columns_mapping({"unit_id": ("serial",), "event_time": ("time",)})
    for name, data in (("a.csv", b"case,time\n1,2\n"), ("a.xlsx", as_xlsx([{"case": "1", "time": "2"}]))):
        with pytest.raises(BadFile, match="no column 'serial'; its columns: case, time"):
            list(EventFile(made(tmp_path / name, data), FileForm(), mapping).events())
    with pytest.raises(BadFile, match="'time' twice"):
        list(EventFile(made(tmp_path / "b.csv", b"serial,time,time\n1,2,3\n"), FileForm(), mapping).events())


def test_ids_are_the_same_for_the_same_file_wherever_it_lies_and_others_for_others(tmp_path: Path) -> None:
    def ids(path: Path) -> list[object]:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(as_csv([ROW, ROW]))
        return [event.event["event_id"] for event in events(path) if isinstance(event, FileEvent) and event.event]

    first = ids(tmp_path / "a.csv")
    assert first == ids(tmp_path / "moved" / "a.csv")
    assert len({*first, *ids(tmp_path / "b.csv")}) == 4


XES = as_xes([{"case": "C1", "concept:name": "焊接", "time:timestamp": "2026-11-20T08:00:00+08:00",
               "lifecycle:transition": "start", "org:resource": "M1"}], "case")  # fmt: skip


def test_a_log_of_events_needs_no_mapping(tmp_path: Path) -> None:
    [event] = events(made(tmp_path / "a.xes", XES))
    assert isinstance(event, FileEvent)
    assert event.event is not None
    assert event.event.pop("event_id")
    assert event.event == {
        "unit_id": "C1", "operation_id": "焊接", "event_time": "2026-11-20T08:00:00+08:00", "action": "start",
        "work_unit_id": "M1",
    }  # fmt: skip


def test_a_log_in_gbk_is_read_and_one_that_is_cut_off_gives_what_it_had(tmp_path: Path) -> None:
    gbk = XES.decode().replace("UTF-8", "GBK").encode("gbk")
    assert [record.raw for record in records(made(tmp_path / "a.xes", gbk))] == [
        record.raw for record in records(made(tmp_path / "b.xes", XES))
    ]
    found = []
    with opened(made(tmp_path / "c.xes", XES[:-20]), FileForm()) as file, pytest.raises(BadFile, match="no XML here"):
        found.extend(file.records(BEGIN))
    assert len(found) <= 1


BOMB = b'<?xml version="1.0"?><!DOCTYPE log [<!ENTITY a "%s">%s]><log>&f;</log>' % (
    b"x" * 1000, b"".join(b'<!ENTITY %c "%s">' % (c + 1, b"&%c;" % c * 99) for c in b"abcde")
)  # fmt: skip
OUTSIDE = b'<!DOCTYPE log [<!ENTITY a SYSTEM "file:///etc/passwd">]><log><string key="a" value="&a;"/></log>'


@pytest.mark.parametrize(("data", "words"), [
    (BOMB, "document type"), (OUTSIDE, "document type"), (b"<log>" + b"<trace>" * 100, "in each other"),
    (b"<log><trace><event><string key='a' value='" + b"x" * (10 << 20), "more than 1048576 bytes"),
    (b"<html></html>", "no XES"), (b"<log></logg>", "mismatched tag"), (b"\xd0\xcf\x11\xe0....", "old kind"),
    (b"<?xml version='1.0' encoding='GBK'?><log>\xff\xff</log>", "not GB18030"),
])  # fmt: skip
def test_hostile_xml_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    with bounded(), pytest.raises(BadFile, match=words):
        records(made(tmp_path / "a.xes", data))


class bounded:
    """What is done in here holds no more than BOUND at once."""

    def __enter__(self) -> None:
        """Begin to count."""
        tracemalloc.start()

    def __exit__(self, *_: object) -> None:
        """Compare."""
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < BOUND


def workbook(tmp_path: Path) -> Path:
    """Dates, numbers, formulas, booleans and errors as Excel keeps them."""
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(str(path))
    book.add_worksheet("other").write_row(0, 0, ["x"])
    sheet = book.add_worksheet("报工")
    day, time, both = (book.add_format({"num_format": code}) for code in ("yyyy-mm-dd", "[h]:mm:ss", "m/d/yy h:mm"))
    sheet.write_row(1, 0, ["序列号", "日", "时", "时间", "数量", "合格", "公式"])
    moment = datetime(2026, 11, 3, 8, 5, 9, 250_000)  # noqa: DTZ001 - cells have no zone
    sheet.write_number(2, 0, 6901234567892)
    sheet.write_datetime(2, 1, datetime(2026, 11, 3), day)  # noqa: DTZ001
    sheet.write_number(2, 2, (8 * 3600 + 5 * 60 + 9) / 86_400, time)
    sheet.write_datetime(2, 3, moment, both)
    sheet.write_number(2, 4, 0.1 + 0.2)
    sheet.write_boolean(2, 5, True)
    sheet.write_formula(2, 6, "=1+1", None, 2)
    sheet.write_string(3, 0, "U2")
    sheet.write_formula(3, 6, "=1/0", None, "#DIV/0!")
    sheet.write_rich_string(4, 0, "U", book.add_format({"bold": True}), "3")
    book.close()
    return path


def test_cells_are_read_as_people_see_them(tmp_path: Path) -> None:
    first, bad, last = records(workbook(tmp_path), FileForm(sheet="报工", header_line=2))
    assert not isinstance(first, BadRecord)
    assert first.value == {
        "序列号": "6901234567892", "日": "2026-11-03", "时": "08:05:09", "时间": "2026-11-03 08:05:09.250",
        "数量": "0.3", "合格": "TRUE", "公式": "2",
    }  # fmt: skip
    assert isinstance(bad, BadRecord)
    assert (bad.line, bad.en) == (4, "a cell holds the error #DIV/0!")
    assert not isinstance(last, BadRecord)
    assert last.value == {"序列号": "U3"}
    with pytest.raises(BadFile, match="no sheet 'x'; its sheets: other, 报工"):
        records(tmp_path / "a.xlsx", FileForm(sheet="x"))


def repacked(path: Path, name: str, content: Iterator[bytes]) -> Path:
    """The workbook with another content of one of its parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for info in old.infolist():
            with new.open(info.filename, "w", force_zip64=True) as part:
                for piece in content if info.filename == name else [old.read(info)]:
                    part.write(piece)
    path.write_bytes(out.getvalue())
    return path


def pieces(begin: bytes, middle: bytes, times: int) -> Iterator[bytes]:
    """Much of the same."""
    yield begin
    for _ in range(times):
        yield middle


SHEET, TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"


@pytest.mark.parametrize(("part", "begin", "middle", "times", "words"), [
    (SHEET, b"<worksheet><sheetData>", b" " * (1 << 20), 80, "more than is read"),
    (TEXTS, b"<sst>", b"<si><t>aaaaaaa</t></si>" * 50_000, 80, "more than is read"),
    (SHEET, b"<worksheet><sheetData><row r='1'><c r='A1' t='str'><v>", b"x" * 100_000, 90, "no names|no XML"),
    (SHEET, BOMB, b"", 0, "document type"),
    ("xl/workbook.xml", OUTSIDE, b"", 0, "document type"),
])  # fmt: skip
def test_a_hostile_workbook_is_refused(
    tmp_path: Path, part: str, begin: bytes, middle: bytes, times: int, words: str
) -> None:
    path = repacked(made(tmp_path / "a.xlsx", as_xlsx([ROW])), part, pieces(begin, middle, times))
    with bounded(), pytest.raises(BadFile, match=words):
        records(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_workbook_packed_in_another_way_is_refused_whole_or_damaged(tmp_path: Path, method: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(as_xlsx([ROW]))) as old, zipfile.ZipFile(out, "w", method) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(BadFile, match="as Excel never does"):
        records(made(tmp_path / "a.xlsx", out.getvalue()))


def test_a_workbook_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    data = as_xlsx([ROW])
    for size in range(4, len(data), 997):
        with pytest.raises(BadFile, match="damaged"):
            records(made(tmp_path / "a.xlsx", data[:size]))
