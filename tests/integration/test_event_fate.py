"""The fate of an event over HTTP, out of a database that the stream's and the store's own lanes have filled."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from schemas.plant import load_plant
from services import topology
from services.adapters.refused import http_reject
from services.adapters.show_read import DatabaseRows
from services.adapters.timescale_pool import open_pool
from services.core.errors import BadScan, Reason
from services.core.identity import partition_of
from services.show.app import create_app
from tests.parts import SCAN_PARTITIONS
from tests.reference.case import events, plant
from tests.show_floor import deps
from tests.stored_floor import StoredFloor

ELSEWHERE = (partition_of("U", SCAN_PARTITIONS) + 1) % SCAN_PARTITIONS
SCANS, REJECTS = topology.SCANS.name, topology.REJECTS.name


def a_floor(log: str) -> StoredFloor:
    """A floor with these events of the reference cases' plant in its log."""
    models = {1: plant(max_clock_ahead="24h"), 2: plant("A B C X NEW", max_clock_ahead="24h")}
    floor = StoredFloor({version: load_plant(json.dumps(model)) for version, model in models.items()})
    floor.put_marker(1)
    floor.put_all(events(log))
    return floor


@asynccontextmanager
async def asked(floor: StoredFloor, dsn: str) -> AsyncIterator[httpx.AsyncClient]:
    """Show, on a database that holds everything of the floor."""
    floor.track()
    await floor.store(dsn)
    pool = await open_pool(dsn, application="test")
    try:
        transport = httpx.ASGITransport(create_app(deps(DatabaseRows(pool))))
        async with httpx.AsyncClient(transport=transport, base_url="http://show") as client:
            yield client
    finally:
        await pool.close()


async def fates(floor: StoredFloor, dsn: str, event_id: str, **parameters: str) -> list[dict[str, Any]]:
    """What is answered."""
    async with asked(floor, dsn) as client:
        answer = await client.get(f"/v1/events/{quote(event_id, safe='')}", params=parameters)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["events"]
        return found


async def test_an_accepted_event_names_its_visit_its_revision_and_its_flags(database: str) -> None:
    [fate] = await fates(a_floor("0 arrive A \n 1 finish B"), database, "e2")
    assert (fate["unit_id"], fate["fate"], fate["revision"]) == ("U", "accepted", 2)
    assert [(v["effect"], v["visit_seq"], v["operation_id"]) for v in fate["visits"]] == [
        ("closed", 1, "A"), ("opened", 2, "B"),
    ]  # fmt: skip
    assert fate["visits"][1]["flags"] == ["implied_arrive", "implied_start"]
    assert "opens visit 2 at B [arrival inferred, start inferred]" in fate["sentence"]["en"]
    assert "在 B 开始第 2 次停留" in fate["sentence"]["zh"]


async def test_every_delivery_is_told(database: str) -> None:
    [fate] = await fates(a_floor("0 arrive A id=x \n 0 arrive A id=x \n 0 arrive B id=x"), database, "x")
    assert [record["reason"] or record["fate"] for record in fate["records"]] == [
        "accepted", "duplicate", "conflicting_duplicate",
    ]  # fmt: skip
    assert fate["records"][1]["first"] == {"partition": fate["partition"], "offset": fate["offset"]}


async def test_a_refused_event_says_how_to_mend_it_and_then_that_it_was(database: str) -> None:
    floor = a_floor("0 arrive NEW id=x")
    [refused] = await fates(floor, database, "x")
    assert (refused["fate"], refused["reason"]) == ("refused", "unknown_operation")
    assert "PUT /v1/plant" in refused["mend"]["en"]
    assert "PUT /v1/plant" in refused["sentence"]["zh"]


async def test_after_the_cure_the_same_event_is_accepted(database: str) -> None:
    floor = a_floor("0 arrive NEW id=x")
    floor.put_marker(2)
    floor.put_all(events("0 arrive NEW id=x"))
    [fate] = await fates(floor, database, "x")
    assert fate["fate"] == "accepted"
    assert [record["reason"] for record in fate["records"]] == ["unknown_operation", None]


async def test_an_id_of_several_units_is_a_list_and_can_be_narrowed(database: str) -> None:
    floor = a_floor("0 arrive A id=x \n 1 arrive B id=x u=V")
    floor.track()
    await floor.store(database)
    pool = await open_pool(database, application="test")
    rows = DatabaseRows(pool)
    every, one = await rows.events("x", None), await rows.events("x", "V")
    await pool.close()
    assert [event["unit_id"] for event in every] == ["U", "V"]
    assert [event["visits"][0]["operation_id"] for event in one] == ["B"]


async def test_a_record_in_the_wrong_partition_was_forwarded_and_its_copy_accepted(database: str) -> None:
    floor = a_floor("")
    [event] = events("0 arrive A id=x")
    floor.put_event(event, ELSEWHERE)
    [fate] = await fates(floor, database, "x")
    assert fate["fate"] == "accepted"
    assert sorted(record["fate"] for record in fate["records"]) == ["accepted", "forwarded"]


async def test_what_no_mark_covers_is_pending(database: str) -> None:
    floor = a_floor("0 arrive A")
    floor.track()
    floor.put_all(events("1 arrive B id=late"))
    await floor.store(database)
    pool = await open_pool(database, application="test")
    [fate] = await DatabaseRows(pool).events("late", None)
    await pool.close()
    assert fate["fate"] == "pending"


@pytest.mark.parametrize("unit", [" U ", "\u3000U", "\u0002U\u0003"])
async def test_ids_are_found_as_the_fold_reads_them(database: str, unit: str) -> None:
    floor = a_floor("0 arrive A")
    value = {**events("1 arrive A")[0], "event_id": " x\r\n", "unit_id": unit}
    floor.put(SCANS, partition_of("U", SCAN_PARTITIONS), b"U", json.dumps(value).encode())
    [fate] = await fates(floor, database, "x", unit_id="U")
    assert (fate["fate"], fate["revision"]) == ("repeat", 2)


async def test_an_event_whose_unit_cannot_be_read_is_refused(database: str) -> None:
    floor = a_floor("")
    floor.put(SCANS, 0, None, b'{"event_id": "x", "event_time": "2026-11-23T06:00:00Z"}')
    [fate] = await fates(floor, database, "x")
    assert (fate["unit_id"], fate["fate"], fate["reason"]) == (None, "refused", "malformed")


async def test_what_the_front_door_refused_is_known(database: str) -> None:
    floor = a_floor("0 arrive A")
    refusal = BadScan(Reason.CLOCK_AHEAD, "it is ahead", "超前")
    value = http_reject(1, "r1", refusal, 1_795_400_000_000_000, "mes", "U", "door", b'{"event_id": "door"}')
    floor.put(REJECTS, 0, b"U", value)
    [fate] = await fates(floor, database, "door")
    assert (fate["fate"], fate["reason"], fate["records"][0]["origin"]) == ("refused", "clock_ahead", "http")
    assert "it is ahead" in fate["sentence"]["en"]


async def test_an_unknown_event_is_a_problem(database: str) -> None:
    async with asked(a_floor("0 arrive A"), database) as client:
        answer = await client.get("/v1/events/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_both_questions_use_an_index(database: str) -> None:
    async with asked(a_floor("0 arrive A"), database):
        pool = await open_pool(database, application="test", settings={"enable_seqscan": "off"})
        plan = await pool.fetch("EXPLAIN SELECT 1 FROM raw_scans WHERE event_id = 'e1'")
        await pool.close()
    assert "raw_scans_by_event" in "\n".join(row[0] for row in plan)
