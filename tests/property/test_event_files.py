"""Files of events: what was written is read, from anywhere on and while it grows; whatever else there is is refused."""

import json
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.adapters.files.csv_rows import NotYet
from services.core.records import BEGIN, BadFile, BadRecord, FileForm, Record
from tests.event_files import as_csv, as_xes, as_xlsx, records

NAMES = count()
CELLS = st.text(st.characters(codec="gb18030", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
TEXTS = st.one_of(CELLS, st.sampled_from(['a "b"', "a;b", "a,b", "甲\n乙", "0815", "=1+1", "工单 7"]))
ROWS = st.lists(st.fixed_dictionaries({"序列号": TEXTS, "b c": TEXTS}), min_size=1, max_size=6)
FORMATS = ["csv", "jsonl", "xes", "xlsx"]


def fresh(factory: pytest.TempPathFactory, data: bytes, name: str = "txt") -> Path:
    """A file of its own."""
    path = factory.getbasetemp() / f"file-{next(NAMES)}.{name}"
    path.write_bytes(data)
    return path


def written(rows: list[dict[str, str]], kind: str) -> bytes:
    """The rows in a format."""
    if kind == "csv":
        return as_csv(rows)
    if kind == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    return as_xlsx(rows) if kind == "xlsx" else as_xes([row | {"case": "C"} for row in rows], "case")


@given(
    rows=ROWS, encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]), delimiter=st.sampled_from(",;\t")
)
def test_a_table_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]], encoding: str, delimiter: str
) -> None:
    path = fresh(tmp_path_factory, as_csv(rows, encoding, delimiter), "csv")
    form = FileForm(delimiter=delimiter, encoding=None if encoding.startswith("utf") else encoding)
    assert [record.value for record in records(path, form) if isinstance(record, Record)] == [
        row for row in rows if any(cell.strip() for cell in row.values())
    ]
    path.unlink()


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=15)
@given(rows=ROWS)
def test_reading_goes_on_behind_any_record(
    tmp_path_factory: pytest.TempPathFactory, kind: str, rows: list[dict[str, str]]
) -> None:
    path = fresh(tmp_path_factory, written(rows, kind), kind)
    found = records(path)
    for number, record in enumerate(found, 1):
        assert record.after is not None
        assert records(path, after=record.after) == found[number:]
    path.unlink()


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@settings(max_examples=60)
@given(rows=ROWS, cuts=st.lists(st.floats(0, 1), max_size=4))
def test_a_file_that_grows_gives_what_the_whole_gives(
    tmp_path_factory: pytest.TempPathFactory, kind: str, rows: list[dict[str, str]], cuts: list[float]
) -> None:
    data = written(rows, kind)
    path = fresh(tmp_path_factory, data, kind)
    whole = records(path)
    place, found = BEGIN, []
    for cut in [*sorted(cuts), 1.0]:
        path.write_bytes(data[: int(cut * len(data))])
        try:
            more = records(path, FileForm(encoding="utf-8", delimiter=","), place, growing=True)
        except NotYet:
            continue
        found += more
        place = found[-1].after or place if found else place
    assert found == whole
    path.unlink()


ANY = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from([
            b"<log>", b"</log>", b"<trace>", b"</trace>", b"<event>", b"</event>", b"<string key='a' value='b'/>",
            b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"<?xml version='1.0' encoding='gbk'?>", b"<a:log xmlns:a='x'>",
            b"{", b"}", b'{"a":1}', b"\n", b"\r", b'"', b",", b"a,b", b"\x00", b"\xff\xfe", b"\xfe\xff",
            b"\xef\xbb\xbf", b"sep=;", "工".encode(), "工".encode("gbk"), b"\xed\xa0\x80", b'"\\ud800"', b"[" * 200,
            b"1e999", b"PK\x03\x04", b"<?xml version='1.0' encoding='utf-7'?>", b"\xd0\xcf\x11\xe0",
        ]), max_size=12,
    ).map(b"".join),
)  # fmt: skip


@pytest.mark.parametrize("kind", [*FORMATS, None])
@given(
    data=ANY, growing=st.booleans(), encoding=st.sampled_from([None, "utf-8", "gb18030", "utf-16", "no such", "hex"])
)
def test_any_bytes_are_read_or_refused_in_both_languages(
    tmp_path_factory: pytest.TempPathFactory, kind: str | None, data: bytes, growing: bool, encoding: str | None
) -> None:
    path = fresh(tmp_path_factory, data)
    for words in said(path, FileForm(format=kind, encoding=encoding), growing=growing):
        assert all(words)
    path.unlink()


def said(path: Path, form: FileForm, *, growing: bool = False) -> list[tuple[str, str]]:
    """What a reader says of records that are none, or of the whole file, in both languages."""
    try:
        found = records(path, form, growing=growing)
    except BadFile as bad:
        return [(bad.en, bad.zh)]
    return [(record.en, record.zh) for record in found if isinstance(record, BadRecord)]


WORKBOOK = as_xlsx([{"unit_id": "U1", "event_time": "t"}, {"unit_id": "U2", "event_time": "t"}])


@settings(max_examples=60)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(WORKBOOK) - 1), st.integers(0, 255)), max_size=5), cut=st.integers(0)
)
def test_a_damaged_workbook_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(WORKBOOK)
    for place, value in changes:
        data[place] = value
    path = fresh(tmp_path_factory, bytes(data[: cut % (2 * len(data))]), "xlsx")
    for words in said(path, FileForm()):
        assert all(words)
    path.unlink()
