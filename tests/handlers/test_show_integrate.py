"""What the page for integrators is filled with."""

import json
import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from schemas.glossary import glossary
from services.adapters.api_pace import PER_SECOND
from services.adapters.request_body import MOST_BYTES, READ_SECONDS
from services.adapters.submitted import MOST_DEPTH
from services.commands.keys import SANDBOX_SECONDS
from services.core.equipment import PlantModel
from services.core.errors import Reason
from services.core.resolve import LIMITS
from services.ingest import routes_epcis
from services.ingest.body import MOST_ITEMS
from services.ingest.handler import MOST_PARTS
from services.show.app import ShowDeps, create_app
from tests.show_floor import deps, document

SHOW = Path(__file__).parents[2] / "services" / "show"


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


async def test_every_code_is_told_with_its_status_in_both_languages() -> None:
    shown = deps()
    shown.board.take_model(PlantModel.from_document(document({"A": {}}), 1))
    body = (await asked(shown)).json()
    assert not body["keyed"]
    codes = {one["code"]: one for one in body["codes"]}
    assert {"unauthorized", "too-many-requests", "too-large", "invalid", "no-database"} <= codes.keys()
    assert all(one["en"] and one["zh"] and one["status"] >= 400 for one in codes.values())


async def test_examples_name_the_address_of_ingest_where_it_is_another() -> None:
    shown = deps()
    shown.board.take_model(PlantModel.from_document(document({"A": {}}), 1))
    assert (await asked(shown)).json()["ingest"] == ""
    apart = replace(shown, ingest_url="http://ingest:8081/in")
    assert (await asked(apart)).json()["ingest"] == "http://ingest:8081/in"


async def test_the_page_may_speak_to_ingest_and_to_nobody_else() -> None:
    for address, talks_to in (("", "'self'"), ("http://ingest:8081/in", "'self' http://ingest:8081")):
        app = create_app(replace(deps(), ingest_url=address))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://show") as client:
            for page, connect in (("/integrate", talks_to), ("/", "'self'"), ("/andon", "'self'")):
                policy = (await client.get(page)).headers["content-security-policy"]
                assert f"; connect-src {connect}; " in policy


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_limits_told_are_those_that_hold(language: str) -> None:
    words = json.loads((SHOW / "integrate" / "words.json").read_text("utf-8"))
    said = words["integrate_limits_means"][language]
    limits = [
        f"{MOST_BYTES // 1024} KiB", str(MOST_ITEMS), str(MOST_DEPTH), f"{READ_SECONDS:.0f}", "2 MiB",
        f"{routes_epcis.MOST_EVENTS:,}", str(MOST_PARTS), str(LIMITS["event_id"]), str(LIMITS["unit_id"]),
        f"{SANDBOX_SECONDS / 3600:.0f}", f"{PER_SECOND:.0f}",
    ]  # fmt: skip
    assert routes_epcis.MOST_BYTES == 2 * 1024 * 1024
    assert [limit for limit in limits if limit not in said] == []


async def test_without_a_plant_model_it_says_what_to_do() -> None:
    answer = await asked(deps())
    assert (answer.status_code, answer.json()["code"]) == (503, "not-ready")
    assert "PUT /v1/plant" in answer.json()["detail"]


def test_the_java_example_speaks_with_the_clients_of_the_kafka_that_is_tested_with() -> None:
    example = (SHOW / "integrate" / "examples_kafka.js").read_text("utf-8")
    pom = (SHOW.parents[1] / "deploy" / "kafka-local" / "pom.xml").read_text("utf-8")
    versions = [
        re.findall(pattern, text)
        for pattern, text in ((r'KAFKA_CLIENTS = "([^"]+)"', example), (r"<kafka.version>([^<]+)<", pom))
    ]
    assert len(versions[0]) == 1
    assert versions[0] == versions[1]
