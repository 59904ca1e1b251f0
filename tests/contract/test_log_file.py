"""A log in a file becomes the bytes that are sent: JSON Lines as they stand, a CSV through its columns."""

import json
from pathlib import Path

import pytest

from services.commands.log_file import LogLine, read_lines, read_log
from services.commands.log_options import HowRead, parse_columns
from services.commands.replay_tally import whose
from services.core.records import BadFile, BadRecord, FileForm, Place


def lines_of(path: Path, content: bytes, how: HowRead | None = None) -> list[LogLine | BadRecord]:
    """The lines of a file with this content."""
    path.write_bytes(content)
    return list(read_lines(path, how or HowRead()))


def test_json_lines_stay_as_they_are(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"unit_id": "U1" }\n\n  {"quantity": 1.50}\r\n{broken\n\x0b\x0c\n'
    assert lines_of(tmp_path / "log.jsonl", content) == [
        LogLine(1, b'{"unit_id": "U1" }', after=Place(22, 1)),
        LogLine(3, b'{"quantity": 1.50}', after=Place(45, 3)),
        LogLine(4, b"{broken", after=Place(53, 4)),
    ], "what a server takes for blank has no verdict, so it is no line"


def test_json_lines_in_gbk_are_sent_as_utf_8(tmp_path: Path) -> None:
    [line] = lines_of(tmp_path / "log.jsonl", '{"unit_id": "甲"}\n'.encode("gbk"))
    assert isinstance(line, LogLine)
    assert line.value == '{"unit_id": "甲"}'.encode()


def test_a_csv_becomes_events_through_its_columns(tmp_path: Path) -> None:
    content = "序列号,时间,机台,工序,状态\nU1,2026-11-20 08:00:00,M1,焊接,begin\n".encode("gb18030")
    columns = parse_columns("unit_id=序列号,event_time=时间,operation_id=机台+工序,action=状态", "begin=start")
    [line] = lines_of(tmp_path / "log.csv", content, HowRead(FileForm(), columns, "Asia/Shanghai"))
    assert isinstance(line, LogLine)
    event = json.loads(line.value)
    assert len(event.pop("event_id")) == 32
    assert event == {
        "unit_id": "U1", "event_time": "2026-11-20T00:00:00.000000+00:00", "operation_id": "M1 焊接", "action": "start",
    }  # fmt: skip


def test_a_csv_without_a_named_column_says_which_it_has(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no column 'serial'; its columns: case, time"):
        lines_of(
            tmp_path / "log.csv", b"case,time\n1,2\n", HowRead(mapping=parse_columns("unit_id=serial,event_time=time"))
        )


def test_a_line_that_is_no_event_is_said_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("unit_id,event_time,action\nU1,gestern,arrive\nU1,2026-11-20 08:00,hold\n", "utf-8")
    bad, good = read_log(path, HowRead(time_zone="Asia/Shanghai"))
    assert isinstance(bad, BadRecord)
    assert (bad.line, bad.column) == (2, "event_time")
    assert not isinstance(good, BadRecord)
    assert good.event_time == 1_795_132_800_000_000


def test_a_line_goes_where_its_cleaned_unit_goes() -> None:
    found = whose(LogLine(1, '{"unit_id": " U\u00e9 ", "source": "mes"}'.encode()))
    assert (found.unit_id, found.source) == ("U\u00e9", "mes")


@pytest.mark.parametrize("value", [b"{broken", b"[]", b'{"unit_id": 5}', b'{"unit_id": "\xff"}'])
def test_a_line_that_cannot_be_read_belongs_to_nobody(value: bytes) -> None:
    assert whose(LogLine(1, value)).unit_id == ""
