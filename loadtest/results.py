"""Figures of a benchmark: as a table for people and as JSON for comparisons."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from services.adapters.clock import SystemClock
from services.core.instant import format_instant

LATEST = Path(__file__).with_name("results") / "latest.json"


class Measurement(NamedTuple):
    """A median and the range it stands in."""

    name: str
    value: float
    unit: str
    least: float
    most: float


def measurement(name: str, unit: str, values: Sequence[float]) -> Measurement:
    """The median of these values and their range."""
    return Measurement(name, statistics.median(values), unit, min(values), max(values))


def table(found: Sequence[Measurement]) -> str:
    """One line a figure."""
    rows = [(m.name, _number(m.value), f"{_number(m.least)} to {_number(m.most)}", m.unit) for m in found]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {between:<{widths[2]}}  {unit}".rstrip()
        for name, value, between, unit in rows
    )


def write(profile: Mapping[str, Any], profile_hash: str, rounds: int, found: Sequence[Measurement]) -> Path:
    """All of it into results/latest.json."""
    LATEST.parent.mkdir(exist_ok=True)
    document = {
        "commit": _commit(), "date": format_instant(SystemClock().now_us()), "machine": machine(),
        "profile": dict(profile), "profile_hash": profile_hash, "rounds": rounds,
        "measurements": [
            {"name": m.name, "value": m.value, "unit": m.unit, "range": [m.least, m.most]} for m in found
        ],
    }  # fmt: skip
    LATEST.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return LATEST


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {
        "cpu": model, "cores": os.cpu_count(), "load_1m": os.getloadavg()[0],
        "system": platform.platform(), "python": platform.python_version(),
    }  # fmt: skip


def _commit() -> str:
    """The commit measured, with `+` where files differ from it."""
    git = ["git", "-C", str(LATEST.parent)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changed.strip() else "")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"
