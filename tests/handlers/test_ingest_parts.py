"""Products, routings, calendars and targets by REST: changes of the plant model that lose nothing."""

import asyncio
import json
from typing import Any

import pytest

from schemas.generate import FOLDER
from schemas.plant import load_plant
from schemas.plant_parts import CALENDARS, PRODUCTS, ROUTINGS, TARGETS, Changed, Family, Wanted, as_read, change
from tests.fake_log import FakeLog
from tests.ingest_floor import PLANT, Floor, memory_floor

EXAMPLE = FOLDER.parent / "plant_example.yaml"
SHIFT = {"id": "A", "from": "08:00", "to": "20:00"}
WITH_TEAM = """
calendars: {day: {shifts: [{id: A, from: "08:00", to: "20:00"}]}}
teams: [{id: t, calendar: day, members: [{id: li}], on_duty: {A: [li]}}]
"""


async def said(floor: Floor, method: str, path: str, body: object = None, status: int = 200, **headers: str) -> Any:
    content = None if body is None else json.dumps(body).encode()
    answer = await floor.client.request(method, f"/v1/{path}", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def model(floor: Floor) -> dict[str, Any]:
    found: dict[str, Any] = (await said(floor, "GET", "plant"))["model"]
    return found


async def test_a_part_of_each_kind_comes_changes_and_goes() -> None:
    async with memory_floor() as floor:
        before = await model(floor)
        product = {"unit_cost": 12.5, "currency": "CNY", "routing": ["OP10"]}
        assert await said(floor, "PUT", "products/P", product) == {"version": 2, "changed": True}
        assert await said(floor, "PUT", "products/P", product) == {"version": 2, "changed": False}
        assert await said(floor, "GET", "products/P") == {"id": "P", **product, "unit_cost": "12.5"}
        await said(floor, "PUT", "routings/P", {"operations": ["OP10", "OP20"]})
        await said(floor, "PUT", "products/P", {"id": "P", "unit_cost": "13"})
        assert await said(floor, "GET", "products/P") == {"id": "P", "unit_cost": "13", "routing": ["OP10", "OP20"]}
        await said(floor, "PUT", "targets/OP10", {"wip_limit": 40, "dwell_limit": "90m"})
        assert await said(floor, "GET", "targets/OP10") == {
            "id": "OP10", "wip_limit": 40, "dwell_limit": "1h30m", "dwell_limit_clock": "wall",
        }  # fmt: skip
        await said(floor, "PUT", "calendars/day", {"week": "mon-fri", "shifts": [SHIFT]})
        assert (await said(floor, "GET", "calendars/day"))["week"] == ["mon", "tue", "wed", "thu", "fri"]
        for path in ("routings/P", "products/P", "targets/OP10", "calendars/day"):
            await said(floor, "DELETE", path)
            if not path.startswith("targets"):
                await said(floor, "GET", path, status=404)
                await said(floor, "DELETE", path, status=200 if path == "routings/P" else 404)
        assert await model(floor) == before


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("products/P", {"routing": ["OP10", "OP1"]}, "routing[1]", "unknown operation `OP1`; did you mean `OP10`"),
    ("products/Q", {"routing": ["OP10", "OP10"]}, "routing[1]", "in this routing twice"),
    ("products/R", {"currency": "CNY"}, "currency", "needs a unit_cost"),
    ("products/S", {"color": "red"}, "color", "unknown key; known keys: unit_cost, currency, routing, presence"),
    ("products/T", {"unit_cost": 1e300}, "unit_cost", "expected"),
    ("routings/K", {"operations": ["OP3"]}, "operations[0]", "unknown operation `OP3`"),
    ("routings/K", {"routing": ["OP10"]}, "routing", "unknown key; known keys: operations"),
    ("calendars/c", {"week": "mon-fri"}, "shifts", "required key `shifts` is missing"),
    ("calendars/d", {"shifts": [{**SHIFT, "from": "25:00"}]}, "shifts[0].from", "expected"),
    ("calendars/day", {"shifts": [{**SHIFT, "id": "B"}]}, "teams[0].on_duty.A", "A"),
    ("targets/OP10", {"wip_min": 5, "wip_limit": 4}, "wip_min", "wip_min 5 is above wip_limit 4"),
    ("targets/OP20", {"name": "X"}, "name", "unknown key; known keys: wip_limit"),
    ("targets/OP10", {"dwell_limit": 15}, "dwell_limit", "expected a duration such as 45s"),
]


async def test_what_the_linter_finds_is_said_of_the_part() -> None:
    async with memory_floor(plant=PLANT + WITH_TEAM) as floor:
        await said(floor, "PUT", "products/K", {"routing": ["OP20"]})
        for path, body, key, words in REFUSED:
            problem = await said(floor, "PUT", path, body, 422)
            assert problem["code"] == "invalid"
            assert problem["errors"][0]["key"] == key, problem
            assert words in problem["errors"][0]["message"], problem
            chinese = await said(floor, "PUT", path, body, 422, **{"Accept-Language": "zh"})
            assert chinese["errors"][0]["message"] != problem["errors"][0]["message"]
        in_use = await said(floor, "DELETE", "calendars/day", status=422)
        assert in_use["errors"][0]["key"].startswith("teams[0]")
        assert (await said(floor, "GET", "products"))["version"] == 2


async def test_what_is_not_there_or_cannot_be_read() -> None:
    async with memory_floor() as floor:
        for path in ("routings/X", "targets/X"):
            assert (await said(floor, "PUT", path, {"operations": []} if path[0] == "r" else {}, 404))["code"]
        for body in (b"", b"[]", b"{", b'{"id": "Q"}', b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}", b"\xff", b"{\x00}"):
            answer = await floor.client.put("/v1/products/P", content=body)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), body
        for odd in ("%00", "%7F", "a" * 300):
            assert (await floor.client.put(f"/v1/products/{odd}", content=b"{}")).status_code == 422
    async with memory_floor(plant=None) as floor:
        assert (await said(floor, "PUT", "products/P", {}, 503))["code"] == "not-ready"
        assert (await said(floor, "GET", "products", status=404))["code"] == "not-found"


async def test_several_make_one_version_and_each_has_its_verdict() -> None:
    async with memory_floor() as floor:
        items = [
            {"id": "A", "routing": ["OP10"]}, {"id": "B", "routing": ["OP9"]}, {"routing": []}, {"id": "C"},
            {"id": "A"}, "text",
        ]  # fmt: skip
        judged = await said(floor, "POST", "products?validate=true", items)
        assert (judged["version"], judged["changed"], judged["accepted"]) == (1, None, 2)
        done = await said(floor, "POST", "products", items)
        assert (done["version"], done["changed"], done["accepted"], done["rejected"]) == (2, True, 2, 4)
        assert [each["status"] for each in done["results"]] == [
            "accepted",
            *["refused"] * 2,
            "accepted",
            *["refused"] * 2,
        ]
        details = [each["detail"] for each in done["results"]]
        assert details[1].startswith("routing[0]: unknown operation `OP9`")
        assert (details[2], details[4]) == ("id: is required", "id: `A` is in this request twice")
        assert sorted(PRODUCTS.shown(await model(floor))) == ["A", "C"]
        assert (await said(floor, "POST", "products", items))["changed"] is False
        nothing = await said(floor, "POST", "routings", [{"id": "X", "operations": []}], 422)
        assert (nothing["code"], nothing["results"][0]["reason"]) == ("none-accepted", "not-found")
        lines = b'{"id": "OP10", "wip_limit": 3}\n{"id": "OP20", "wip_limit": 4}'
        answer = await floor.client.post("/v1/targets", content=lines, headers={"Content-Type": "application/x-ndjson"})
        assert (answer.json()["version"], answer.headers["etag"]) == (3, '"3"')
        assert [each["wip_limit"] for each in (await model(floor))["operations"]] == [3, 4]


async def test_a_product_may_have_a_slash_in_its_id() -> None:
    async with memory_floor() as floor:
        await said(floor, "PUT", "products/PCBA%2F100", {"unit_cost": 1})
        assert (await said(floor, "GET", "products/PCBA%2F100"))["id"] == "PCBA/100"


async def test_pages_by_id() -> None:
    async with memory_floor() as floor:
        await said(floor, "POST", "products", [{"id": f"P{number}"} for number in range(5)])
        seen, after = [], ""
        while after is not None:
            page = await said(floor, "GET", f"products?limit=2&after={after}")
            seen += [each["id"] for each in page["products"]]
            after = page["after"]
        assert seen == ["P0", "P1", "P2", "P3", "P4"]


async def test_a_change_of_another_version_is_refused() -> None:
    async with memory_floor() as floor:
        answer = await floor.client.put("/v1/products/P", content=b"{}", headers={"If-Match": '"1"'})
        assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
        again = await floor.client.put("/v1/products/P", content=b"{}", headers={"If-Match": '"1"'})
        assert (again.status_code, again.json()) == (200, {"version": 2, "changed": False})
        problem = await said(floor, "PUT", "products/Q", {}, 409, **{"If-Match": '"1"'})
        assert (problem["code"], problem["current"]) == ("version-conflict", 2)
        await said(floor, "DELETE", "products/P", status=409, **{"If-Match": '"1"'})
        await said(floor, "DELETE", "products/P", **{"If-Match": '"2"'})


async def test_no_change_is_lost_between_two_ingests() -> None:
    log = FakeLog()
    async with memory_floor(log) as one, memory_floor(log, plant=None) as other:
        put = [
            said(floor, "PUT", f"products/P{number}", {"unit_cost": number})
            for number, floor in enumerate([one, other] * 4)
        ]
        answers = await asyncio.gather(*put)
        assert sorted(each["version"] for each in answers) == list(range(2, 10))
        for floor in (one, other):
            assert len(PRODUCTS.shown(await model(floor))) == 8


@pytest.mark.parametrize("family", [PRODUCTS, ROUTINGS, CALENDARS, TARGETS], ids=lambda family: family.name)
def test_only_the_part_changes(family: Family) -> None:
    """What is shown of the example plant, sent again, changes nothing; a part that is new changes its section only."""
    before = load_plant(EXAMPLE.read_text("utf-8"))
    shown = family.shown(before)
    same = [
        Wanted(name, as_read({key: item for key, item in part.items() if key != "id"})) for name, part in shown.items()
    ]
    assert change(before, family, same) == Changed(before, {})
    gone = change(before, family, [Wanted(next(iter(shown)), None)])
    assert {**gone.document, family.section: before[family.section]} == before
    assert bool(gone.refused) == (family is CALENDARS)
    assert (gone.document == before) == (family is CALENDARS)
