"""Scans of a source whose units are GS1 identifiers: one thing has one name, however it was scanned."""

import pytest

from tests.core.test_gs1 import ONE_THING
from tests.ingest_floor import PLANT, Floor, event, memory_floor

PLANT_GS1 = PLANT.replace("sources:\n", "sources:\n  hand: {identifiers: gs1}\n")
HAND = {"X-Source": "hand"}
UNIT = "https://id.gs1.org/01/04012345111118/21/9876"


async def one(floor: Floor, **changes: object) -> dict[str, object]:
    """The record that a scan becomes."""
    (await floor.post(event(**changes), headers=HAND)).raise_for_status()
    return (await floor.values("floor.scans"))[-1]


@pytest.mark.parametrize("scanned", [*ONE_THING, f"\x02{ONE_THING[0]}\r\n", f"\x1d{ONE_THING[2]}"])
async def test_however_scanned_it_is_one_unit(scanned: str) -> None:
    async with memory_floor(plant=PLANT_GS1) as floor:
        record = await one(floor, unit_id=scanned)
    assert (record["unit_id"], record["product_id"]) == (UNIT, "04012345111118")


async def test_what_the_scan_says_of_the_product_stays() -> None:
    async with memory_floor(plant=PLANT_GS1) as floor:
        record = await one(floor, unit_id=ONE_THING[0], product_id="PCBA", parent_ids=["(00)340123451111111111"])
    assert (record["product_id"], record["parent_ids"]) == ("PCBA", ["https://id.gs1.org/00/340123451111111111"])


@pytest.mark.parametrize(
    ("scanned", "says"),
    [("U1", "begins no application identifier"), ("(01)04012345111118", "needs a serial number"), (7, "unit_id")],
)
async def test_what_names_no_thing_is_refused_with_its_bytes(scanned: object, says: str) -> None:
    async with memory_floor(plant=PLANT_GS1) as floor:
        answer = await floor.post(event(unit_id=scanned), headers=HAND)
        assert answer.status_code == 422
        result = answer.json()["results"][0]
        assert (result["reason"], says in result["detail"]) == ("malformed", True)
        assert len(await floor.values("floor.rejects")) == 1


async def test_other_sources_keep_their_ids() -> None:
    async with memory_floor(plant=PLANT_GS1) as floor:
        (await floor.post(event(unit_id=ONE_THING[3]))).raise_for_status()
        assert [value["unit_id"] for value in await floor.values("floor.scans")] == [ONE_THING[3]]
