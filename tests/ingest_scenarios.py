"""What ingest does with events, whatever the log: run on a log in memory and on a real broker."""

import base64
import gzip
import json
from collections.abc import Awaitable, Callable

from services.core.identity import partition_of
from services.core.instant import parse_instant
from tests.ingest_floor import NOW, PARTITIONS, PLANT, Floor, event, is_marker

Scenario = Callable[[Floor], Awaitable[None]]
SCENARIOS: list[Scenario] = []


def scenario(run: Scenario) -> Scenario:
    """Note it for both runs."""
    SCENARIOS.append(run)
    return run


@scenario
async def one_scan_is_in_the_log_of_its_unit(floor: Floor) -> None:
    answer = await floor.post(
        event(unit_id="单元 1", event_time="2026-11-23T14:00:00+08:00"), headers={"X-Source": "plc"}
    )
    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 1,
        "rejected": 0,
        "results": [{"index": 0, "event_id": "e1", "status": "accepted", "reason": None, "detail": None}],
    }
    [record] = await floor.scans()
    assert record.partition == partition_of("单元 1", PARTITIONS)
    assert record.key == "单元 1".encode()
    assert dict(record.headers) == {"source": b"plc", "recorded": str(parse_instant(NOW)).encode()}
    assert json.loads(record.value or b"") == event(unit_id="单元 1", event_time="2026-11-23T06:00:00.000000Z")


@scenario
async def every_item_of_a_list_has_a_verdict_of_its_own(floor: Floor) -> None:
    answer = await floor.post(event(event_id="a"), event(event_id="b", unit_id=None), event(event_id="c", unit_id="U2"))
    body = answer.json()
    assert (answer.status_code, body["accepted"], body["rejected"]) == (202, 2, 1)
    assert [(one["event_id"], one["status"], one["reason"]) for one in body["results"]] == [
        ("a", "accepted", None),
        ("b", "refused", "malformed"),
        ("c", "accepted", None),
    ]
    assert "unit_id" in body["results"][1]["detail"]
    assert {record.key for record in await floor.scans()} == {b"U1", b"U2"}


@scenario
async def a_refused_item_is_kept_with_its_original_bytes(floor: Floor) -> None:
    raw = b'{"event_id": "x",  "unit_id": "U7", "read_point_id": "NOWHERE", "event_time": "2026-11-23T06:00:00Z"}'
    await floor.post(b"[" + raw + b"," + json.dumps(event()).encode() + b"]")
    [reject] = await floor.values("floor.rejects")
    assert base64.b64decode(reject["value"]) == raw
    assert (reject["reason"], reject["unit_id"], reject["event_id"]) == ("unknown_read_point", "U7", "x")
    assert (reject["partition"], reject["offset"], reject["origin"], len(reject["id"])) == (-1, -1, "http", 32)
    assert "NOWHERE" in reject["detail"]["en"]
    assert "NOWHERE" in reject["detail"]["zh"]


@scenario
async def json_lines_are_a_list(floor: Floor) -> None:
    lines = b"\n".join(json.dumps(event(event_id=f"e{n}", unit_id=f"U{n}")).encode() for n in range(3)) + b"\n\n"
    for headers in ({"Content-Type": "application/x-ndjson"}, {}):
        answer = await floor.post(lines, headers=headers)
        assert answer.json()["accepted"] == 3
    assert len(await floor.scans()) == 6


@scenario
async def a_line_that_is_no_json_hinders_no_other(floor: Floor) -> None:
    lines = json.dumps(event()).encode() + b'\n{"event_id": \n'
    answer = await floor.post(lines)
    assert [one["status"] for one in answer.json()["results"]] == ["accepted", "refused"]


@scenario
async def nothing_acceptable_is_a_problem_with_the_verdicts(floor: Floor) -> None:
    answer = await floor.post(event(action="explode"), headers={"Accept-Language": "zh-CN,en;q=0.5"})
    body = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert (body["code"], body["accepted"], body["rejected"]) == ("none-accepted", 0, 1)
    assert body["title"] == "没有任何一项被接受"
    assert "应为" in body["results"][0]["detail"]
    assert len(await floor.records("floor.rejects")) == 1


@scenario
async def validating_writes_nothing(floor: Floor) -> None:
    answer = await floor.post(event(), event(unit_id=None), params={"validate": "true"})
    assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected"]) == (200, 1, 1)
    assert await floor.scans() == await floor.records("floor.rejects") == []


@scenario
async def a_retry_without_event_id_gets_the_same_one(floor: Floor) -> None:
    slow = event(event_id=None, event_time="2026-11-23T04:59:00Z", sent_time="2026-11-23T05:00:00Z")
    first = await floor.post(slow)
    floor.clock.us += 7_000_000
    again = await floor.post({**slow, "sent_time": "2026-11-23T05:00:07Z"})
    other = await floor.post({**slow, "unit_id": "U2"})
    ids = [answer.json()["results"][0]["event_id"] for answer in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]


@scenario
async def a_sources_wrong_clock_is_corrected_once(floor: Floor) -> None:
    await floor.post(event(event_time="2026-11-23T04:59:00Z", sent_time="2026-11-23T05:00:00Z"))
    [moved] = await floor.values("floor.scans")
    assert moved["event_time"] == "2026-11-23T05:59:00.000000Z"
    assert moved["device_time"] == "2026-11-23T04:59:00.000000Z"


@scenario
async def small_differences_and_corrected_events_are_left_alone(floor: Floor) -> None:
    early = "2026-11-23T05:59:00.000000Z"
    within = event(event_id="a", event_time=early, sent_time="2026-11-23T05:59:58Z")
    done = event(event_id="b", event_time=early, sent_time="2026-11-23T01:00:00Z", device_time="2026-11-23T00:59:00Z")
    await floor.post(within, done)
    first, second = await floor.values("floor.scans")
    assert first["event_time"] == second["event_time"] == early
    assert "device_time" not in first
    assert second["device_time"] == "2026-11-23T00:59:00.000000Z"


@scenario
async def a_source_writes_time_as_it_declared(floor: Floor) -> None:
    await floor.post(event(event_time="2026-11-23 07:00:00"), headers={"X-Source": "mes"})
    assert [value["event_time"] for value in await floor.values("floor.scans")] == ["2026-11-23T06:00:00.000000Z"]


@scenario
async def a_split_is_an_adjust_and_an_arrive_per_child(floor: Floor) -> None:
    split = {
        "event_id": "t1", "event_time": NOW, "operation_id": "OP20",
        "parents": [{"unit_id": "LOT", "quantity": 10}],
        "children": [{"unit_id": "A", "quantity": "4.50", "product_id": "P"}, {"unit_id": "B", "quantity": 5.5}],
    }  # fmt: skip
    first, again = [await floor.post(split, path="/v1/transforms") for _ in range(2)]
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    parts = {value["unit_id"]: value for value in await floor.values("floor.scans")}
    assert len(await floor.scans()) == 6
    assert (parts["LOT"]["action"], parts["LOT"]["quantity_delta"]) == ("adjust", "-10")
    assert (parts["A"]["action"], parts["A"]["quantity"], parts["A"]["parent_ids"]) == ("arrive", "4.5", ["LOT"])
    assert (parts["A"]["product_id"], parts["A"]["operation_id"]) == ("P", "OP20")
    assert set(first.json()["results"][0]["parts"]) == {parts[unit]["event_id"] for unit in ("LOT", "A", "B")}


@scenario
async def a_transform_with_one_bad_part_changes_nothing(floor: Floor) -> None:
    merge = {
        "event_id": "t1", "event_time": NOW, "operation_id": "NOWHERE",
        "parents": [{"unit_id": "A", "quantity": 1}], "children": [{"unit_id": "B", "quantity": 1}],
    }  # fmt: skip
    answer = await floor.post(merge, path="/v1/transforms")
    assert (answer.status_code, answer.json()["results"][0]["reason"]) == (422, "unknown_operation")
    assert await floor.scans() == []


@scenario
async def machine_events_are_in_the_log_of_their_machine(floor: Floor) -> None:
    message = {
        "work_unit_id": "M1",
        "event_time": "2026-11-23T14:00:00+08:00",
        "state": "EXECUTE",
        "counter": {"good": 5},
    }
    answer = await floor.post(message, {**message, "state": "dancing"}, path="/v1/machine-events")
    assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected"]) == (202, 1, 1)
    [record] = [each for each in await floor.records("floor.machines") if not is_marker(each)]
    assert record.partition == partition_of("M1", PARTITIONS)
    assert json.loads(record.value or b"") == {
        **message, "event_time": "2026-11-23T06:00:00.000000Z", "state": "execute",
    }  # fmt: skip


@scenario
async def a_compressed_body_is_read(floor: Floor) -> None:
    body = gzip.compress(json.dumps(event()).encode())
    assert (await floor.post(body, headers={"Content-Encoding": "gzip"})).status_code == 202


@scenario
async def a_plant_model_is_marked_in_every_partition_after_it_is_written(floor: Floor) -> None:
    changed = PLANT.replace("OP20-IN", "OP20-GATE")
    answer = await floor.client.put("/v1/plant", content=changed.encode(), headers={"If-Match": '"1"'})
    assert answer.json() == {"version": 2, "changed": True}
    for topic in ("floor.scans", "floor.machines"):
        markers = [record for record in await floor.records(topic) if is_marker(record)]
        assert [(record.partition, record.value) for record in markers] == [
            (partition, b'{"model":%d}' % version) for partition in range(PARTITIONS) for version in (1, 2)
        ]
    assert (await floor.post(event(read_point_id="OP20-GATE"))).status_code == 202
    assert (await floor.post(event(read_point_id="OP20-IN"))).status_code == 422


@scenario
async def the_same_plant_model_again_is_no_new_version(floor: Floor) -> None:
    answer = await floor.client.put("/v1/plant", content=PLANT.encode())
    assert answer.json() == {"version": 1, "changed": False}
    plant = await floor.client.get("/v1/plant")
    assert (plant.json()["version"], plant.headers["etag"]) == (1, '"1"')
    assert len(await floor.records("floor.master")) == 1


@scenario
async def an_order_is_kept_with_its_highest_revision(floor: Floor) -> None:
    order = {"product_id": "P", "quantity": "10"}
    first = await floor.client.put("/v1/orders/WO-1", json=order)
    again = await floor.client.put("/v1/orders/WO-1", json=order)
    changed = await floor.client.put("/v1/orders/WO-1", json={**order, "quantity": 12})
    assert [answer.status_code for answer in (first, again, changed)] == [201, 200, 200]
    assert [answer.json()["revision"] for answer in (first, again, changed)] == [1, 1, 2]
    stale = await floor.client.put("/v1/orders/WO-1", json={**order, "revision": 1})
    assert (stale.status_code, stale.json()["current"]) == (409, 2)
    assert (await floor.client.get("/v1/orders/WO-1")).json()["quantity"] == "12"
    assert [record.key for record in await floor.records("floor.master")][1:] == [b"order/WO-1"] * 2
