"""Records what the tests of the fault matrix showed: `--record FILE`.

A test belongs to a row by `@pytest.mark.row(NUMBER, …)`. `@pytest.mark.red(DEFENCE)` marks one that takes a defence
away; without a name it is what the test's parameters are called. Whatever uses `--broker` gets the mark `broker` by
itself, so that a second run, on another broker, leaves out what would only be repeated.

A red test says that a guarantee *can* be broken. Without its defence a race is lost often, not every time, so a red
test has `RED_TRIES`; a guarantee itself has one.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.matrix import ROWS

FACTS = "fault"
SEED = "seed"
RED_TRIES = 3


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where to."""
    parser.getgroup("floorstream").addoption("--record", help="file for the results of the fault matrix (JSON)")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say of every test of the matrix what it is, and of every test whether it uses a broker."""
    for item in items:
        uses_broker = "broker_choice" in getattr(item, "fixturenames", ())
        if uses_broker:
            item.add_marker(pytest.mark.broker)
        if item.get_closest_marker("red"):
            item.add_marker(pytest.mark.flaky(reruns=RED_TRIES - 1))
        rows = rows_of(item)
        if rows:
            broker = str(config.getoption("--broker")) if uses_broker else ""
            facts = {"rows": rows, "red": red_of(item), "broker": broker, "seed": seed_of(item)}
            item.user_properties.append((FACTS, facts))


def rows_of(item: pytest.Item) -> list[int]:
    """Which rows a test is of."""
    rows = sorted({int(number) for mark in item.iter_markers("row") for number in mark.args})
    if unknown := set(rows) - {row.number for row in ROWS}:
        raise pytest.UsageError(f"{item.nodeid}: no such row in the matrix: {sorted(unknown)}")
    return rows


def red_of(item: pytest.Item) -> str | None:
    """The defence a test takes away."""
    mark = item.get_closest_marker("red")
    if mark is None:
        return None
    return str(mark.args[0] if mark.args else item.callspec.id)  # type: ignore[attr-defined]


def seed_of(item: pytest.Item) -> Any:
    """The seed a parametrized test was given."""
    return item.callspec.params.get(SEED) if hasattr(item, "callspec") else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """With --collect-only: what would be run."""
    path = session.config.getoption("--record")
    if path and session.config.option.collectonly:
        found = [{"test": item.nodeid, **dict(item.user_properties)[FACTS]} for item in session.items if rows_of(item)]
        Path(path).write_text(json.dumps(found), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """The process that hears of all results writes them down."""
    path = config.getoption("--record")
    if path and not config.option.collectonly and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(Path(path)))


class Recorder:
    """What was heard of each test so far."""

    def __init__(self, path: Path) -> None:
        """The file is written when the session ends, and until then is not there."""
        self._path = path
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._found: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Set up, called or torn down: times add up, the worst outcome stays."""
        told = dict(report.user_properties)
        if FACTS not in told:
            return
        facts = dict(told[FACTS])  # type: ignore[call-overload]
        known = self._found.setdefault(
            report.nodeid, {"test": report.nodeid, **facts, "seconds": 0.0, "outcome": "passed", "why": ""}
        )
        known["seconds"] += report.duration
        known["seed"] = told.get(SEED, known["seed"])
        if report.outcome not in ("passed", "rerun") and known["outcome"] != "failed":
            known["outcome"] = report.outcome
            known["why"] = reason(report)

    def pytest_sessionfinish(self) -> None:
        """All of it, in the order of the rows."""
        found = sorted(self._found.values(), key=lambda each: (each["rows"], each["test"]))
        self._path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def reason(report: pytest.TestReport) -> str:
    """Why it was skipped or failed, in a line."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(getattr(crash, "message", "") or report.longrepr).splitlines()[0]
