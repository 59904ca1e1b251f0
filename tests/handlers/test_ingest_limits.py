"""What the front door does not let in, or not now: sizes, nesting, a broker that is away, a plant not there yet."""

import base64
import gzip
import json
import tracemalloc
from time import process_time

import pytest

from services.adapters.request_body import MOST_BYTES
from services.core.errors import Reason
from services.ingest.body import MOST_ITEMS
from tests.fake_log import FakeLog
from tests.ingest_floor import PLANT, event, memory_floor
from tests.parts import until


async def test_more_items_than_allowed_are_refused_naming_the_limit() -> None:
    async with memory_floor() as floor:
        answer = await floor.post(*[{}] * (MOST_ITEMS + 1))
        assert (answer.status_code, answer.json()["limit_items"]) == (413, MOST_ITEMS)
        assert "501" in answer.json()["detail"]


async def test_a_full_request_is_taken() -> None:
    async with memory_floor() as floor:
        answer = await floor.post(*[event(event_id=f"e{n}") for n in range(MOST_ITEMS)])
        assert answer.json()["accepted"] == MOST_ITEMS


@pytest.mark.row(24)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip bomb"])
async def test_a_body_too_large_is_refused_naming_the_limit(packed: bool) -> None:
    body = b" " * (100 * MOST_BYTES if packed else MOST_BYTES + 1)
    async with memory_floor() as floor:
        if packed:
            answer = await floor.post(gzip.compress(body, mtime=0), headers={"Content-Encoding": "gzip"})
        else:
            answer = await floor.post(body)
        assert (answer.status_code, answer.json()["limit_bytes"]) == (413, MOST_BYTES)


@pytest.mark.parametrize("path", ["/v1/scans", "/v1/epcis/events", "/v1/products"])
async def test_a_text_that_never_ends_is_looked_through_once(path: str) -> None:
    """Every escaped quote in it was tried as the beginning of a text: 256 KB stopped the whole process for minutes."""
    body = b"[" * 40 + b'"' + b'\\"' * 24_000
    async with memory_floor() as floor:
        began = process_time()
        assert (await floor.post(body, path=path)).status_code == 422
        assert process_time() - began < 5


async def test_a_key_that_is_there_twice_is_found_in_one_pass() -> None:
    """Each of thousands of keys was counted among all of them, until one was there twice: the last."""
    body = b"{" + b",".join(b'"%d": 1' % min(number, 23_998) for number in range(24_000)) + b"}"
    async with memory_floor() as floor:
        began = process_time()
        answer = await floor.post(body, path="/v1/transforms")
        assert process_time() - began < 2
    assert "'23998' is there twice" in answer.json()["results"][0]["detail"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b" \n ", {}, 400),
        (b"[]", {}, 400),
        (b"not gzip", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}" * 99, mtime=0)[:-4], {"Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Encoding": "br"}, 415),
    ],
)
async def test_what_cannot_be_read_at_all_is_a_problem(body: bytes, headers: dict[str, str], status: int) -> None:
    async with memory_floor() as floor:
        answer = await floor.post(body, headers=headers)
        assert (answer.status_code, answer.json()["status"]) == (status, status)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"x": ' * 1000 + b"1" + b"}" * 1000,
        b'{"event_id": "a", "event_id": "b"}',
        json.dumps(event()).encode()[:-1] + b', "unit_id": "U2"}',
        json.dumps(event()).encode()[:-1] + b', "extra": NaN}',
        json.dumps(event()).encode()[:-1] + b', "extra": "\xff"}',
        json.dumps(event()).encode()[:-1] + b', "extra": [[[[[1]]]]]}',
        b"\xef\xbb\xbf" + json.dumps(event()).encode(),
        b"null",
        b"[1]",
    ],
)
async def test_json_that_is_not_what_it_should_be_is_one_malformed_item(body: bytes) -> None:
    async with memory_floor() as floor:
        answer = await floor.post(body)
        assert [one["reason"] for one in answer.json()["results"]] == [Reason.MALFORMED]
        assert len(await floor.records("floor.rejects")) == 1


@pytest.mark.parametrize(
    ("change", "source", "reason"),
    [
        ({"read_point_id": "NOWHERE"}, "http", Reason.UNKNOWN_READ_POINT),
        ({"operation_id": "NOWHERE", "action": "start"}, "http", Reason.UNKNOWN_OPERATION),
        ({"event_time": "2026-11-23T06:05:01Z"}, "http", Reason.CLOCK_AHEAD),
        ({"event_time": "2026-11-23T06:00:00"}, "http", Reason.MALFORMED),
        ({"event_time": "2026-10-25 02:30:00"}, "mes", Reason.AMBIGUOUS_TIME),
        ({"event_time": "2026-03-29 02:30:00"}, "mes", Reason.MALFORMED),
        ({"sent_time": "yesterday"}, "http", Reason.MALFORMED),
        ({"sent_time": "9000-01-01T00:00:00Z"}, "http", Reason.MALFORMED),
    ],
)
async def test_what_the_plant_does_not_know_is_said_at_once(
    change: dict[str, str], source: str, reason: Reason
) -> None:
    async with memory_floor() as floor:
        answer = await floor.post(event(**change), headers={"X-Source": source})
        assert [one["reason"] for one in answer.json()["results"]] == [reason]
        assert await floor.scans() == []


async def test_the_refusal_of_a_local_time_names_the_setting() -> None:
    async with memory_floor() as floor:
        answer = await floor.post(event(event_time="2026-11-23T06:00:00"), headers={"X-Source": "plc"})
        assert "sources.plc.time_zone" in answer.json()["results"][0]["detail"]


async def test_without_the_broker_nothing_is_promised() -> None:
    log = FakeLog()
    async with memory_floor(log) as floor:
        log.away = True
        answer = await floor.post(event())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["code"] == "broker-away"
        assert (await floor.client.get("/readyz")).status_code == 503
        log.away = False
        assert (await floor.post(event())).status_code == 202


async def test_while_too_much_waits_the_sender_is_told_to_wait() -> None:
    log = FakeLog()
    async with memory_floor(log) as floor:
        log.full = True
        answer = await floor.post(event())
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "busy", "1")


async def test_before_the_first_plant_model_no_work_is_taken() -> None:
    async with memory_floor(plant=None) as floor:
        ready = await floor.client.get("/readyz")
        assert (ready.status_code, (await floor.post(event())).status_code) == (503, 503)
        assert "PUT /v1/plant" in ready.json()["missing"][0]
        await floor.client.put("/v1/plant", content=PLANT.encode())
        assert (await floor.client.get("/readyz")).json() == {"ready": True, "missing": []}
        assert (await floor.post(event())).status_code == 202


async def test_a_version_without_its_markers_is_completed_at_the_next_start() -> None:
    log = FakeLog()
    async with memory_floor(log):
        pass
    log.sent = [record for record in log.sent if record.topic == "floor.master"]
    async with memory_floor(log, plant=None) as floor:

        async def ready() -> bool:
            return (await floor.client.get("/readyz")).status_code == 200

        await until(ready, "version 1 is marked")
        assert [record.partition for record in await floor.records("floor.scans")] == [0, 1, 2, 3]


async def test_a_plant_model_from_an_older_version_is_a_conflict() -> None:
    async with memory_floor() as floor:
        answer = await floor.client.put("/v1/plant", content=b"x: 1", headers={"If-Match": '"0"'})
        assert answer.status_code == 422
        answer = await floor.client.put("/v1/plant", content=PLANT.encode(), headers={"If-Match": '"0"'})
        assert (answer.status_code, answer.json()["current"]) == (409, 1)
        assert (await floor.client.put("/v1/plant", headers={"If-Match": "x"})).status_code == 400


async def test_errors_of_a_plant_file_have_line_key_and_message() -> None:
    async with memory_floor() as floor:
        wrong = PLANT.replace("action: arrive", "action: explode")
        for tongue, word in (("en", "expected"), ("zh", "应为")):
            answer = await floor.client.put("/v1/plant", content=wrong.encode(), headers={"Accept-Language": tongue})
            errors = answer.json()["errors"]
            assert (answer.status_code, len(errors)) == (422, 2)
            assert (
                errors[0]["line"]
                == PLANT.splitlines().index("          - {id: OP10-IN, operation: OP10, action: arrive}") + 1
            )
            assert errors[0]["key"].endswith("read_points[0].action")
            assert word in errors[0]["message"]


async def test_a_plant_file_is_checked_without_being_published() -> None:
    async with memory_floor(plant=None) as floor:
        answer = await floor.client.put("/v1/plant?validate=true", content=PLANT.encode())
        assert answer.status_code == 200
        assert await floor.records("floor.master") == []


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/orders/none"])
async def test_what_is_not_there_is_a_problem_in_the_language_asked_for(path: str) -> None:
    async with memory_floor() as floor:
        answer = await floor.client.get(path, headers={"Accept-Language": "fr, zh;q=0.8, en;q=0.1"})
        assert (answer.status_code, answer.json()["title"]) == (404, "找不到该资源")
        assert answer.headers["content-language"] == "zh"


async def test_metrics_count_items_by_reason() -> None:
    async with memory_floor() as floor:
        await floor.post(event(), event(unit_id=None))
        text = (await floor.client.get("/metrics")).text
        assert 'floorstream_ingest_items_total{kind="scan",reason=""} 1.0' in text
        assert 'floorstream_ingest_items_total{kind="scan",reason="malformed"} 1.0' in text
        assert 'floorstream_ingest_requests_total{route="/v1/scans",status="202"} 1.0' in text
        assert "floorstream_plant_version 1.0" in text


async def test_without_a_database_stored_machine_events_cannot_be_read() -> None:
    async with memory_floor() as floor:
        answer = await floor.client.get("/v1/machine-events")
        assert (answer.status_code, answer.json()["code"]) == (503, "no-database")


@pytest.mark.parametrize("path", ["/v1/scans", "/v1/epcis/capture", "/v1/epcis/events", "/v1/orders/WO"])
@pytest.mark.parametrize("packed", [False, True])
async def test_ten_megabytes_and_what_unpacks_to_them_stay_out_of_the_memory(path: str, packed: bool) -> None:
    body = b" " * 10_000_000
    sent = gzip.compress(body) if packed else body
    headers = {"Content-Encoding": "gzip"} if packed else {}
    method = "PUT" if "orders" in path else "POST"
    async with memory_floor() as floor:
        tracemalloc.start()
        try:
            answer = await floor.client.request(method, path, content=sent, headers=headers)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert peak < 8_000_000


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)
)
"""9 ** 12 values, told by aliases."""


async def test_a_plant_file_of_aliases_upon_aliases_is_refused() -> None:
    async with memory_floor() as floor:
        answer = await floor.client.put("/v1/plant", content=BOMB.encode())
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    "body",
    [
        '{"event_time": "2026-11-23T06:00:00Z", "read_point_id": "OP10-IN", "unit_id": "箱-7"}'.encode("gbk"),
        b'{"event_time": "2026-11-23T06:00:00Z", "read_point_id": "OP10-IN", "unit_id": "a\x00b"}',
        b'{"event_time": "2026-11-23T06:00:00Z", "read_point_id": "OP10-IN", "unit_id": "a\\u0000b"}',
        b'{"event_time": "2026-11-23T06:00:00Z", "read_point_id": "OP10-IN", "unit_id": "\\ud83d"}',
        b'{"event_time": "2026-11-23T06:00:00Z", "read_point_id": "OP10-IN", "unit_id": "\xed\xa0\xbd"}',
    ],
    ids=["GBK", "NUL", "escaped NUL", "half a pair", "half a pair in UTF-8"],
)
@pytest.mark.parametrize("path", ["/v1/scans", "/v1/machine-events", "/v1/transforms", "/v1/epcis/events"])
async def test_what_is_no_text_is_refused_with_its_bytes_kept(path: str, body: bytes) -> None:
    async with memory_floor() as floor:
        answer = await floor.post(body, path=path)
        [reject] = await floor.values("floor.rejects")
    assert (answer.status_code, answer.json()["results"][0]["reason"]) == (422, "malformed")
    assert base64.b64decode(reject["value"]) == body
