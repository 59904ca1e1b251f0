"""The log of a physical model factory (Trier, 201 cases) as a plant model and canonical events, and its fold.

    python -m tests.reference.trier        prints counts

The data set is not part of the project: it is looked for beside the repository, in shared/data/trier_factory.
Mapping: unit = case_id; work unit = org:resource; operation_id = activity without its leading slash, `@`, resource,
e.g. `hbw/unload@hbw_2`; scheduled → arrive, start → start, complete (whatever its state) → finish; order_id =
process_model_id; event_time = timestamp, which has no zone and is taken as UTC; event_id = the operation's own
event_id, `-`, transition. Operations overlap within a case, so presence is multiple; there is no routing.
"""

import csv
from pathlib import Path
from typing import Any

from .fold import Result, fold

Row = dict[str, Any]
EVENTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "trier_factory" / "events.csv"
ACTIONS = {"scheduled": "arrive", "start": "start", "complete": "finish"}


def operation_id(row: dict[str, str]) -> str:
    """The operation of one line of the log."""
    return f"{row['activity'].lstrip('/')}@{row['org:resource']}"


def event(row: dict[str, str]) -> Row:
    """One line of the log as a canonical event."""
    transition = row["lifecycle:transition"]
    return {
        "event_id": f"{row['event_id']}-{transition}",
        "event_time": f"{row['timestamp']}Z",
        "unit_id": row["case_id"],
        "operation_id": operation_id(row),
        "action": ACTIONS[transition],
        "work_unit_id": row["org:resource"],
        "order_id": row["process_model_id"],
        "source": "trier",
    }


def plant(rows: list[dict[str, str]], **tracking: Any) -> Row:
    """The plant model: every operation of the log, one work center."""
    center = {
        "id": "FACTORY",
        "work_units": sorted({row["org:resource"] for row in rows}),
        "operations": [{"id": name} for name in sorted({operation_id(row) for row in rows})],
        "read_points": [],
    }
    return {
        "tracking": {"presence": "multiple", **tracking},
        "site": {"id": "TRIER", "time_zone": "UTC"},
        "sources": {},
        "areas": [{"id": "FACTORY", "work_centers": [center]}],
        "products": [],
    }


def read(path: Path = EVENTS) -> list[dict[str, str]]:
    """The lines of the log in file order."""
    with path.open(newline="", encoding="utf-8-sig") as lines:
        return list(csv.DictReader(lines))


def scenario(path: Path = EVENTS, **tracking: Any) -> tuple[dict[int, Row], list[Row]]:
    """(models, log), ready for any fold."""
    rows = read(path)
    return {1: plant(rows, **tracking)}, [{"model": 1}, *map(event, rows)]


def report(result: Result) -> str:
    """The counts that show at a glance what the log holds."""
    verdicts = [v.reason or v.verdict for v in result.verdicts]
    flags = [flag for visit in result.visits for flag in visit["flags"]]
    lines = [f"units {len(result.units)}, visits {len(result.visits)}, operations {len(result.operations)}"]
    lines += [f"{kind}: {verdicts.count(kind)}" for kind in sorted(set(verdicts))]
    lines += [f"flag {flag}: {flags.count(flag)}" for flag in sorted(set(flags))]
    lines.append(f"repeats {sum(v['repeats'] for v in result.visits)}, runs {sum(v['runs'] for v in result.visits)}")
    lines.append(f"strays {sum(unit['strays'] for unit in result.units)}, {result.ledger}")
    return "\n".join(lines)


if __name__ == "__main__":
    for mode in (False, True):
        print("bounded" if mode else "unbounded")
        print(report(fold(*scenario(), bounded=mode)))
