"""No row of the fault matrix without a test or the reason why there is none, and the table says what was seen."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.matrix import ROWS, Row
from tests.faults.table import lines, markdown

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """All tests of the matrix, as `make faults` and `make faults-red` find them."""
    path = tmp_path_factory.mktemp("matrix") / "collected.json"
    subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "row", f"--record={path}"],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return found


def of_row(row: Row, collected: list[dict[str, Any]], red: bool) -> list[str]:
    return [each["test"] for each in collected if row.number in each["rows"] and (each["red"] is not None) == red]


def test_there_are_45_rows() -> None:
    assert [row.number for row in ROWS] == list(range(1, 46))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"row {row.number}")
def test_a_row_has_tests_or_says_why_not(row: Row, collected: list[dict[str, Any]]) -> None:
    assert bool(of_row(row, collected, red=False)) != bool(row.untested), row


@pytest.mark.parametrize("row", [row for row in ROWS if not row.untested], ids=lambda row: f"row {row.number}")
def test_a_row_is_seen_to_fail_or_says_why_not(row: Row, collected: list[dict[str, Any]]) -> None:
    assert bool(of_row(row, collected, red=True)) != bool(row.without), row


def seen(row: int, test: str = "t", **facts: Any) -> dict[str, Any]:
    known = {"rows": [row], "red": None, "broker": "embedded", "seed": None, "seconds": 1.0, "outcome": "passed"}
    return {"test": f"tests/f.py::{test}", "why": "", **known, **facts}


def test_a_row_has_a_line_for_every_broker_and_the_worst_of_its_tests() -> None:
    green = [
        seen(2, seed=7),
        seen(2, seconds=2.5, seed=8),
        seen(2, "u", broker="apache", outcome="failed", why="it differs"),
        seen(2, "v", broker="apache"),
    ]
    red = [seen(2, red="epochs"), seen(2, red="chain", outcome="failed")]
    on_apache, on_embedded = (line for line in lines(green, red) if line.row == 2)
    assert (on_embedded.tests, on_embedded.seeds, on_embedded.seconds, on_embedded.result) == (2, "7 8", 3.5, "green")
    assert on_embedded.red == "epochs; NOT SEEN TO FAIL without chain"
    assert (on_apache.tests, on_apache.result) == (2, "FAILED u: it differs")


def test_a_row_whose_tests_were_all_skipped_is_not_green() -> None:
    line = next(line for line in lines([seen(2, outcome="skipped", why="no Java")], []) if line.row == 2)
    assert (line.tests, line.result) == (0, "skipped: no Java")


def test_a_row_that_was_not_run_is_not_green() -> None:
    assert next(line for line in lines([], []) if line.row == 2).result == "not run"


def test_the_table_has_as_many_cells_in_every_line() -> None:
    text = markdown(lines([seen(2, outcome="failed", why="a | b")], []))
    assert {line.replace("\\|", "").count("|") for line in text.splitlines()} == {9}
