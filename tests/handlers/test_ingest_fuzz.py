"""Bodies of any kind: never an internal error, every item has its verdict, and every verdict its record."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.b2mml_documents import material, operations, request, segment
from tests.fake_log import FakeLog
from tests.ingest_floor import Floor, event, memory_floor

Runner = tuple[asyncio.Runner, Floor, FakeLog]
PATHS = ["/v1/scans", "/v1/transforms", "/v1/machine-events"]

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12))
KEYS = st.text(max_size=8)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=10
)
FIELDS = st.sampled_from(
    ["event_id", "event_time", "unit_id", "action", "quantity", "parents", "children", "state", "counter", "sent_time",
     "work_unit_id", "operation_id", "voids", "parent_ids", "device_time"]
)  # fmt: skip
TRANSFORM = {"event_id": "t", "event_time": "2026-11-23T06:00:00Z", "operation_id": "OP10",
             "parents": [{"unit_id": "A", "quantity": 1}], "children": [{"unit_id": "B", "quantity": 1}]}  # fmt: skip
MACHINE = {"work_unit_id": "M", "event_time": "2026-11-23T06:00:00Z", "state": "idle"}
ITEMS = st.builds(
    lambda base, changes: {**base, **changes},
    st.sampled_from([event(), TRANSFORM, MACHINE]),
    st.dictionaries(FIELDS, JSON, max_size=3),
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    JSON.map(lambda value: json.dumps(value).encode()),
    ITEMS.map(lambda item: json.dumps(item).encode()),
    st.lists(ITEMS, max_size=5).map(
        lambda items: json.dumps(items, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ),
    st.lists(ITEMS, max_size=5).map(lambda items: b"\n".join(json.dumps(item).encode() for item in items)),
)


@pytest.fixture
def running() -> Iterator[Runner]:
    log = FakeLog()
    with asyncio.Runner() as runner:
        on = memory_floor(log)
        floor = runner.run(on.__aenter__())
        yield runner, floor, log
        runner.run(on.__aexit__(None, None, None))


@pytest.mark.row(23)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    BODIES, st.sampled_from(PATHS), st.sampled_from(["application/json", "application/x-ndjson"]), st.integers(0, 60)
)
def test_any_body_has_an_answer(running: Runner, body: bytes, path: str, kind: str, cut: int) -> None:
    runner, floor, log = running
    body = body[: len(body) - cut] if cut < 20 else body
    before = len(log.sent)
    answer = runner.run(floor.post(body, path=path, headers={"Content-Type": kind}))
    assert answer.status_code in (202, 400, 422)
    new = Counter(record.topic for record in log.sent[before:])
    if answer.status_code == 400:
        assert not new
        return
    said = answer.json()
    assert len(said["results"]) == said["accepted"] + said["rejected"]
    assert new["floor.rejects"] == said["rejected"]
    assert (said["accepted"] > 0) == (answer.status_code == 202) == (new["floor.scans"] + new["floor.machines"] > 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BODIES, st.sampled_from(["/v1/plant", "/v1/orders/WO"]))
def test_any_master_data_has_an_answer(running: Runner, body: bytes, path: str) -> None:
    runner, floor, _ = running
    answer = runner.run(floor.client.put(path, content=body))
    assert answer.status_code in (200, 201, 409, 422)


SCHEDULE = operations(request("WO-1", segment(material("P", "1", unit="PCE")), "<Priority>5</Priority>"))
PIECES = st.sampled_from(
    [b"<", b">", b"&", b"&#0;", b"&#xD800;", b"]]>", b"<![CDATA[", b"\x00", b"\xff\xfe", b"\xc4\xe3", b"<ID/>",
     b"<!DOCTYPE a []>", b"<?xml version='1.0' encoding='gbk'?>", b"\xed\xa0\x80"]
)  # fmt: skip
XML = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda at, length, piece: SCHEDULE[:at] + piece + SCHEDULE[at + length :],
        st.integers(0, len(SCHEDULE)), st.integers(0, 40), PIECES | st.binary(max_size=8),
    ),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(XML)
def test_any_schedule_has_an_answer(running: Runner, body: bytes) -> None:
    runner, floor, _ = running
    answer = runner.run(floor.client.post("/v1/b2mml", content=body))
    assert answer.status_code in (200, 400, 422)
    assert answer.json()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BODIES, st.sampled_from(["application/json", "application/x-ndjson"]))
def test_any_orders_have_an_answer(running: Runner, body: bytes, kind: str) -> None:
    runner, floor, _ = running
    answer = runner.run(floor.client.post("/v1/orders", content=body, headers={"Content-Type": kind}))
    assert answer.status_code in (200, 400, 422)
    if answer.status_code != 400:
        said = answer.json()
        assert len(said["results"]) == said["accepted"] + said["rejected"]


HEADERS = st.sampled_from(
    ["x-source", "accept-language", "origin", "host", "content-length", "if-match", "authorization", "content-type",
     "content-encoding"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(HEADERS, st.binary(max_size=20)))
def test_any_header_has_an_answer(running: Runner, headers: dict[str, bytes]) -> None:
    runner, floor, _ = running
    answer = runner.run(floor.post(event(), headers=headers))
    assert answer.status_code in (202, 400, 403, 413, 415, 422)
