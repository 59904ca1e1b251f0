"""Figures of a benchmark: as a table for people and as JSON for comparisons."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from loadtest.bars import BARS
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


class Series(NamedTuple):
    """How something went along: points (x, y) for a plot."""

    name: str
    x_unit: str
    y_unit: str
    points: Sequence[tuple[float, float]]


Found = Measurement | Series


def measurement(name: str, unit: str, values: Sequence[float]) -> Measurement:
    """The median of these values and their range."""
    return Measurement(name, statistics.median(values), unit, min(values), max(values))


def table(found: Sequence[Found]) -> str:
    """One line a figure, with its bar where it has one."""
    rows = [
        (m.name, number(m.value), f"{number(m.least)} to {number(m.most)}", m.unit, _judged(m.name, m.value))
        for m in found
        if isinstance(m, Measurement)
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    return "\n".join(
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {between:<{widths[2]}}  {unit:<{widths[3]}}  {bar}".rstrip()
        for name, value, between, unit, bar in rows
    )


def _judged(name: str, value: float) -> str:
    bar = BARS.get(name)
    if bar is None:
        return ""
    return f"{'reaches' if bar.is_reached(value) else 'MISSES'} at {bar.side} {number(bar.value)}"


def document(
    profile: Mapping[str, Any], plan: Mapping[str, Any], profile_hash: str, found: Sequence[Found], seconds: float
) -> dict[str, Any]:
    """All of it, as it stands in latest.json."""
    return {
        "commit": commit(), "date": format_instant(SystemClock().now_us()), "machine": machine(),
        "profile": dict(profile), "plan": dict(plan), "profile_hash": profile_hash, "seconds": round(seconds),
        "measurements": [
            {"name": m.name, "value": m.value, "unit": m.unit, "range": [m.least, m.most]}
            for m in found if isinstance(m, Measurement)
        ],
        "series": [
            {"name": s.name, "x_unit": s.x_unit, "y_unit": s.y_unit, "points": [list(point) for point in s.points]}
            for s in found if isinstance(s, Series)
        ],
    }  # fmt: skip


def write(told: Mapping[str, Any]) -> Path:
    """Into results/latest.json."""
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
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


def commit() -> str:
    """The commit measured, with `+` where files differ from it."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changed.strip() else "")


def number(value: float) -> str:
    """A figure for people."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
