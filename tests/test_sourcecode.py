"""The source is what the linters want: one definition of clean, for the terminal and for the build machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = Path(sys.executable).parent
CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "import-linter": ["lint-imports"],
    "schemas": ["python", "-m", "schemas.generate", "--check"],
    "OpenAPI": ["python", "-m", "services.embedded.describe", "--check"],
}
STALE = "\nwhat is generated is stale: run `make generate` and commit schemas/json"
LONGEST_FILE = 400


@pytest.mark.parametrize("command", CHECKS.values(), ids=CHECKS)
def test_a_linter_has_nothing_to_say(command: list[str]) -> None:
    done = subprocess.run(
        [str(PROGRAMS / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr + (STALE if command[0] == "python" else "")


def test_no_file_is_longer_than_a_person_reads_at_once() -> None:
    folders = ("services", "schemas", "loadtest", "grafana", "tests")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}
