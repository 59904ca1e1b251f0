"""`rejects list` and `rejects replay` on a real database and broker: what can be mended is sent, and nothing else."""

import asyncio
import json
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.plant import load_plant
from services.adapters.refused import http_reject
from services.cli import parser
from services.commands.rejects import since_us
from services.core.errors import BadScan, Reason
from services.core.identity import partition_of
from services.core.instant import parse_instant
from tests.parts import SCAN_PARTITIONS, ask, until
from tests.stored_floor import REJECTS, SCANS, T0_MS, StoredFloor

PLANT = """
tracking: {{max_clock_ahead: {ahead}, history_events: 1}}
site: {{id: S}}
sources: {{mes: {{{mes}}}}}
areas:
  - id: A
    work_centers:
      - id: L
        operations: [{{id: OP10}}]
        read_points: [{{id: {read_point}, operation: OP10, action: arrive}}]
"""
BEFORE = load_plant(PLANT.format(ahead="5m", mes="time_format: rfc3339", read_point="R1"))
AFTER = load_plant(PLANT.format(ahead="2h", mes="time_zone: Asia/Shanghai", read_point="R9"))
T0 = "2026-11-23T02:13:20Z"
LOCAL = "2026-11-23T10:13:20"
AHEAD = "2026-11-23T03:13:20Z"
HTTP_RECORDED = T0_MS * 1000 + 10_000_000
HTTP_ITEM = b'{"event_time": "2026-11-23T02:13:20Z", "unit_id": "H1", "read_point_id": "R9"}'
HTTP_SPLIT = json.dumps({
    "event_id": "split", "event_time": T0, "operation_id": "OP10",
    "parents": [{"unit_id": "P1", "quantity": "2"}], "children": [{"unit_id": "C1", "quantity": "2"}],
}).encode()  # fmt: skip

MENDED = {
    "unknown_read_point": {"event_id": "a", "event_time": T0, "unit_id": "U1", "read_point_id": "R9"},
    "malformed": {"event_id": "b", "event_time": LOCAL, "unit_id": "U2", "operation_id": "OP10", "action": "arrive"},
    "clock_ahead": {"event_id": "c", "event_time": AHEAD, "unit_id": "U3", "operation_id": "OP10", "action": "arrive"},
}
LATER = {"event_id": "d1", "event_time": "2026-11-23T02:10:00Z", "unit_id": "U4", "operation_id": "OP10"}
NEVER_MENDED: list[dict[str, Any]] = [
    {**LATER, "action": "arrive"},
    {**LATER, "action": "depart"},
    {**LATER, "action": "depart", "event_id": "d2", "event_time": "2026-11-23T02:12:00Z"},
    {**LATER, "action": "depart", "event_id": "d3", "event_time": "2026-11-23T02:09:00Z"},
    {"event_id": "f", "event_time": T0, "unit_id": "U5", "operation_id": "OP99", "action": "arrive"},
]


async def refused_floor(dsn: str) -> StoredFloor:
    """A database with refused events of every kind that a replay treats differently, and the mended plant model."""
    floor = StoredFloor({1: BEFORE, 2: AFTER})
    floor.put_marker(1)
    for event in (*MENDED.values(), *NEVER_MENDED):
        floor.put_event(event, source=b"mes")
    floor.put(SCANS, 0, b"K", b"no event at all")
    floor.track()
    for number, raw in enumerate((HTTP_ITEM, HTTP_SPLIT)):
        bad = BadScan(Reason.UNKNOWN_READ_POINT, "not there", "没有")
        value = http_reject(1, f"id{number}", bad, HTTP_RECORDED, "gate", None, None, raw)
        floor.put(REJECTS, 0, None, value)
    await floor.store(dsn)
    return floor


async def command(*arguments: str) -> int:
    parsed = parser("rejects").parse_args(["rejects", *arguments])
    return int(await asyncio.to_thread(parsed.func, parsed))


async def in_the_log(broker: str, count: int) -> dict[str, Any]:
    """The records of floor.scans by unit."""
    found: dict[str, Any] = {}
    async with AIOKafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(SCANS, p) for p in range(SCAN_PARTITIONS)])

        async def read() -> bool:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.update({record.key.decode(): record for record in records})
            return len(found) >= count

        await until(read, f"{count} records are in the log")
    return found


@pytest.fixture
def broker(fresh_broker: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("FLOORSTREAM_KAFKA", fresh_broker)
    return fresh_broker


async def test_what_is_mended_is_sent_as_it_was(database: str, broker: str, capsys: pytest.CaptureFixture[str]) -> None:
    floor = await refused_floor(database)
    assert await command("replay", "--database", database) == 0
    records = await in_the_log(broker, len(MENDED) + 3)
    assert set(records) == {"U1", "U2", "U3", "H1", "P1", "C1"}
    for event in MENDED.values():
        record = records[event["unit_id"]]
        raw = next(r for r in floor.logs[SCANS, record.partition] if r.value == record.value)
        assert record.partition == partition_of(event["unit_id"], SCAN_PARTITIONS)
        assert dict(record.headers) == {"source": b"mes", "recorded": str(raw.timestamp * 1000).encode()}
    out = capsys.readouterr().out
    assert "sent 5: clock_ahead 1, malformed 1, unknown_read_point 3" in out
    for reason in ("too_late 1", "conflicting_duplicate 1", "unknown_operation 1", "malformed 1"):
        name, count = reason.split()
        assert f"not sent {count}: {name}," in out


async def test_an_event_of_http_passes_the_front_doors_rules_again(database: str, broker: str) -> None:
    await refused_floor(database)
    assert await command("replay", "--database", database) == 0
    record = (await in_the_log(broker, len(MENDED) + 3))["H1"]
    assert dict(record.headers) == {"source": b"gate", "recorded": str(HTTP_RECORDED).encode()}
    assert len(json.loads(record.value)["event_id"]) == 32


async def test_what_is_sent_again_is_accepted_once(database: str, broker: str) -> None:
    floor = await refused_floor(database)
    for _ in range(2):
        assert await command("replay", "--database", database, "--reason", "unknown_read_point") == 0
    records = await in_the_log(broker, 4)
    assert set(records) == {"U1", "H1", "P1", "C1"}
    floor.put_marker(2)
    for record in [*records.values()] * 2:
        floor.put(SCANS, record.partition, record.key, record.value, record.headers)
    floor.track()
    await floor.store(database)
    rows = await ask(database, "SELECT unit_id, revision FROM units WHERE NOT deleted ORDER BY 1")
    assert {(row["unit_id"], row["revision"]) for row in rows} >= {("U1", 1), ("H1", 1), ("C1", 1), ("P1", 1)}


async def test_a_dry_run_sends_nothing(database: str, broker: str, capsys: pytest.CaptureFixture[str]) -> None:
    await refused_floor(database)
    assert await command("replay", "--database", database, "--dry-run") == 0
    assert "would send 5" in capsys.readouterr().out
    assert await command("replay", "--database", database, "--reason", "clock_ahead") == 0
    assert set(await in_the_log(broker, 1)) == {"U3"}


async def test_only_what_was_recorded_since_is_sent(database: str, broker: str) -> None:
    await refused_floor(database)
    assert await command("replay", "--database", database, "--since", "2026-11-23T02:13:30Z") == 0
    assert "U1" not in await in_the_log(broker, 3)


async def test_the_list_says_why_and_how_many(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    await refused_floor(database)
    assert await command("list", "--database", database, "--reason", "unknown_operation") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "mes unknown_operation unit U5 event f: operation 'OP99' is not in plant model version 1" in lines[0]
    assert lines[1] == "unknown_operation 1"


async def test_the_list_is_as_long_as_asked(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    await refused_floor(database)
    assert await command("list", "--database", database, "--limit", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "unknown_read_point 3" in lines[2]


async def test_without_a_broker_a_replay_is_usage(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOORSTREAM_KAFKA", raising=False)
    assert await command("replay", "--database", database) == 2


async def test_a_broker_that_is_not_there_is_said(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLOORSTREAM_KAFKA", "127.0.0.1:9")
    assert await command("replay", "--database", database) == 1
    assert "127.0.0.1:9" in capsys.readouterr().err


async def test_an_empty_database_says_migrate(empty_database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await command("list", "--database", empty_database) == 1
    assert "floorstream migrate" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "us"), [("2026-11-23T06:00:00Z", parse_instant("2026-11-23T06:00:00Z"))])
def test_since_is_an_instant(text: str, us: int) -> None:
    assert since_us(text) == us


def test_since_is_so_long_ago() -> None:
    assert 3_590_000_000 < since_us("1s") - since_us("1h") < 3_610_000_000


@pytest.mark.parametrize("words", [["list", "--limit", "0"], ["list", "--reason", "bored"], ["replay", "--since", "x"]])
def test_wrong_words_are_usage(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser("rejects").parse_args(["rejects", *words])
    assert ended.value.code == 2
