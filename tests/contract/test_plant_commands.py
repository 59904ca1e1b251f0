"""`floorstream plant new|check|infer`: what they write, print and answer."""

import argparse
from pathlib import Path

import pytest

from schemas.plant import load_plant
from services.commands.plant import EXAMPLE, add_parser

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

BAD = """\
areas:
  - id: A
    work_centers:
      - {id: C, operations: [{id: O, wip_limit: many}]}
"""


def command(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    namespace = parser.parse_args(["plant", *map(str, arguments)])
    code: int = namespace.func(namespace)
    return code


def test_new_writes_an_example_that_is_good_and_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plant.yaml"
    assert command("new", path) == 0
    assert path.read_text(encoding="utf-8") == EXAMPLE.read_text(encoding="utf-8")
    assert command("check", path) == 0
    assert "3 operations" in capsys.readouterr().out
    assert command("new", path) == 1


def test_check_lists_errors_by_file_line_and_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(BAD, encoding="utf-8")
    assert command("check", path, "--language", "en") == 1
    key = "areas[0].work_centers[0].operations[0].wip_limit"
    assert capsys.readouterr().out == f"{path}:4: {key}: expected a whole number from 0 to 1000000000, got 'many'\n"


@pytest.mark.parametrize("content", [None, "工厂".encode("gb18030")])
def test_check_of_a_file_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    path = tmp_path / "plant.yaml"
    if content is not None:
        path.write_bytes(content)
    assert command("check", path) == 1
    assert str(path) in capsys.readouterr().err


LOG = """\
{"event_id":"1","event_time":"2026-11-23T06:00:00Z","unit_id":"U1","read_point_id":"PRINT-IN","product_id":"P"}
{"event_id":"2","event_time":"2026-11-23T06:01:00Z","unit_id":"U1","read_point_id":"PRINT-OUT"}
not an event
{"event_id":"3","event_time":"2026-11-23T06:02:00Z","unit_id":"U1","operation_id":"no","action":"start","work_unit_id":"M"}
{"event_id":"4","event_time":"2026-11-23T06:00:30Z","unit_id":"U2","operation_id":"no","action":"arrive"}
"""


def test_infer_proposes_a_good_plant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, out = tmp_path / "events.jsonl", tmp_path / "plant.yaml"
    log.write_text(LOG, encoding="utf-8")
    assert command("infer", log, "--out", out) == 0
    assert "line 3" in capsys.readouterr().err
    model = load_plant(out.read_text(encoding="utf-8"))
    assert [operation["id"] for operation in model["operations"]] == ["PRINT", "no"]
    assert [(point["id"], point["operation"], point["action"]) for point in model["read_points"]] == [
        ("PRINT-IN", "PRINT", "arrive"),
        ("PRINT-OUT", "PRINT", "depart"),
    ]
    assert [unit["id"] for unit in model["work_units"]] == ["M"]
    assert model["products"][0]["routing"] == ["PRINT", "no"]


def test_infer_of_a_log_without_events_says_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "events.jsonl"
    log.write_text("nothing\n", encoding="utf-8")
    assert command("infer", log) == 1
    assert "no event" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--columns", "unit=a"], ["--columns", "unit_id=a"], ["--time-zone", "Nowhere"]])
def test_infer_with_wrong_options_is_a_usage_error(tmp_path: Path, options: list[str]) -> None:
    log = tmp_path / "events.csv"
    log.write_text("a\n1\n", encoding="utf-8")
    assert command("infer", log, *options) == 2


def test_infer_reads_a_csv_of_local_times_in_another_encoding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "export.csv"
    log.write_text("件,时,站,步\n甲,2026-11-23 08:00:00,一,开\n甲,2026-11-23 07:00:00,二,开\n", encoding="gb18030")
    columns = ["--columns", "unit_id=件,event_time=时,operation_id=站,action=步", "--actions", "开=start"]
    assert command("infer", log, *columns, "--encoding", "gb18030", "--time-zone", "Asia/Shanghai") == 0
    text = capsys.readouterr().out
    assert "2026-11-22T23:00:00.000000Z" in text
    assert [operation["id"] for operation in load_plant(text)["operations"]] == ["二", "一"]


def test_infer_on_a_real_factory(capsys: pytest.CaptureFixture[str]) -> None:
    log = DATA / "trier_factory" / "events.csv"
    if not log.exists():
        pytest.skip(f"real data absent: {log.name}")
    columns = "unit_id=case_id,event_time=timestamp,operation_id=org:resource+activity,work_unit_id=org:resource"
    columns += ",action=lifecycle:transition"
    assert command("infer", log, "--columns", columns, "--actions", "scheduled=arrive,complete=finish") == 0
    model = load_plant(capsys.readouterr().out)
    assert (len(model["operations"]), len(model["work_units"])) == (30, 15)
    assert model["operations"][0]["id"] == "hbw_2 /hbw/unload"
    assert model["tracking"]["presence"] == "multiple"
