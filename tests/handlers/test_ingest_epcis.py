"""EPCIS capture over HTTP: what is valid is taken, what is not names its field, and what it becomes on the floor."""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.plant import load_plant
from services.adapters.rejects_read import Rejected
from services.commands.rejects_replay import judged_again
from services.core.equipment import PlantModel
from services.ingest.routes_epcis import BEHAVIOUR, MOST_BYTES, MOST_EVENTS
from tests.epcis_data import documents, events_of, places, plant_of, read
from tests.fake_log import FakeLog
from tests.ingest_floor import NOW, Floor, memory_floor

ROOT = Path(__file__).parents[2]
PLACE = "urn:epc:id:sgln:4012345.00011.0"
PLANT = f"""
epcis: {{biz_steps: {{inspecting: finish, packing: ignore}}, dispositions: {{damaged: hold}}}}
areas:
  - id: A
    work_centers:
      - id: W
        operations: [OP10, OP20]
        read_points:
          - {{id: IN, operation: OP10, epcis: ["{PLACE}"]}}
          - {{id: OUT, operation: OP20, action: depart, epcis: ["https://id.gs1.org/414/4012345000221"]}}
"""
PLANT = PLANT.replace("[OP10, OP20]", "[{id: OP10}, {id: OP20}]")
SERIAL = "https://id.gs1.org/01/04012345111118/21/1"
LOT = "https://id.gs1.org/01/04012345123456/10/L1"
BOX = "https://id.gs1.org/00/040123450000003338"
EVENT: dict[str, Any] = {
    "type": "ObjectEvent", "eventTime": NOW, "eventTimeZoneOffset": "+00:00", "action": "OBSERVE",
    "epcList": ["urn:epc:id:sgtin:4012345.011111.1"], "readPoint": {"id": PLACE},
}  # fmt: skip
PROCEED = {BEHAVIOUR: "proceed"}


def event(**changes: Any) -> dict[str, Any]:
    """An EPCIS event but for the changes; None leaves a field out."""
    return {key: value for key, value in {**EVENT, **changes}.items() if value is not None}


def document(*events: Any, **changes: Any) -> dict[str, Any]:
    """A capture document."""
    return {
        "@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", {"ext": "https://ext.example/"}],
        "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": NOW,
        "epcisBody": {"eventList": list(events)}, **changes,
    }  # fmt: skip


async def capture(floor: Floor, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await floor.client.post("/v1/epcis/capture", content=content, headers=headers or {})


async def became(*events: Any) -> list[dict[str, Any]]:
    """The events of the product that these become."""
    async with memory_floor(plant=PLANT) as floor:
        answer = await capture(floor, document(*events))
        assert answer.status_code == 202, answer.text
        assert answer.json()["success"], answer.text
        return sorted(await floor.values("floor.scans"), key=lambda value: value["unit_id"])


async def test_every_valid_document_is_captured_whole() -> None:
    found = {name: read(path) for name, path in documents("openepcis/capture/documents/*.json").items()}
    plant = plant_of(set().union(*map(places, found.values())))
    async with memory_floor(plant=plant) as floor:
        for name, path in documents("openepcis/capture/documents/*.json").items():
            answer = await capture(floor, path.read_bytes())
            assert (answer.status_code, answer.json().get("success")) == (202, True), (name, answer.text)
            assert answer.json()["accepted"] == len(events_of(found[name])), name


async def test_every_valid_event_is_captured_alone() -> None:
    found = documents("openepcis/capture/events/*.json")
    async with memory_floor(plant=plant_of(set().union(*(places(read(path)) for path in found.values())))) as floor:
        for name, path in found.items():
            answer = await floor.post(path.read_bytes(), path="/v1/epcis/events")
            assert answer.status_code == 202, (name, answer.text)


INVALID = {
    "Combination_of_events_with_missing_mandatory_fields": ["0/action", "1/eventTimeZoneOffset", "1/action"],
    "Combination_of_non_standard_bizStep_and_disposition": ["0/bizStep", "1/disposition"],
    "ObjectEvent_with_ilmd_field_without_namespace": ["0/ilmd/materialType"],
    "ObjectEvent_with_invalid_certificationInfo": ["0/certificationInfo/0", "0/certificationInfo/1"],
    "ObjectEvent_with_non_standard_bizStep": ["0/bizStep"],
    "ObjectEvent_with_non_standard_disposition": ["0/disposition"],
    "ObjectEvent_with_unknown_field_in_quantityList": ["0/quantityList/0/weight"],
    "ObjectEvent_without_identifier_list": ["0/epcList"],
}


async def test_every_invalid_document_is_refused_naming_the_fields() -> None:
    async with memory_floor(plant=PLANT) as floor:
        told = {}
        for path in documents("openepcis/capture/invalid/*.json").values():
            answer = await capture(floor, path.read_bytes())
            assert (answer.status_code, answer.json()["code"]) == (400, "epcis-invalid"), path
            told[path.stem] = [error["pointer"] for error in answer.json()["errors"]]
        assert told == {name: [f"/epcisBody/eventList/{at}" for at in found] for name, found in INVALID.items()}
        assert await floor.values("floor.scans") + await floor.values("floor.rejects") == []


WRONG: dict[str, tuple[str, Any]] = {
    "not a document": ("/type", {**document(), "type": "EPCISQueryDocument"}),
    "no context": ("/@context", {key: value for key, value in document().items() if key != "@context"}),
    "version 1": ("/schemaVersion", document(schemaVersion="1.2")),
    "prefixes without end": (
        "/@context",
        document(event(), **{"@context": [*document()["@context"], {f"p{n}": "https://x/" for n in range(101)}]}),
    ),
    "a namespace without end": ("/@context", document(event(), **{"@context": {"e": "https://x/" + "x" * 250}})),
    "no events": ("/epcisBody/eventList", document(epcisBody={})),
    "an unknown type": ("/epcisBody/eventList/0/type", document(event(type="QuantityEvent"))),
    "no object": ("/epcisBody/eventList/0", document("x")),
    "a naive time": ("/epcisBody/eventList/0/eventTime", document(event(eventTime="2026-11-23T06:00:00"))),
    "an undeclared prefix": ("/epcisBody/eventList/0/other:x", document(event(**{"other:x": 1}))),
    "a tilde and a slash": ("/epcisBody/eventList/0/a~0~1b", document(event(**{"a~/b": 1}))),
    "a broken EPC": ("/epcisBody/eventList/0/epcList/0", document(event(epcList=["urn:epc:id:sgtin:4012345.1.1"]))),
    "no URI": ("/epcisBody/eventList/0/epcList/0", document(event(epcList=["U1"]))),
    "an EPC twice": ("/epcisBody/eventList/0/epcList", document(event(epcList=[SERIAL, SERIAL]))),
    "ilmd of what is there": ("/epcisBody/eventList/0/ilmd", document(event(ilmd={"ext:lot": "1"}))),
    "a negative quantity": (
        "/epcisBody/eventList/0/quantityList/0/quantity",
        document(event(quantityList=[{"epcClass": LOT, "quantity": -1}])),
    ),
    "nothing made": (
        "/epcisBody/eventList/0/outputEPCList",
        document(event(type="TransformationEvent", action=None, epcList=None, inputEPCList=[SERIAL])),
    ),
    "a box without name": (
        "/epcisBody/eventList/0/parentID",
        document(event(type="AggregationEvent", action="ADD", epcList=None, childEPCs=[SERIAL])),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
async def test_a_refusal_points_to_the_field_in_both_languages(name: str) -> None:
    pointer, body = WRONG[name]
    async with memory_floor(plant=PLANT) as floor:
        answer = await capture(floor, body, {"Accept-Language": "zh"})
    assert answer.status_code == 400
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert all(error["en"] and not error["zh"].isascii() for error in answer.json()["errors"])
    assert not answer.json()["detail"].isascii()


async def test_all_or_nothing_unless_told_to_proceed() -> None:
    unknown = event(readPoint={"id": "urn:epc:id:sgln:4012345.99999.0"})
    async with memory_floor(plant=PLANT) as floor:
        answer = (await capture(floor, document(event(), unknown))).json()
        assert (answer["success"], answer["accepted"], answer["rejected"], answer["rolled_back"]) == (False, 0, 1, 1)
        assert (await floor.values("floor.scans"), len(await floor.values("floor.rejects"))) == ([], 1)
        answer = (await capture(floor, document(event(), unknown), PROCEED)).json()
        assert (answer["success"], answer["accepted"], answer["rejected"]) == (False, 1, 1)
        error = answer["errors"][0]
        assert (error["reason"], error["instance"]) == ("unknown_read_point", "/epcisBody/eventList/1")
        assert len(await floor.values("floor.scans")) == 1


async def test_with_proceed_invalid_events_do_not_hinder_others() -> None:
    async with memory_floor(plant=PLANT) as floor:
        answer = await capture(floor, document(event(action="MOVE"), event()), PROCEED)
        assert [each["status"] for each in answer.json()["results"]] == ["refused", "accepted"]
        assert "/action" in answer.json()["results"][0]["detail"]


async def test_a_job_can_be_asked_for_again() -> None:
    async with memory_floor(plant=PLANT) as floor:
        answer = await capture(floor, document(event()))
        again = await floor.client.get(answer.headers["location"])
        assert again.json() == {key: value for key, value in answer.json().items() if key != "results"}
        assert (again.json()["running"], again.json()["success"]) == (False, True)
        assert (await floor.client.get("/v1/epcis/capture/none")).status_code == 404


async def test_the_example_of_the_readme_is_captured() -> None:
    typed = re.findall(
        r"curl -X POST http://[^/]*(/v1/epcis/capture) .* -d @(\S+)", (ROOT / "README.md").read_text("utf-8")
    )
    assert len(typed) == 1
    path, file = typed[0]
    plant = PLANT.replace("id: IN", "id: L1.PRINT-IN")
    async with memory_floor(plant=plant) as floor:
        answer = await floor.post((ROOT / file).read_bytes(), path=path)
        assert (answer.status_code, answer.json()["success"]) == (202, True)
        assert [value["read_point_id"] for value in await floor.values("floor.scans")] == ["L1.PRINT-IN"]


async def test_limits_are_told_and_kept() -> None:
    async with memory_floor(plant=PLANT) as floor:
        told = (await floor.client.options("/v1/epcis/capture")).headers
        assert int(told["GS1-EPCIS-Capture-Limit"]) == MOST_EVENTS
        assert int(told["GS1-EPCIS-Capture-File-Size-Limit"]) == MOST_BYTES
        assert (await capture(floor, document(*[event()] * (MOST_EVENTS + 1)))).status_code == 413
        assert (await capture(floor, b" " * (10 << 20))).status_code == 413
        assert (await capture(floor, document(), {BEHAVIOUR: "maybe"})).status_code == 400


async def test_an_event_written_differently_is_one_event() -> None:
    other = event(epcList=[SERIAL], eventTime="2026-11-23T14:00:00.0001+08:00", recordTime=NOW)
    records = await became(event(), other)
    assert records[0] == records[1]
    assert records[0]["event_id"].startswith("ni:///sha-256;")


STEPS: dict[str, tuple[dict[str, Any], str | None]] = {
    "nothing said": ({}, "arrive"),
    "a word of the standard": ({"bizStep": "repairing"}, "start"),
    "a word of the plant": ({"bizStep": "inspecting"}, "finish"),
    "its URI": ({"bizStep": "https://ref.gs1.org/cbv/BizStep-inspecting"}, "finish"),
    "a step of one's own": ({"bizStep": "https://own.example/soldering"}, "arrive"),
    "a disposition of the plant": ({"bizStep": "inspecting", "disposition": "damaged"}, "hold"),
    "the read point's": ({"readPoint": {"id": "urn:epc:id:sgln:4012345.00022.0"}, "bizStep": "repairing"}, "depart"),
    "ignored by the plant": ({"bizStep": "packing"}, None),
    "no matter of the floor": ({"bizStep": "transporting"}, None),
    "destroyed": ({"bizStep": "destroying", "action": "DELETE", "readPoint": None}, "scrap"),
    "taken out of use": ({"action": "DELETE"}, "scrap"),
    "nowhere": ({"readPoint": None, "bizStep": "repairing"}, None),
    "at a location": ({"readPoint": None, "bizLocation": {"id": PLACE}}, "arrive"),
}


@pytest.mark.parametrize("name", STEPS)
async def test_step_disposition_and_place_are_an_action(name: str) -> None:
    changes, action = STEPS[name]
    assert [record["action"] for record in await became(event(**changes))] == ([action] if action else [])


async def test_a_lot_has_its_quantity_and_a_kind_is_no_unit() -> None:
    quantities = [
        {"epcClass": LOT, "quantity": 12.5, "uom": "KGM"}, {"epcClass": "urn:epc:idpat:sgtin:4012345.011111.*"},
    ]  # fmt: skip
    order = [{"type": "prodorder", "bizTransaction": "urn:example:order:7"}]
    (record,) = await became(event(epcList=[], quantityList=quantities, bizTransactionList=order))
    assert {key: record[key] for key in ("unit_id", "quantity", "product_id", "order_id", "read_point_id")} == {
        "unit_id": LOT, "quantity": "12.5", "product_id": "04012345123456", "order_id": "urn:example:order:7",
        "read_point_id": "IN",
    }  # fmt: skip


PACKED = event(
    type="AggregationEvent", action="ADD", epcList=None, parentID=BOX, childEPCs=[SERIAL],
    childQuantityList=[{"epcClass": LOT, "quantity": 4}],
)  # fmt: skip


async def test_packing_merges_and_unpacking_splits() -> None:
    box, serial, lot = await became(PACKED)
    assert (box["action"], box["quantity"], box["parent_ids"]) == (
        "arrive",
        "5",
        [lot["unit_id"], serial["unit_id"]][::-1],
    )
    assert [(each["action"], each["quantity_delta"]) for each in (serial, lot)] == [("adjust", "-1"), ("adjust", "-4")]
    box, serial, lot = await became({**PACKED, "action": "DELETE"})
    assert (box["action"], box["quantity_delta"]) == ("adjust", "-5")
    assert [(each["action"], each["quantity"], each["parent_ids"]) for each in (serial, lot)] == [
        ("arrive", "1", [BOX]), ("arrive", "4", [BOX]),
    ]  # fmt: skip


async def test_a_transformation_uses_up_and_makes() -> None:
    made = event(
        type="TransformationEvent", action=None, epcList=None, inputQuantityList=[{"epcClass": LOT, "quantity": 3}],
        outputEPCList=[SERIAL],
    )  # fmt: skip
    serial, lot = await became(made)
    assert (serial["action"], serial["parent_ids"], lot["quantity_delta"]) == ("arrive", [LOT], "-3")


async def test_an_association_is_a_read_of_all() -> None:
    assert [each["action"] for each in await became({**PACKED, "type": "AssociationEvent"})] == ["arrive"] * 3


@pytest.mark.parametrize("declared", [event(), PACKED])
async def test_an_error_declaration_voids_what_the_event_became(declared: dict[str, Any]) -> None:
    error = {"declarationTime": NOW, "reason": "did_not_occur"}
    events = {each["event_id"]: each["unit_id"] for each in await became(declared)}
    voids = await became({**declared, "errorDeclaration": error})
    assert all(each["action"] == "void" for each in voids)
    assert {each["voids"]: each["unit_id"] for each in voids} == events


async def test_a_refused_event_can_be_replayed_once_the_plant_knows_the_place() -> None:
    unknown = event(readPoint={"id": "urn:epc:id:sgln:4012345.99999.0"}, **{"ext:note": "é", "ext:length": 1.5})
    async with memory_floor(plant=PLANT) as floor:
        await capture(floor, document(unknown))
        reject = (await floor.values("floor.rejects"))[0]
        kept = base64.b64decode(reject["value"])
        item = Rejected(-1, -1, reject["recorded_us"], reject["reason"], {}, reject["source"], None, kept, "http")
        mended = PLANT.replace(PLACE, unknown["readPoint"]["id"])
        (record,) = judged_again(item, PlantModel.from_document(load_plant(mended)), 4)
        (await floor.client.put("/v1/plant", content=mended)).raise_for_status()
        captured = (await capture(floor, document(unknown))).json()["results"][0]
        assert json.loads(record.value or b"")["event_id"] == captured["event_id"]


Runner = tuple[asyncio.Runner, Floor]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(codec=None), max_size=8)
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner))
FIELDS = st.sampled_from(
    ["@context", "type", "eventTime", "epcList", "quantityList", "childEPCs", "parentID", "readPoint", "bizStep",
     "ilmd", "bizTransactionList", "sensorElementList", "errorDeclaration", "persistentDisposition",
     "certificationInfo", "ext:x"]
)  # fmt: skip
EVENTS = st.builds(
    lambda base, changes: {**base, **changes},
    st.sampled_from([EVENT, PACKED, {**EVENT, "type": "TransactionEvent"}, {**PACKED, "type": "AssociationEvent"}]),
    st.dictionaries(FIELDS, JSON | st.sampled_from([[LOT], SERIAL, {"id": PLACE}, [{"epcClass": LOT}]]), max_size=3),
)
BODIES = st.one_of(
    st.binary(max_size=100),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.lists(EVENTS, max_size=3).map(lambda events: json.dumps(document(*events)).encode()),
    st.dictionaries(st.sampled_from([*document(), "ext:y"]), JSON, min_size=1).map(
        lambda changes: json.dumps({**document(event()), **changes}).encode()
    ),
    st.sampled_from([
        b"[" * 100_000, b'{"a":' * 100_000, b'{"a": 1e999999999}', b'{"a": ' + b"9" * 5000 + b"}", b"<EPCISDocument/>",
        json.dumps(document(event(epcList=["urn:x:\x00"]))).encode(),
        json.dumps(document(event(**{"ext:x": 10**30}))).encode(),
        json.dumps(document(event())).replace("1e", "\\ud800").replace("OBSERVE", "\\ud800").encode(),
    ]),
)  # fmt: skip


@pytest.fixture
def running() -> Iterator[Runner]:
    with asyncio.Runner() as runner:
        on = memory_floor(FakeLog(), plant=PLANT)
        yield runner, runner.run(on.__aenter__())
        runner.run(on.__aexit__(None, None, None))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(BODIES, st.sampled_from(["rollback", "proceed"]))
def test_no_body_is_an_internal_error(running: Runner, body: bytes, behaviour: str) -> None:
    runner, floor = running
    answer = runner.run(capture(floor, body, {BEHAVIOUR: behaviour}))
    assert answer.status_code in (202, 400)
    assert runner.run(floor.post(body, path="/v1/epcis/events")).status_code in (202, 400, 413, 422)
