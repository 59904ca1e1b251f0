"""What the page for integrators is filled with."""

import httpx

from schemas.glossary import glossary
from services.core.equipment import PlantModel
from services.core.errors import Reason
from services.show.app import ShowDeps, create_app
from tests.show_floor import deps, document


async def asked(shown: ShowDeps) -> httpx.Response:
    """What the page gets."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(shown)), base_url="http://show") as client:
        return await client.get("/integrate/plant.json")


async def test_examples_are_filled_with_the_plant_in_force() -> None:
    shown = deps()
    point = {"id": "GATE 'A'", "operation": "A", "action": "arrive", "work_unit": None, "work_center": "X1"}
    shown.board.take_model(PlantModel.from_document({**document({"A": {}}), "read_points": [point]}, 3))
    body = (await asked(shown)).json()
    assert body["read_points"] == [{"id": "GATE 'A'", "operation": "A", "action": "arrive"}]
    assert (body["version"], body["topics"]) == (3, {"scans": "floor.scans"})


async def test_every_reason_has_its_cure_and_its_name() -> None:
    shown = deps()
    shown.board.take_model(PlantModel.from_document(document({"A": {}}), 1))
    cures = (await asked(shown)).json()["reasons"]
    assert set(cures) == set(glossary()["reasons"]) == {str(reason) for reason in Reason}
    assert all(cure["en"] and cure["zh"] for cure in cures.values())


async def test_without_a_plant_model_it_says_what_to_do() -> None:
    answer = await asked(deps())
    assert (answer.status_code, answer.json()["code"]) == (503, "not-ready")
    assert "PUT /v1/plant" in answer.json()["detail"]
