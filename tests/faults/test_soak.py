"""The small soak: the whole stack under a simulated plant's disturbed load while it is killed, compared with the truth.

Stages are killed at random; on Apache Kafka workers of track come and go, one sleeps past its session, and the broker
is killed too. `python -m loadtest.soak` does the same with two million events. What its comparison must notice is
looked at in tests/scenarios/test_soak_compare.py.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.row(2, 26, 28, 33, 35)]

KILLS = 10
CLEAN = 0.5
"""A small run on a busy machine: slow uploads make corrected clocks doubtful, and there are few units."""
ON_APACHE = [
    "track workers: 3",
    "track-2 slept for 25 s",
    "track workers: 1",
    "the broker was killed and started again",
]


def test_what_a_killed_stack_stores_is_what_happened(tmp_path: Path, broker_choice: str) -> None:
    broker = "apache" if broker_choice == "apache" else "embedded"
    figures = tmp_path / "soak.json"
    done = subprocess.run(
        [
            sys.executable, "-m", "loadtest.soak", "--events", "40000", f"--kills={KILLS}", "--rate", "800",
            f"--clean={CLEAN}", "--broker", broker, "--keep", str(tmp_path / "soak"), "--out", str(figures),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=420, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    result = json.loads(figures.read_text("utf-8"))
    assert (result["kills"], result["different"]) == (KILLS, 0)
    assert result["clean_share"] >= CLEAN
    assert result["done"] == (ON_APACHE if broker == "apache" else [])
