"""The table of the fault matrix out of what the runs recorded: `python -m tests.faults.table`.

Reads green-BROKER.json and red-BROKER.json of `RESULTS` and writes table.md and table.json beside them.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.faults.matrix import ROWS, Row

RESULTS = Path(__file__).with_name("results")
HEAD = ("row", "fault", "broker", "tests", "seeds", "seconds", "result", "red without")


@dataclass(frozen=True)
class Line:
    """One row of the matrix on one broker; `broker` is empty where none is used."""

    row: int
    fault: str
    broker: str
    tests: int
    seeds: str
    seconds: float
    result: str
    red: str

    def cells(self) -> tuple[str, ...]:
        """As text."""
        numbers = (str(self.tests), self.seeds, f"{self.seconds:.0f}") if self.tests else ("", "", "")
        return str(self.row), self.fault, self.broker or "none", *numbers, self.result, self.red


def recorded(directory: Path, colour: str) -> list[dict[str, Any]]:
    """What the runs of one colour, green or red, have left."""
    return [each for path in sorted(directory.glob(f"{colour}-*.json")) for each in json.loads(path.read_text("utf-8"))]


def lines(green: Iterable[dict[str, Any]], red: Iterable[dict[str, Any]]) -> Iterator[Line]:
    """The table, row by row."""
    shown, taken = by_row(green), by_row(red)
    for row in ROWS:
        if row.untested:
            yield Line(row.number, row.fault, "", 0, "", 0, f"not shown here: {row.untested}", "")
            continue
        brokers = sorted({each["broker"] for each in shown[row.number] + taken[row.number]}) or [""]
        for broker in brokers:
            yield line(row, broker, shown[row.number], taken[row.number])


def by_row(found: Iterable[dict[str, Any]]) -> defaultdict[int, list[dict[str, Any]]]:
    """A test stands in each of its rows."""
    rows: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for each in found:
        for number in each["rows"]:
            rows[number].append(each)
    return rows


def line(row: Row, broker: str, green: list[dict[str, Any]], red: list[dict[str, Any]]) -> Line:
    """One row on one broker."""
    here = [each for each in green if each["broker"] == broker]
    ran = [each for each in here if each["outcome"] != "skipped"]
    seeds = sorted({str(each["seed"]) for each in ran if each["seed"] is not None})
    seconds = round(sum(each["seconds"] for each in ran), 1)
    without = reds([each for each in red if each["broker"] == broker]) or (row.without and f"nothing: {row.without}")
    return Line(row.number, row.fault, broker, len(ran), " ".join(seeds), seconds, result(here, row.limits), without)


def result(here: list[dict[str, Any]], limits: str) -> str:
    """Green, or what is not."""
    failed = [f"{name_of(each)}: {each['why']}" for each in here if each["outcome"] == "failed"]
    if failed:
        return "FAILED " + "; ".join(failed)
    if all(each["outcome"] == "skipped" for each in here):
        return "skipped: " + "; ".join(sorted({each["why"] for each in here})) if here else "not run"
    return f"green, but not shown: {limits}" if limits else "green"


def reds(here: list[dict[str, Any]]) -> str:
    """The defences without which it was seen to fail, and those that were not missed."""
    needed = sorted({each["red"] for each in here if each["outcome"] == "passed"})
    idle = sorted({each["red"] for each in here if each["outcome"] == "failed"})
    return "; ".join([*needed, *(f"NOT SEEN TO FAIL without {defence}" for defence in idle)])


def name_of(each: dict[str, Any]) -> str:
    """The test alone, without its file."""
    return str(each["test"]).rpartition("::")[2]


def markdown(table: Iterable[Line]) -> str:
    """As a table for people."""
    rows = [HEAD, ("---",) * len(HEAD), *(each.cells() for each in table)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)


def write(directory: Path = RESULTS) -> str:
    """Write both files; the table as text."""
    table = list(lines(recorded(directory, "green"), recorded(directory, "red")))
    text = markdown(table)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "table.md").write_text(text, encoding="utf-8")
    as_json = json.dumps([asdict(each) for each in table], indent=1, ensure_ascii=False)
    (directory / "table.json").write_text(as_json + "\n", encoding="utf-8")
    return text


if __name__ == "__main__":
    sys.stdout.write(write())
