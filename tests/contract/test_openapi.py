"""What the running system says of itself: every address with its answers, and requests that work as they stand."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator, ValidationError

from services import settings
from services.adapters import alert_links
from services.adapters.api_description import described, schema_of, whole
from services.adapters.kafka_follow import Record
from services.adapters.work_units_feed import followed
from services.embedded.front import application, wire
from services.ingest import app as ingest
from services.show import app as show
from services.show.http_file import http_file
from tests.alerts import alert, give_alert, unit
from tests.handlers.test_show_work_units import state
from tests.ingest_floor import PLANT, memory_floor
from tests.show_floor import PARTITIONS, deps, give, model, operation, plant, window

CONNECTED_TO_NOTHING = {"FLOORSTREAM_KAFKA": "127.0.0.1:9"}

PLANT_WITH_MACHINE = PLANT + "        work_units: [{id: M1}]\n"


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[FastAPI]:
    """Both stages on one port, without anything behind them."""
    async with wire(settings.read(CONNECTED_TO_NOTHING)) as front:
        yield application(front)


async def _document() -> dict[str, Any]:
    async with served() as app:
        return app.openapi()


DOCUMENT: dict[str, Any] = asyncio.run(_document())
OPERATIONS = [(method, path, said) for path, item in DOCUMENT["paths"].items() for method, said in item.items()]
WITH_BODY = [(path, said["requestBody"]["content"]) for _, path, said in OPERATIONS if "requestBody" in said]
each_operation = pytest.mark.parametrize(("method", "path", "said"), OPERATIONS, ids=lambda value: str(value)[:40])


@each_operation
def test_an_address_says_what_it_is_for_and_what_it_answers(method: str, path: str, said: dict[str, Any]) -> None:
    assert said["description"]
    assert said["summary"]
    good = [answer for status, answer in said["responses"].items() if int(status) < 300]
    assert good
    for answer in good:
        assert method == "options" or all(content["schema"] for content in answer["content"].values())
    for status, answer in said["responses"].items():
        if int(status) >= 400 and path != "/readyz":
            assert list(answer["content"]) == ["application/problem+json"]


@each_operation
def test_what_changes_something_says_by_what_right(method: str, path: str, said: dict[str, Any]) -> None:
    assert method not in ("post", "put") or {"key": []} in said["security"]
    assert method not in ("post", "put") or {"401", "403"} <= said["responses"].keys()


def test_names_of_operations_are_unique() -> None:
    names = [said["operationId"] for _, _, said in OPERATIONS]
    assert sorted(set(names)) == sorted(names)
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', text)) == DOCUMENT["components"]["schemas"].keys()


@pytest.mark.parametrize(("path", "content"), WITH_BODY, ids=[path for path, _ in WITH_BODY])
def test_every_example_is_what_its_schema_says(path: str, content: dict[str, Any]) -> None:
    for said in content.values():
        if "example" in said:
            Draft202012Validator({**said["schema"], "components": DOCUMENT["components"]}).validate(said["example"])


async def test_each_stage_alone_describes_what_it_serves() -> None:
    async with wire(settings.read(CONNECTED_TO_NOTHING)) as front:
        alone = [ingest.application(front.ingest), show.create_app(front.show)]
        answers = []
        for app in alone:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://alone") as client:
                answers.append((await client.get("/v1/openapi.json")).json())
    both = {path for answer in answers for path in answer["paths"]}
    assert both == set(DOCUMENT["paths"])
    assert all(set(answer["paths"]) < both for answer in answers)


async def test_asyncapi_and_the_schemas_it_refers_to_are_served() -> None:
    async with served() as app, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://f") as client:
        asyncapi = await client.get("/v1/schemas/asyncapi.yaml")
        named = set(re.findall(r"\./([\w.]+\.schema\.json)", asyncapi.text))
        statuses = {name: (await client.get(f"/v1/schemas/{name}")).status_code for name in named}
        listed = (await client.get("/v1/schemas")).json()["files"]
        missing = await client.get("/v1/schemas/..%2Fevent.py")
    assert asyncapi.headers["content-type"].startswith("application/yaml")
    assert statuses
    assert set(statuses.values()) == {200}
    assert named < set(listed)
    assert missing.status_code == 404


def held(method: str, path: str, answer: httpx.Response) -> None:
    """The answer is one that the document describes."""
    said = DOCUMENT["paths"][path][method]["responses"][str(answer.status_code)]
    [content] = [said["content"][kind] for kind in said["content"] if answer.headers["content-type"].startswith(kind)]
    Draft202012Validator({**content["schema"], "components": DOCUMENT["components"]}).validate(answer.json())


async def test_alerts_are_answered_as_described() -> None:
    key = b"k" * 32
    shown = deps(link_key=key)
    shown.board.take_model(model({"A": {}}))
    give_alert(shown, alert(units=[unit("U1", 60_000_000)]))
    link = alert_links.new(key, "wip_limit|A", 1, "robot|li", shown.clock.now_us())
    transport = httpx.ASGITransport(show.create_app(shown))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        held("get", "/v1/alerts", await client.get("/v1/alerts"))
        held("get", "/v1/alerts/{alert_id}", await client.get("/v1/alerts/wip_limit|A"))
        held("get", "/v1/alerts/{alert_id}", await client.get("/v1/alerts/none"))
        held("get", "/v1/alert-link", await client.get("/v1/alert-link", headers={"X-Alert-Token": link}))
        act = "/v1/alerts/wip_limit|A/acknowledge"
        taken = await client.post(act, json={"incident": 1, "by": "李明"})
        other = await client.post(act, json={"incident": 7, "by": "李明"})
    assert (taken.status_code, other.status_code) == (202, 409)
    for answer in (taken, other):
        held("post", "/v1/alerts/{alert_id}/acknowledge", answer)


async def test_work_units_and_operations_are_answered_as_described() -> None:
    shown = deps()
    shown.board.take_model(model({"A": {"wip_limit": 3}, "B": {}}))
    give(shown.board, operation("A", queued=2, windows={"1h": window()}))
    give(shown.board, plant(wip=2))
    said = state("M1", shifts=[])
    followed(shown.board, PARTITIONS).take(0, Record(0, b"M1", json.dumps(said).encode()))
    transport = httpx.ASGITransport(show.create_app(shown))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        operations, units = await client.get("/v1/operations"), await client.get("/v1/work-units")
    held("get", "/v1/operations", operations)
    held("get", "/v1/work-units", units)
    with pytest.raises(ValidationError):
        held("get", "/v1/work-units", operations)


def test_two_models_of_one_name_are_told_apart() -> None:
    from schemas.machine import PartCounter as OfMessage
    from schemas.plant_document import PartCounter as OfPlant

    schema_of(OfMessage)
    with pytest.raises(ValueError, match="family"):
        schema_of(OfPlant)


def test_a_route_that_says_nothing_is_described_by_its_method() -> None:
    app = FastAPI()

    @app.put("/v1/things/{thing_id}")
    async def thing(thing_id: str) -> None:
        """A thing."""

    @app.get("/v1/things", **described({}))
    async def things() -> None:
        """All things. In order."""

    paths = whole(app)["paths"]
    said = paths["/v1/things/{thing_id}"]["put"]
    assert (said["operationId"], said["summary"]) == ("put_things_by_thing_id", "A thing")
    assert said["security"] == [{"key": []}, {}]
    assert paths["/v1/things"]["get"]["summary"] == "All things"


def requests_of(text: str) -> Iterator[tuple[str, str, dict[str, str], str]]:
    """Method, address, headers and body of every request of a .http file, as its readers understand it."""
    head, *blocks = text.split("\n### ")
    variables = dict(re.findall(r"^@(\w+) = (.*)$", head, re.MULTILINE))
    for block in blocks:
        filled = re.sub(r"\{\{(\w+)\}\}", lambda found: variables[found[1]], block)
        top, _, body = filled.partition("\n\n")
        _, first, *headers = top.splitlines()
        method, address = first.split(" ", 1)
        yield method, address, dict(line.split(": ", 1) for line in headers), body.strip()


async def test_the_requests_of_the_http_file_work_as_they_stand() -> None:
    async with memory_floor(plant=PLANT_WITH_MACHINE) as floor:
        plant = (await floor.client.get("/v1/plant")).json()["model"]
        document = (await floor.client.get("/v1/openapi.json")).json()
        text = http_file(document, "http://127.0.0.1:8080", plant, floor.clock.now_us())
        answers = {}
        for method, address, headers, body in requests_of(text):
            content = PLANT_WITH_MACHINE if body.startswith("< ") else body
            answer = await floor.client.request(method, address, headers=headers, content=content.encode())
            answers[f"{method} {address}"] = answer.status_code
    at = "http://127.0.0.1:8080"
    assert len(answers) == sum(len(item) for item in document["paths"].values())
    strange = {key: status for key, status in answers.items() if status >= 300 and status not in (404, 503)}
    assert strange == {f"POST {at}/v1/targets": 422}, "no operation of a plant is changed by an example"
    taken = ("/v1/scans", "/v1/epcis/capture", "/v1/epcis/events")
    assert [answers[f"POST {at}{path}"] for path in taken] == [202] * 3
    assert (answers[f"PUT {at}/v1/plant"], answers[f"PUT {at}/v1/orders/MY-ORDER-1"]) == (200, 201)


def test_no_two_addresses_say_the_same_of_themselves() -> None:
    said = [operation["summary"] for _, _, operation in OPERATIONS]
    assert sorted(said) == sorted(set(said))
