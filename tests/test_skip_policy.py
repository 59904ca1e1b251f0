"""Skips are judged by their reason, and only on the build machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.skip_policy import is_allowed

SKIPS = {
    "a skip in a test": "import pytest\ndef test_it():\n    pytest.skip('the moon is absent')\n",
    "a mark": "import pytest\n@pytest.mark.skipif(True, reason='the moon is absent')\ndef test_it():\n    pass\n",
    "a whole file": "import pytest\npytest.skip('the moon is absent', allow_module_level=True)\n",
}


def run(folder: Path, text: str, ci: str) -> subprocess.CompletedProcess[str]:
    """A pytest of its own over one file."""
    (folder / "test_moon.py").write_text(text)
    root = str(Path(__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.skip_policy", "-p", "no:cacheprovider", "-q", "test_moon.py"],
        cwd=folder,
        env={**os.environ, "CI": ci, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("text", SKIPS.values(), ids=SKIPS)
def test_with_ci_a_skip_for_another_reason_fails(tmp_path: Path, text: str) -> None:
    done = run(tmp_path, text, ci="true")
    assert done.returncode not in (0, 5)
    assert "not in allowed_skips.txt: the moon is absent" in done.stdout


@pytest.mark.parametrize("text", SKIPS.values(), ids=SKIPS)
def test_without_ci_a_skip_is_a_skip(tmp_path: Path, text: str) -> None:
    done = run(tmp_path, text, ci="")
    assert "1 skipped" in done.stdout


def test_with_ci_an_expected_failure_stays_expected(tmp_path: Path) -> None:
    text = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it():\n    assert False\n"
    assert "1 xfailed" in run(tmp_path, text, ci="true").stdout


@pytest.mark.parametrize(
    ("reason", "allowed"),
    [("no moon", True), ("no moon today", False), ("port 1 is taken", True), ("# no stars", False), ("", False)],
)
def test_a_rule_is_the_whole_reason_with_stars_for_any_text(reason: str, allowed: bool) -> None:
    assert is_allowed(reason, "no moon\n# no stars\n\nport * is taken\n") is allowed
