"""Prometheus' own tools accept the alert rules, and each is seen silent and firing."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.adapters.metrics import Metrics

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "rules" / "floorstream.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
EACH = pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    """Prometheus' tool, in the folder of the rules."""
    if shutil.which("promtool") is None:
        pytest.skip("no promtool here")
    return subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True, check=False)


def test_the_rules_are_valid() -> None:
    done = promtool("check", "rules", "rules/floorstream.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_when_it_must_and_is_silent_else() -> None:
    done = promtool("test", "rules", "floorstream_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alert_is_left_out_of_these_tests() -> None:
    tests = yaml.safe_load((FOLDER / "floorstream_test.yml").read_text("utf-8"))["tests"]
    expected = {
        name
        for test in tests
        for one in test.get("promql_expr_test", [])
        for sample in one["exp_samples"]
        for name in re.findall(r'alertname="(\w+)"', sample["labels"])
    }
    expected |= {one["alertname"] for test in tests for one in test.get("alert_rule_test", []) if one["exp_alerts"]}
    assert expected == {rule["alert"] for rule in RULES}


@EACH
def test_an_alert_uses_metrics_of_ours(rule: dict[str, Any]) -> None:
    known = {family.name for family in Metrics().registry.collect()} | {"up"}
    used = set(re.findall(r"floorstream_\w+|\bup\b", rule["expr"]))
    assert used
    assert {re.sub(r"_(total|created)$", "", name) for name in used} <= known


@EACH
def test_an_alert_says_in_both_languages_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    for said in ("summary", "description"):
        text = rule["annotations"][said]
        assert re.search(r"[\u4e00-\u9fff]{2}", text)
        assert re.search(r"[a-z]{2,} [a-z]{2,}", text)
