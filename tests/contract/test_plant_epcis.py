"""What the plant file says of GS1 identifiers and EPCIS events: read, written back, and wrong with line and key."""

import pytest

from schemas.plant import PlantError, dump, load_plant
from services.core.equipment import PlantModel

PLANT = """\
sources: {gate: {identifiers: gs1}}
epcis: {biz_steps: {inspecting: finish, "https://own.example/solder": ignore}, dispositions: {damaged: hold}}
areas:
  - id: A
    work_centers:
      - id: W
        operations: [{id: OP10}]
        read_points:
          - {id: IN, operation: OP10, epcis: ["urn:epc:id:sgln:4012345.00011.0", "https://own.example/hall"]}
          - {id: OUT, operation: OP10, epcis: ["https://own.example/dock"]}
"""


def test_it_survives_dump_and_load() -> None:
    model = load_plant(PLANT)
    assert load_plant(dump(model)) == model


def test_the_rules_see_it() -> None:
    plant = PlantModel.from_document(load_plant(PLANT))
    assert plant.reads_gs1("gate")
    assert not plant.reads_gs1("mes")
    assert plant.epcis_places["https://id.gs1.org/414/4012345000115"] == "IN"
    assert plant.epcis_places["urn:floorstream:read_point:OUT"] == "OUT"
    assert plant.epcis_actions["biz_steps"]["https://own.example/solder"] == "ignore"


def test_a_model_without_it_is_as_before() -> None:
    plain = load_plant("areas: [{id: A, work_centers: [{id: W, operations: [{id: OP10}], read_points: "
                       "[{id: IN, operation: OP10}]}]}]\nsources: {mes: {time_format: epoch_s}}")  # fmt: skip
    assert "epcis" not in plain
    assert [set(plain["sources"]["mes"]), set(plain["read_points"][0])] == [
        {"time_zone", "time_format"}, {"id", "operation", "action", "work_unit", "work_center"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ("identifiers: gs1", "identifiers: gs2", 1, "sources.gate.identifiers"),
        ("inspecting: finish", "inspecting: adjust", 2, "epcis.biz_steps.inspecting"),
        ("biz_steps", "bizSteps", 2, "epcis.bizSteps"),
        ("https://own.example/dock", "dock", 10, "areas[0].work_centers[0].read_points[1].epcis[0]"),
        (
            "https://own.example/dock",
            "https://own.example/hall",
            10,
            "areas[0].work_centers[0].read_points[1].epcis[0]",
        ),
    ],
)
def test_a_mistake_is_told_with_line_and_key(old: str, new: str, line: int, key: str) -> None:
    with pytest.raises(PlantError) as wrong:
        load_plant(PLANT.replace(old, new))
    assert [(problem.line, problem.key) for problem in wrong.value.problems] == [(line, key)]
    assert not wrong.value.problems[0].zh.isascii()
