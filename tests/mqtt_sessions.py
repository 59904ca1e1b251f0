"""Recorded MQTT sessions of a physical plant, what the mapping makes of them, and the record of the plant's controller.

The sessions are not part of the project; they are looked for beside the repository.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from schemas.mapping import load_mapping
from services.core.instant import parse_instant
from services.core.mapping import RecordMapping
from services.core.message_reading import BrokerMessage, matches, read_message
from services.core.reading import Reading

SESSIONS = Path(__file__).parents[2] / "shared" / "data" / "aps_mqtt"
MAPPING = Path(__file__).parent / "scenarios" / "mqtt_plant.yaml"
TOPICS = ("module/v1/ff/+/order", "module/v1/ff/+/state", "fts/v1/ff/+/state")
MODULES = ("DPS", "HBW", "DRILL", "MILL", "AIQS")
PLANT = {"areas": [{"id": "a", "work_centers": [{"id": "w", "operations": [{"id": one} for one in MODULES]}]}]}
SECOND = 1_000_000


def session(name: str) -> list[dict[str, Any]]:
    """The messages of a session, in the order in which the broker had them."""
    found = sorted(SESSIONS.glob(f"{name}*.log"))
    if not found:
        pytest.skip(f"real data absent: {name} in aps_mqtt is not beside the repository")
    return [json.loads(line) for line in found[0].read_text(encoding="utf-8").splitlines()[1:]]


def messages(recorded: list[dict[str, Any]]) -> Iterator[BrokerMessage]:
    for one in recorded:
        payload = one["payload"] if isinstance(one["payload"], str) else json.dumps(one["payload"])
        if any(matches(topic, one["topic"]) for topic in TOPICS):
            yield BrokerMessage(one["topic"], payload.encode(), parse_instant(one["timestamp"]))


def events(recorded: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the mapping makes of a session; everything can be read."""
    mapping = RecordMapping.from_document(load_mapping(MAPPING.read_text(encoding="utf-8"))["events"])
    made = [reading for message in messages(recorded) for reading in read_message(message, mapping, "plant")]
    assert all(isinstance(reading, Reading) for reading in made), made
    return [dict(reading.body) for reading in made if isinstance(reading, Reading)]


def orders(recorded: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The controller's own record: finished orders that began in the session → their work, step by step."""
    listed: dict[str, list[dict[str, Any]]] = {}
    for one in recorded:
        if one["topic"] == "ccu/order/completed":
            told = json.loads(one["payload"]) if isinstance(one["payload"], str) else one["payload"]
            for order in told:
                if order["state"] == "FINISHED" and order["startedAt"] >= recorded[0]["timestamp"]:
                    listed[order["orderId"]] = [
                        step for step in order["productionSteps"] if step["type"] != "NAVIGATION"
                    ]
    return listed


def stays(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Steps at one module after each other are one stay; the work between taking and giving has a start and an end."""
    found: list[dict[str, Any]] = []
    for step in steps:
        start, stop = parse_instant(step["startedAt"]), parse_instant(step["stoppedAt"])
        if not found or found[-1]["operation_id"] != step["moduleType"]:
            found.append({"operation_id": step["moduleType"], "arrived": start, "started": None, "finished": None})
        if step["command"] not in ("PICK", "DROP"):
            found[-1] |= {"started": start, "finished": stop}
        found[-1]["departed"] = stop
    return found


def differs(rows: Sequence[Mapping[str, Any]], truth: Mapping[str, list[dict[str, Any]]]) -> list[object]:
    """Which visits are not those of the controller's record, to a second; instants are µs."""
    wrong: list[object] = [row for row in rows if row["unit_id"] not in truth]
    for order, steps in truth.items():
        visits, wanted = [row for row in rows if row["unit_id"] == order], stays(steps)
        if [visit["operation_id"] for visit in visits] != [stay["operation_id"] for stay in wanted]:
            wrong.append((order, visits, wanted))
            continue
        for visit, stay in zip(visits, wanted, strict=True):
            for moment in ("arrived", "started", "finished", "departed"):
                if stay[moment] is not None and abs((visit[moment] or 0) - stay[moment]) > SECOND:
                    wrong.append((order, moment, visit, stay))
        if visits[-1]["outcome"] != "completed":
            wrong.append((order, visits[-1]))
    return wrong
