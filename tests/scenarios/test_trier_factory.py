"""The log of a real factory through both roads, in four orders: export = fold = what the reference program says.

The log is not part of the project; it is looked for beside the repository (see tests/reference/trier.py).
"""

import csv
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from schemas.plant import load_plant
from services.commands.fold import fold_lines
from services.commands.log_file import read_lines
from services.commands.log_options import HowRead
from services.core.equipment import PlantModel
from services.embedded.process import free_port
from tests.integration.up_process import Running
from tests.reference import trier
from tests.reference.files import files
from tests.reference.fold import fold

NAMES = ("visits.csv", "operations.csv", "units.csv")
WIDE = {"history_events": 2_000, "history_horizon": "30d"}
Row = dict[str, Any]

pytestmark = pytest.mark.skipif(not trier.EVENTS.exists(), reason="the factory's log is not here")


def in_order(name: str, log: list[Row], rnd: random.Random) -> list[Row]:
    """The events of the log in one of the orders, under unit ids of their own."""
    events = [event | {"unit_id": f"{name}-{event['unit_id']}"} for event in log]
    if name.startswith("time"):
        events.sort(key=lambda event: str(event["event_time"]))
    elif name.startswith("shuffled"):
        rnd.shuffle(events)
    elif name.startswith("repeated"):
        events += rnd.sample(events, len(events) // 10)
        rnd.shuffle(events)
    return events


@pytest.fixture
def log() -> list[Row]:
    """The factory's events as they stand in its file."""
    _, entries = trier.scenario()
    return [entry for entry in entries if "model" not in entry]


def running(tmp_path: Path, bounds: Row) -> tuple[Running, Path, Row]:
    """A stack with the factory's plant model under these bounds."""
    models, _ = trier.scenario()
    model = models[1] | {"tracking": models[1]["tracking"] | bounds}
    plant = tmp_path / "plant.yaml"
    plant.write_text(yaml.safe_dump(model, allow_unicode=True), encoding="utf-8")
    return Running(tmp_path, "up", "--port", str(free_port()), "--plant", str(plant)), plant, model


def send(up: Running, via: str, events: list[Row], tmp_path: Path) -> None:
    """Through one road, then wait until every stage has caught up."""
    file = tmp_path / "sent.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    done = up.floorstream("replay", str(file), "--via", via)
    assert done.returncode == 0, done.stderr
    drained = up.floorstream("drain")
    assert drained.returncode == 0, drained.stderr


def export_and_fold(up: Running, plant: Path, events: list[Row], tmp_path: Path) -> dict[str, bytes]:
    """Both programs' files, which must be the same bytes; the export's."""
    file = tmp_path / "all.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    assert up.floorstream("export", "--out", str(tmp_path / "exported")).returncode == 0
    assert up.floorstream("fold", str(file), "--plant", str(plant), "--out", str(tmp_path / "folded")).returncode == 0
    exported = {name: (tmp_path / "exported" / name).read_bytes() for name in NAMES}
    assert exported == {name: (tmp_path / "folded" / name).read_bytes() for name in NAMES}
    return exported


def cut(content: bytes, columns: list[str], prefix: str) -> Iterator[list[str]]:
    """The contract's columns of the rows of units with this prefix, which is taken off."""
    for row in csv.DictReader(io.StringIO(content.decode())):
        if row["unit_id"].startswith(prefix):
            yield [row[name].removeprefix(prefix) if name == "unit_id" else row[name] for name in columns]


def assert_reference(exported: dict[str, bytes], order: str, log: list[Row], model: Row) -> None:
    """What the export says of one order's units is what the reference program says of the log."""
    expected = files(fold({1: model}, [{"model": 1}, *log]))
    for name in ("visits.csv", "units.csv"):
        reader = csv.reader(io.StringIO(expected[name].decode()))
        columns = next(reader)
        assert list(cut(exported[name], columns, f"{order}-")) == list(reader), f"{name} in {order}"


@pytest.mark.parametrize("orders", [
    pytest.param(("time-http", "shuffled-kafka"), id="time and shuffled"),
    pytest.param(("file-http", "shuffled-http", "repeated-http", "time-kafka", "file-kafka", "repeated-kafka"),
                 id="all others", marks=pytest.mark.slow),
])  # fmt: skip
def test_whole_cases_within_the_bounds(orders: tuple[str, ...], log: list[Row], tmp_path: Path) -> None:
    rnd = random.Random(7)
    stack, plant, model = running(tmp_path, WIDE)
    sent: list[Row] = []
    with stack as up:
        for order in orders:
            events = in_order(order, log, rnd)
            send(up, order.rpartition("-")[2], events, tmp_path)
            sent += events
        exported = export_and_fold(up, plant, sent, tmp_path)
        assert up.floorstream("verify").returncode == 0
    for order in orders:
        assert_reference(exported, order, log, model)


@pytest.mark.slow
def test_default_bounds_refuse_what_is_too_late_and_nothing_else(log: list[Row], tmp_path: Path) -> None:
    stack, plant, _ = running(tmp_path, {})
    events = in_order("shuffled", log, random.Random(7))
    with stack as up:
        send(up, "kafka", events, tmp_path)
        export_and_fold(up, plant, events, tmp_path)
        with httpx.Client(trust_env=False, timeout=60) as client:
            counts = client.get(f"{up.address}/v1/rejects").json()["counts"]
        assert up.floorstream("verify").returncode == 0
    model = PlantModel.from_document(load_plant(plant.read_text("utf-8")), 1)
    _, refused = fold_lines(read_lines(tmp_path / "all.jsonl", HowRead()), model)
    assert counts == {"too_late": refused["too_late"]}
    assert refused["too_late"] > 0, "nothing came behind the edge of its unit"
