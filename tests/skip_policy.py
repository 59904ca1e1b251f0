"""A skip whose reason is not in allowed_skips.txt fails where everything is meant to be there: with CI=true."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from pathlib import Path

import pytest

ALLOWED = Path(__file__).with_name("allowed_skips.txt")
Report = pytest.TestReport | pytest.CollectReport


def is_allowed(reason: str, rules: str) -> bool:
    """True if a line of the rules is this reason; `*` in a line stands for any text, `#` begins a comment."""
    lines = (line.strip() for line in rules.splitlines())
    patterns = (re.escape(line).replace(r"\*", ".*") for line in lines if line and not line.startswith("#"))
    return any(re.fullmatch(pattern, reason, re.DOTALL) for pattern in patterns)


def judge(report: Report) -> None:
    """Turn the report of a skip that is not allowed into that of a failure."""
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not is_allowed(reason, ALLOWED.read_text(encoding="utf-8")):
        report.outcome = "failed"
        report.longrepr = f"skipped with CI=true, and the reason is not in {ALLOWED.name}: {reason}"


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge the skip of a test."""
    report = yield
    judge(report)
    return report


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge the skip of a whole file."""
    report = yield
    judge(report)
    return report
