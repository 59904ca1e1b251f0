"""Captured EPCIS events end as the visits that a mapping of their own expects, written from the standard's words alone.

events ─► capture over HTTP ─► floor.scans ─► the product's fold ──────┐
      └─► naive mapping below ─► the reference program's fold ─────────┴─► the same visits
"""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.epcis_data import GENERATED, documents, events_of, places, plant_of, read
from tests.handlers.test_ingest_epcis import capture
from tests.ingest_floor import memory_floor
from tests.product import run, visit_rows
from tests.reference.fold import fold

EXPECTED_PUBLISHED = 942
EXPECTED_MADE = 942
PREFIX, ITEM = "4012345", "012345"
HALL = "https://id.gs1.org/414/4012345000009"
DOCK = "https://id.gs1.org/414/4012345000115"
ACTIONS = {"commissioning": "arrive", "inspecting": "start", "shipping": "depart", "destroying": "scrap",
           "holding": "hold", "receiving": "arrive"}  # fmt: skip
EXTRA = "epcis: {dispositions: {damaged: hold}}\n"
Row = dict[str, Any]


def link(name: str) -> str:
    """The one name of a serial number, lot or box, from the forms that these documents use."""
    if name.startswith("https://"):
        return name
    scheme, _, body = name.removeprefix("urn:epc:").removeprefix("id:").removeprefix("class:").partition(":")
    company, item, *rest = body.split(".")
    digits = item[0] + company + item[1:]
    digits += str(-sum(int(d) * (3, 1)[n % 2] for n, d in enumerate(digits[::-1])) % 10)
    if scheme == "sscc":
        return f"https://id.gs1.org/00/{digits}"
    return f"https://id.gs1.org/01/{digits}/{'21' if scheme == 'sgtin' else '10'}/{rest[0]}"


def gtin(name: str) -> Row:
    """The product of a unit, if its name holds one."""
    parts = name.split("/")
    return {"product_id": parts[4]} if parts[3] == "01" else {}


def without_error(event: Row) -> Row:
    """The event that an error declaration repeats."""
    return {key: value for key, value in event.items() if key != "errorDeclaration"}


def naive(events: list[Row], places: list[str]) -> Iterator[Row]:
    """The events of the product, as one would write them by hand. What is declared an error never was."""
    wrong = [without_error(event) for event in events if "errorDeclaration" in event]
    for number, event in enumerate(events):
        if "readPoint" not in event or without_error(event) in wrong:
            continue
        at = {"event_time": event["eventTime"], "source": "naive"}
        here = {"operation_id": f"OP{places.index(event['readPoint']['id'])}"}
        lots = {link(q["epcClass"]): q.get("quantity") for q in event.get("quantityList", [])}
        if event["type"] in ("ObjectEvent", "TransactionEvent"):
            action = "hold" if event.get("disposition") == "damaged" else ACTIONS[event["bizStep"]]
            units = {**{link(epc): None for epc in event["epcList"]}, **lots}
            for unit, pieces in units.items():
                said = {} if pieces is None else {"quantity": str(pieces)}
                yield {"event_id": f"{number}", "unit_id": unit, "action": action, **here, **at, **said, **gtin(unit)}
            continue
        if event["type"] == "AssociationEvent":
            for unit in map(link, [event["parentID"], *event["childEPCs"]]):
                yield {"event_id": f"{number}", "unit_id": unit, "action": "start", **here, **at, **gtin(unit)}
            continue
        inside = [link(epc) for epc in event.get("childEPCs", event.get("inputEPCList", []))]
        outside = [link(epc) for epc in event.get("outputEPCList", [event.get("parentID", "")])]
        unpacked = event.get("action") == "DELETE"
        gives, takes = (outside, inside) if unpacked else (inside, outside)
        packed = str(len(inside)) if event["type"] == "AggregationEvent" else "1"
        for unit in gives:
            yield {"event_id": f"{number}-", "unit_id": unit, "action": "adjust", **at, **gtin(unit),
                   "quantity_delta": f"-{packed if unpacked else 1}"}  # fmt: skip
        for unit in takes:
            yield {"event_id": f"{number}+", "unit_id": unit, "action": "arrive", **here, **at, **gtin(unit),
                   "quantity": "1" if unpacked else packed, "parent_ids": sorted(gives)}  # fmt: skip


def made(count: int) -> list[Row]:
    """A plant that commissions, inspects, packs, unpacks, ships, holds, mounts and uses up, names written anyhow, by
    all five types of events; some turn out to be errors."""
    rnd = random.Random(7)
    free, boxes, events = [], {}, []

    def form(unit: int) -> str:
        urn = f"urn:epc:id:sgtin:{PREFIX}.{ITEM}.{unit}"
        return rnd.choice([urn, link(urn)])

    for number in range(count):
        at = {"eventTime": f"2026-11-22T{number // 60:02d}:{number % 60:02d}:00.{rnd.randrange(1000):03d}Z",
              "eventTimeZoneOffset": "+00:00", "readPoint": {"id": rnd.choice([HALL, DOCK])}}  # fmt: skip
        box = f"urn:epc:id:sscc:{PREFIX}.{number:010d}"
        choice = rnd.randrange(11)
        if choice < 2 or len(free) < 6:
            units = [*range(number * 10, number * 10 + 4)]
            free += units
            lots = [{"epcClass": f"urn:epc:class:lgtin:{PREFIX}.{ITEM}.L{number}", "quantity": 12}]
            events.append({**at, "type": "ObjectEvent", "action": "ADD", "bizStep": "commissioning",
                           "epcList": [*map(form, units)], "quantityList": lots})  # fmt: skip
        elif choice == 2:
            boxes[box] = [free.pop(rnd.randrange(len(free))) for _ in range(3)]
            events.append({**at, "type": "AggregationEvent", "action": "ADD", "bizStep": "packing", "parentID": box,
                           "childEPCs": [*map(form, boxes[box])]})  # fmt: skip
        elif choice == 3 and boxes:
            name, units = boxes.popitem()
            free += units
            events.append({**at, "type": "AggregationEvent", "action": "DELETE", "bizStep": "unpacking",
                           "parentID": link(name), "childEPCs": [*map(form, units)]})  # fmt: skip
        elif choice == 4:
            used = [free.pop(), free.pop()]
            free.append(number * 10 + 9)
            events.append({**at, "type": "TransformationEvent", "bizStep": "commissioning",
                           "inputEPCList": [*map(form, used)], "outputEPCList": [form(number * 10 + 9)]})  # fmt: skip
        elif choice == 5:
            on, *parts = rnd.sample(free, 3)
            events.append({**at, "type": "AssociationEvent", "action": "ADD", "bizStep": "assembling",
                           "parentID": form(on), "childEPCs": [*map(form, parts)]})  # fmt: skip
        elif choice == 6:
            order = [{"type": "po", "bizTransaction": f"urn:epc:id:gdti:{PREFIX}.00001.{number}"}]
            events.append({**at, "type": "TransactionEvent", "action": "ADD", "bizStep": "inspecting",
                           "bizTransactionList": order, "epcList": [*map(form, rnd.sample(free, 2))]})  # fmt: skip
        elif choice == 7 and events[-1].get("action") == "OBSERVE" and "errorDeclaration" not in events[-1]:
            error = {"declarationTime": at["eventTime"], "reason": "did_not_occur"}
            events.append({**events[-1], "errorDeclaration": error})
        else:
            said = rnd.choice([{"bizStep": step} for step in ("inspecting", "shipping", "holding", "receiving")]
                              + [{"bizStep": "inspecting", "disposition": "damaged"}])  # fmt: skip
            events.append({**at, "type": "ObjectEvent", "action": "OBSERVE", **said,
                           "epcList": [*map(form, rnd.sample(free, 2))]})  # fmt: skip
    return events


def rows(found: list[Row]) -> list[Row]:
    """Visits without their ids, which the naive mapping makes its own way, in one order."""
    kept = [{key: value for key, value in row.items() if key != "visit_id"} for row in found]
    return sorted(kept, key=lambda row: (row["unit_id"], row["visit_seq"]))


async def product_visits(captures: list[Row], plant: str) -> list[Row]:
    """The visits of captured documents, those of the generator's size in one request."""
    async with memory_floor(plant=plant) as floor:
        for body in captures:
            answer = await capture(floor, json.dumps(body, default=float).encode())
            assert answer.status_code == 202, answer.text
            assert answer.json()["success"], answer.json()["errors"]
        records = await floor.values("floor.scans")
    models = {1: yaml.safe_load(plant)}
    folded, verdicts = run(models, [{"model": 1}, *records])
    assert {verdict for verdict, _ in verdicts} == {"accepted"}
    return rows(visit_rows(folded))


@pytest.mark.parametrize("origin", ["made here", "published"])
async def test_captured_events_end_as_the_visits_expected(origin: str) -> None:
    if origin == "published":
        captures = [read(path) for path in documents(GENERATED).values()]
        expected = EXPECTED_PUBLISHED
    else:
        captures = [{"@context": [], "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate":
                     "2026-11-23T05:00:00Z", "epcisBody": {"eventList": made(EXPECTED_MADE)}}]  # fmt: skip
        expected = EXPECTED_MADE
    events = [event for body in captures for event in events_of(body)]
    assert len(events) == expected
    named = sorted(set().union(*map(places, captures)))
    plant = plant_of(set(named), EXTRA)
    log = [{"model": 1}, *naive(events, named)]
    wanted = rows(fold({1: yaml.safe_load(plant)}, log).visits)
    assert len(wanted) > 500
    assert await product_visits(captures, plant) == wanted
