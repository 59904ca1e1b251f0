"""The running system keeps to its OpenAPI document: whatever is sent, no 500, and every answer is one it speaks of."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from schemas.generate import FOLDER
from services.adapters.clock import SystemClock
from services.core.instant import format_instant
from services.embedded.process import free_port
from services.ingest.routes_epcis import DOCUMENT as DOCUMENT_OF_EPCIS
from services.ingest.routes_events import SCAN
from tests.integration.up_process import Running
from tests.parts import until

pytestmark = pytest.mark.slow
DOCUMENT: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text("utf-8"))
PARTS = ("/v1/products", "/v1/routings", "/v1/calendars", "/v1/targets")
ENDLESS = ("/v1/live", "/v1/live/alerts")
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
EXAMPLES = 12
PLANT_EXAMPLES = 2
KNOWN = [
    ("GET /v1/units/{unit_id}", "unit_id"),
    ("GET /v1/events/{event_id}", "event_id"),
    ("GET /v1/orders/{order_id}", "order_id"),
    ("GET /v1/epcis/capture/{capture_id}", "capture_id"),
]
SECONDS = 30

for path in ENDLESS:
    del DOCUMENT["paths"][path]
schemathesis.serializer("application/x-ndjson")(lambda context, value: str(value).encode("utf-8", "surrogatepass"))
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
# Where nothing can be wrong but a path, nothing wrong can be generated.
ASKED = [
    (operation, mode)
    for operation in OPERATIONS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or operation.body or operation.query
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running demonstration."""
    words = ("demo", "--backfill", "0s", "--port", str(free_port()))
    with Running(tmp_path_factory.mktemp("demo"), *words) as running:
        yield running


@pytest.mark.parametrize(("operation", "mode"), ASKED, ids=lambda value: getattr(value, "label", None) or value.value)
def test_every_answer_is_one_of_those_described(demo: Running, operation: Any, mode: GenerationMode) -> None:
    plant = operation.label == "PUT /v1/plant"  # its schema is so large that an example takes a second to make
    judged = plant or (operation.path.startswith(PARTS) and operation.method in ("put", "post"))

    @settings(
        max_examples=PLANT_EXAMPLES if plant else EXAMPLES, derandomize=True, database=None, deadline=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def held(case: Any) -> None:
        if judged:
            case.query = {"validate": "true"}  # the simulated plant goes on being the one that is in force
        response = case.call(base_url=demo.address, timeout=SECONDS)
        case.validate_response(response, checks=CHECKS)

    held()


async def test_what_is_there_is_answered_as_described(demo: Running) -> None:
    async with httpx.AsyncClient(base_url=demo.address, trust_env=False, timeout=SECONDS) as client:
        plant = (await client.get("/v1/plant")).json()["model"]
        at = format_instant(SystemClock().now_us())
        scan = {**SCAN, "read_point_id": plant["read_points"][0]["id"], "event_time": at}
        sent = await client.post("/v1/scans", json=scan)
        read_point = {"id": f"urn:floorstream:read_point:{scan['read_point_id']}"}
        event = {**DOCUMENT_OF_EPCIS["epcisBody"]["eventList"][0], "readPoint": read_point, "eventTime": at}
        job = await client.post("/v1/epcis/capture", json={**DOCUMENT_OF_EPCIS, "epcisBody": {"eventList": [event]}})
        ordered = await client.put("/v1/orders/KNOWN", json={"product_id": "BOARD-A", "quantity": 5})
        assert [answer.status_code for answer in (sent, job, ordered)] == [202, 202, 201]

        async def stored() -> bool:
            return (await client.get(f"/v1/units/{scan['unit_id']}")).status_code == 200

        await until(stored, "the scan is stored", 60)
    known = {
        "unit_id": scan["unit_id"], "event_id": scan["event_id"], "order_id": "KNOWN",
        "capture_id": job.json()["captureID"],
    }  # fmt: skip
    for label, name in KNOWN:
        operation = next(each for each in OPERATIONS if each.label == label)
        case = operation.Case(path_parameters={name: known[name]})
        response = await asyncio.to_thread(case.call, base_url=demo.address, timeout=SECONDS)
        case.validate_response(response, checks=CHECKS)
        assert response.status_code == 200, label
