"""EPCIS documents made elsewhere: looked for beside the repository, in shared/data/epcis; no part of the project."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "epcis"
GENERATED = "testdata_generator/**/*enerated*vents*.json"
"""Documents of the OpenEPCIS test data generator (examples/ of openepcis/epcis-testdata-generator), where they are."""


def documents(pattern: str) -> dict[str, Path]:
    """The files that match, by name; skips where there are none."""
    found = {str(path.relative_to(DATA)): path for path in sorted(DATA.glob(pattern))}
    if not found:
        pytest.skip(f"real data absent: {pattern} in epcis is not beside the repository")
    return found


def read(path: Path) -> Any:
    """The JSON in a file, decimals as they are written."""
    return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)


def events_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a capture or query document."""
    body = document["epcisBody"]
    found: list[dict[str, Any]] = (body.get("queryResults", {}).get("resultsBody") or body)["eventList"]
    return found


def places(document: dict[str, Any]) -> set[str]:
    """Every readPoint and bizLocation it names."""
    events = events_of(document) if "epcisBody" in document else [document]
    return {event[key]["id"] for event in events for key in ("readPoint", "bizLocation") if key in event}


def plant_of(names: set[str], extra: str = "") -> str:
    """A plant with one operation and read point, which says no action, per place."""
    lines = [
        f"          - {{id: RP{n}, operation: OP{n}, epcis: [{json.dumps(name)}]}}"
        for n, name in enumerate(sorted(names))
    ]
    operations = "\n".join(f"          - {{id: OP{n}}}" for n in range(len(lines)))
    return (
        f"tracking: {{history_events: 10000, history_horizon: 999d}}\n{extra}areas:\n  - id: A\n    work_centers:\n"
        f"      - id: W\n        operations:\n{operations}\n        read_points:\n" + "\n".join(lines) + "\n"
    )
