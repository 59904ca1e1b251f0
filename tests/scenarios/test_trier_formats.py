"""The log of a real factory as CSV, XES and Excel through one mapping: the visits that the reference program says.

The log is not part of the project; it is looked for beside the repository (see tests/reference/trier.py).
"""

import csv
import io
from pathlib import Path

import pytest
import yaml

from schemas.plant import load_plant
from services.adapters.files.mapped import read_mapping
from services.commands.fold import fold_lines
from services.commands.log_file import read_lines
from services.commands.log_options import HowRead
from services.core.equipment import PlantModel
from services.core.rows import files
from tests.event_files import Row, as_csv, as_xes, as_xlsx
from tests.reference import trier
from tests.reference.files import files as reference_files
from tests.reference.fold import fold
from tests.scenarios.test_trier_factory import cut

WIDE = {"history_events": 2_000, "history_horizon": "30d"}
MAPPING = """
events:
  - fields:
      event_id: {{from: [event_id, "lifecycle:transition"], join: "-"}}
      event_time: {{from: timestamp, time_zone: UTC}}
      unit_id: {unit}
      operation_id: operation
      action: {{from: "lifecycle:transition", values: {{scheduled: arrive, start: start, complete: finish}}}}
      work_unit_id: org:resource
      order_id: process_model_id
      source: {{value: trier}}
"""
KEPT = ("event_id", "timestamp", "lifecycle:transition", "org:resource", "process_model_id", "case_id")

pytestmark = pytest.mark.skipif(not trier.EVENTS.exists(), reason="the factory's log is not here")


def rows() -> list[Row]:
    """The columns of the log that the mapping names."""
    return [{**{name: row[name] for name in KEPT}, "operation": trier.operation_id(row)} for row in trier.read()]


FORMATS = {
    "gb18030.csv": lambda: as_csv([{**row, "备注": "焊接"} for row in rows()], "gb18030", "\t"),
    "log.xes": lambda: as_xes(rows(), "case_id"),
    "log.xlsx": lambda: as_xlsx(rows()),
}


@pytest.fixture(scope="module")
def expected() -> dict[str, bytes]:
    """What the reference program says of the log."""
    models, log = trier.scenario(**WIDE)
    return reference_files(fold(models, log))


@pytest.mark.parametrize("name", FORMATS)
def test_a_log_says_the_same_in_every_format(name: str, expected: dict[str, bytes], tmp_path: Path) -> None:
    path, mapping = tmp_path / name, tmp_path / "mapping.yaml"
    path.write_bytes(FORMATS[name]())
    mapping.write_text(MAPPING.format(unit="case:concept:name" if name == "log.xes" else "case_id"), "utf-8")
    form, rules = read_mapping(mapping)
    models, _ = trier.scenario(**WIDE)
    model = PlantModel.from_document(load_plant(yaml.safe_dump(models[1], allow_unicode=True)), 1)
    found, refused = fold_lines(read_lines(path, HowRead(form, rules)), model)
    assert not refused
    said = {name: b"".join(chunks) for name, chunks in files([found], model.operation_ids)}
    for table in ("visits.csv", "units.csv"):
        reader = csv.reader(io.StringIO(expected[table].decode()))
        columns = next(reader)
        assert list(cut(said[table], columns, "")) == list(reader), table
    assert said["visits.csv"].count(b"\n") > 1_000
