"""A log in a file becomes the bytes that are sent: JSON Lines as they stand, a CSV through its columns."""

import json
from pathlib import Path

import pytest

from services.commands.log_file import LogLine, read_lines
from services.commands.plant_log import parse_columns
from services.commands.replay_tally import whose


def lines_of(path: Path, content: bytes, *options: str | None) -> list[LogLine]:
    """The lines of a file with this content; options: columns, actions, zone, encoding."""
    path.write_bytes(content)
    columns, actions, zone, encoding = [*options, None, None, None, None][:4]
    parsed = parse_columns(columns, actions) if columns else None
    return list(read_lines(path, parsed, zone, encoding or "utf-8-sig"))


def test_json_lines_stay_as_they_are(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"unit_id": "U1" }\n\n  {"quantity": 1.50}\r\n{broken\n'
    assert lines_of(tmp_path / "log.jsonl", content) == [
        LogLine(1, b'{"unit_id": "U1" }'),
        LogLine(3, b'{"quantity": 1.50}'),
        LogLine(4, b"{broken"),
    ]


def test_a_csv_becomes_events_through_its_columns(tmp_path: Path) -> None:
    content = "序列号,时间,机台,工序,状态\nU1,2026-11-20 08:00:00,M1,焊接,begin\n".encode("gb18030")
    columns = "unit_id=序列号,event_time=时间,operation_id=机台+工序,action=状态"
    [line] = lines_of(tmp_path / "log.csv", content, columns, "begin=start", "Asia/Shanghai", "gb18030")
    assert json.loads(line.value) == {
        "event_id": "line-2", "unit_id": "U1", "event_time": "2026-11-20T00:00:00.000000Z",
        "operation_id": "M1 焊接", "action": "start",
    }  # fmt: skip


def test_a_csv_without_a_named_column_says_which_it_has(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no column 'serial'; its columns: case, time"):
        lines_of(tmp_path / "log.csv", b"case,time\n1,2\n", "unit_id=serial,event_time=time")


def test_a_line_goes_where_its_cleaned_unit_goes() -> None:
    found = whose(LogLine(1, '{"unit_id": " U\u00e9 ", "source": "mes"}'.encode()))
    assert (found.unit_id, found.source) == ("U\u00e9", "mes")


@pytest.mark.parametrize("value", [b"{broken", b"[]", b'{"unit_id": 5}', b'{"unit_id": "\xff"}'])
def test_a_line_that_cannot_be_read_belongs_to_nobody(value: bytes) -> None:
    assert whose(LogLine(1, value)).unit_id == ""
