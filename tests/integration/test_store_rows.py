"""What records of any content become in the database, and how readers get them back: no broker needed."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services import topology
from services.adapters import sink_wire
from services.adapters import timescale_read as read
from services.adapters.sink_wire import LONGEST_INSTANT_US, reject_row, scan_row
from services.adapters.sink_wire_state import machine_row, master_row, sample_row
from services.adapters.sink_wire_visits import visits_record
from services.adapters.timescale_pool import connect, open_pool
from services.adapters.timescale_retry import until_done
from services.adapters.timescale_write import Advance, Fenced, Flush, SinkWriter, make_staging
from services.commands.export import TABLES, export
from services.core.errors import BrokenGuarantee
from services.core.stored import TableRow
from services.store.lanes import first_positions
from tests.contract.test_excel_file import cells
from tests.parts import ask
from tests.show_floor import document
from tests.store_messages import T0, change, encoded, mark, scan, visit

PARTITION = (topology.SCANS.name, 0)


@dataclass
class Record:
    """A record as the Kafka client gives it."""

    value: bytes | None
    key: bytes | None = None
    offset: int = 0
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)
    timestamp: int = T0 // 1000
    partition: int = 0
    topic: str = "floor.scans"


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await open_pool(database, application="test", setup=make_staging)
    yield pool
    await pool.close()


@pytest.fixture
async def conn(database: str) -> AsyncIterator[asyncpg.Connection]:
    conn = await connect(database, application="test")
    yield conn
    await conn.close()


async def write(pool: asyncpg.Pool, **rows: list[Any]) -> None:
    writer = SinkWriter(pool, 1)
    claims = await writer.claim([PARTITION])
    await writer.write(Flush(rows=rows, advances=[Advance(*PARTITION, claims[PARTITION].epoch, 1)]))


async def raw(conn: asyncpg.Connection) -> list[read.RawRecord]:
    async with read.snapshot(conn):
        return [record async for record in read.raw_records(conn, 1, 0, 1 << 60)]


WILD: list[Record] = [
    Record(scan("U\x00", "e\x00")),
    Record(b"\xff\xfe not json", b"\xff"),
    Record(None, None),
    Record(b"[" * 100_000, b"deep"),
    Record(b'{"unit_id": 7}', b"typed"),
    Record(b'{"unit_id": "\\ud800"}', b"surrogate"),
    Record(scan("x" * 300, "long"), b"y" * 300),
    Record(b'{"model": 3}', topology.MARKER_KEY, headers=[("marker", b"1")]),
    Record(scan("U", "f"), b"U", headers=[("first", b"2:17"), ("recorded", b"1795500000000000"), ("source", b"\xff")]),
    Record(scan("U", "h"), b"U", headers=[("x", b"\x00"), ("x", b"\xff"), ("x", None), ("x", "文".encode())]),
    Record(scan("U", "t"), b"U", headers=[("recorded", b"9" * 19)]),
    Record(scan("U", "t2"), b"U", headers=[("recorded", b"soon")], timestamp=-1),
]


@pytest.mark.row(23)
async def test_records_of_any_content_come_back_as_they_came(pool: asyncpg.Pool, conn: asyncpg.Connection) -> None:
    for offset, record in enumerate(WILD):
        record.offset = offset
    await write(pool, raw_scans=[scan_row(record, 1) for record in WILD])
    came_back = await raw(conn)
    assert [(r.key, r.value, r.headers) for r in came_back] == [(r.key, r.value, r.headers) for r in WILD]
    assert [r.offset for r in came_back if r.marker] == [7]


@pytest.mark.row(23)
@pytest.mark.red("NUL kept out of the database")
async def test_red_where_nul_reaches_the_database(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_wire, "_id", lambda text: text)
    with pytest.raises(asyncpg.CharacterNotInRepertoireError):
        await write(pool, raw_scans=[scan_row(WILD[0], 1)])


@pytest.mark.parametrize(
    ("record", "recorded"),
    [
        (Record(b"", timestamp=5), 5_000),
        (Record(b"", timestamp=-1), 0),
        (Record(b"", headers=[("recorded", b"7")]), 7),
        (Record(b"", headers=[("recorded", b"-7")], timestamp=5), 5_000),
        (Record(b"", headers=[("recorded", b"9" * 19)]), LONGEST_INSTANT_US),
        (Record(b"", headers=[("recorded", b"9" * 20)], timestamp=5), 5_000),
    ],
)
async def test_the_recorded_instant_is_one_every_reader_can_hold(record: Record, recorded: int) -> None:
    assert scan_row(record, 1)[2] == recorded


async def test_the_unit_is_read_from_the_value_else_from_the_key() -> None:
    assert scan_row(Record(scan("U", "e"), b"K"), 1)[4:6] == ("U", "e")
    assert scan_row(Record(b"no json", b"K"), 1)[4:6] == ("K", None)
    assert scan_row(Record(b"no json", b"\xff"), 1)[4:6] == (None, None)


async def test_a_forwarded_record_is_flagged_and_left_out(pool: asyncpg.Pool, conn: asyncpg.Connection) -> None:
    rows = [scan_row(Record(scan("U", f"e{n}"), b"U", n), 1) for n in range(3)]
    await write(pool, raw_scans=rows)
    writer = SinkWriter(pool, 1)
    epoch = (await writer.claim([PARTITION]))[PARTITION].epoch
    await writer.write(Flush(forwarded=[(0, 1), (0, 99)], advances=[Advance(*PARTITION, epoch, 3)]))
    assert [record.offset for record in await raw(conn)] == [0, 2]


async def test_scans_of_which_some_are_stored_already(pool: asyncpg.Pool, conn: asyncpg.Connection) -> None:
    rows = [scan_row(Record(scan("U", f"e{n}"), b"U", n), 1) for n in range(5)]
    said = visits_record(Record(encoded(change("U", 1, 9, [visit(1)]))), 1)
    await write(pool, raw_scans=rows[:3])
    await write(pool, raw_scans=rows[2:], units=[said.unit])  # type: ignore[union-attr]
    await write(pool, raw_scans=rows)
    assert [record.offset for record in await raw(conn)] == [0, 1, 2, 3, 4]
    assert await read.unit(conn, 1, "U") is not None


def by_table(*rows: TableRow | None) -> dict[str, list[Any]]:
    """Rows as a flush has them."""
    found: dict[str, list[Any]] = {}
    for said in rows:
        assert said is not None
        found.setdefault(said[0], []).append(said[1])
    return found


async def test_the_other_topics_become_rows(pool: asyncpg.Pool, conn: asyncpg.Connection) -> None:
    state = {
        "operation_id": "A", "as_of_us": T0 + 1_500_000, "wip": 3, "queued": 1, "running": 1, "finished": 1, "held": 0,
        "quantity": "3", "value": "37.50", "arrivals": 9, "departures": 6, "completed": 1, "scrapped": 0, "rework": 2,
        "windows": {"8h": {"dwell_us": {"p50": 1.4, "p85": 2, "p95": None}}},
    }  # fmt: skip
    reject = {
        "generation": 1, "partition": 0, "offset": 4, "reason": "malformed", "detail": {"en": "a\x00b", "zh": "坏"},
        "recorded_us": T0, "source": "mes", "unit_id": "U\x00", "event_id": None, "origin": "kafka", "key": None,
        "value": base64.b64encode(b"\x00raw").decode(),
    }  # fmt: skip
    plant = {"version": 2, "created_us": T0, "created_by": "me", "model": {"operations": [{"id": "甲"}]}}
    machine = {"work_unit_id": "M1", "event_time": "2026-11-23T06:00:00.5Z", "state": "Execute", "counter": {"good": 1}}
    long = {**machine, "work_unit_id": "M3", "event_id": "e" * 3_000}
    samples = [sample_row(Record(encoded({**state, "as_of_us": T0 + at}))) for at in (1_900_000, 1_500_000)]
    await write(
        pool,
        **by_table(*samples, master_row(Record(encoded(plant), b"plant/2"))),
        rejects=[reject_row(Record(encoded(reject)), 1)] * 2,
        machine_events=[
            machine_row(Record(encoded({**machine, "event_id": "m-1"})), 1),
            machine_row(Record(b"\x00", b"M2", 1), 1),
            machine_row(Record(encoded(long), None, 2), 1),
        ],
    )
    stored = await conn.fetch(
        "SELECT as_of, observed, wip, value::text, dwell_p50_us, dwell_p95_us FROM operations_now"
    )
    assert [tuple(row) for row in stored] == [(T0 + 1_000_000, T0 + 1_900_000, 3, "37.50", 1, None)]
    (refused,) = await read.rejects(conn, 1, "malformed")
    assert (refused["detail"], refused["unit_id"], refused["value"]) == ({"en": "ab", "zh": "坏"}, "U", b"\x00raw")
    assert await read.reject_counts(conn, 1) == {"malformed": 1}
    assert await read.newest_plant(conn) == (2, plant["model"])
    columns = "work_unit_id, event_time, state, event_id"
    machines = await conn.fetch(f"SELECT {columns} FROM machine_events ORDER BY work_unit_id")
    half_second = T0 - 24 * 3_600_000_000 + 500_000
    assert [tuple(row) for row in machines] == [
        ("M1", half_second, "Execute", "m-1"), ("M2", T0, None, None), ("M3", half_second, "Execute", None),
    ]  # fmt: skip


async def test_of_an_order_the_highest_revision_is_kept_and_of_that_the_first_record(
    pool: asyncpg.Pool, conn: asyncpg.Connection
) -> None:
    def order(offset: int, revision: int, quantity: str) -> TableRow | None:
        said = {"order_id": "订单/1", "revision": revision, "quantity": quantity, "sequence": 1.50}
        return master_row(Record(encoded(said), "order/订单/1".encode(), offset))

    await write(pool, **by_table(order(3, 2, "second"), order(4, 2, "lost"), order(1, 1, "first")))
    await write(pool, **by_table(order(5, 2, "lost later"), order(1, 1, "read again")))
    (stored,) = await conn.fetch("SELECT order_id, revision, document FROM orders")
    assert (stored["order_id"], stored["revision"]) == ("订单/1", 2)
    assert json.loads(stored["document"])["quantity"] == "second"
    await write(pool, **by_table(order(6, 10**25, "newest"), order(5, 3, "third")))
    assert [row["quantity"] for row in await conn.fetch("SELECT document ->> 'quantity' AS quantity FROM orders")] == [
        "newest"
    ]


async def test_master_data_of_another_kind_is_passed_over_and_a_broken_order_is_not() -> None:
    assert master_row(Record(b"{}", topology.MARKER_KEY)) is None
    assert master_row(Record(None, b"order/O")) is None
    with pytest.raises(BrokenGuarantee, match=r"floor\.master/0 offset 7"):
        master_row(Record(b'{"order_id": "O"}', b"order/O", 7, topic=topology.MASTER.name))


async def test_the_plant_totals_of_a_second_are_its_newest(pool: asyncpg.Pool, conn: asyncpg.Connection) -> None:
    units = {"entered": 9, "completed": 4, "scrapped": 1, "in_process": 3, "in_transit": 1}
    for at, wip in ((1_900_000, 3), (1_500_000, 2)):
        totals = {"as_of_us": T0 + at, "units": units, "wip": wip, "coverage": {}, "newest_event_us": T0}
        await write(pool, **by_table(sample_row(Record(encoded(totals), topology.PLANT_KEY))))
    (stored,) = await conn.fetch("SELECT * FROM plant_samples")
    assert tuple(stored) == (T0 + 1_000_000, T0 + 1_900_000, 9, 4, 1, 3, 1, 3, T0)


@pytest.mark.row(26, 35)
async def test_a_lower_revision_changes_nothing(pool: asyncpg.Pool, conn: asyncpg.Connection) -> None:
    for accepted, text in ((5, "new"), (4, "old"), (5, "same")):
        said = visits_record(Record(encoded(change("U", accepted, 9, [visit(1, visit_id=text)]))), 1)
        await write(pool, units=[said.unit], visits=[row for _, row in said.visits])  # type: ignore[union-attr]
    (stored,) = await read.visits_of_unit(conn, 1, "U")
    assert (stored["visit_id"], stored["revision"]) == ("new", 5)


@pytest.mark.parametrize("message", [{"a": 1}, {"generation": 1, "partition": 0}, change("U", 1, 0, generation=2)])
async def test_what_is_no_message_of_ours_is_a_broken_guarantee(message: dict[str, Any]) -> None:
    with pytest.raises(BrokenGuarantee, match=r"floor\.visits/0 offset 3"):
        visits_record(Record(encoded(message), b"U", 3, topic="floor.visits"), 1)


async def test_an_earlier_life_of_the_log_is_passed_over() -> None:
    assert visits_record(Record(encoded(mark(5, generation=1)), topology.MARK_KEY), 2) is None
    assert visits_record(Record(encoded(change("U", 1, 0)), b"U"), 2) is None


@pytest.mark.row(35)
async def test_a_former_owner_writes_nothing(pool: asyncpg.Pool, conn: asyncpg.Connection) -> None:
    former, owner = SinkWriter(pool, 1), SinkWriter(pool, 1)
    epoch = (await former.claim([PARTITION]))[PARTITION].epoch
    await owner.claim([PARTITION])
    flush = Flush(rows={"raw_scans": [scan_row(Record(b"late"), 1)]}, advances=[Advance(*PARTITION, epoch, 1)])
    with pytest.raises(Fenced, match=r"floor\.scans/0"):
        await former.write(flush)
    assert await raw(conn) == []


@pytest.mark.row(19)
async def test_a_lock_held_by_another_is_waited_out(
    pool: asyncpg.Pool, database: str, conn: asyncpg.Connection
) -> None:
    writer = SinkWriter(pool, 1)
    epoch = (await writer.claim([PARTITION]))[PARTITION].epoch
    flush = Flush(rows={"raw_scans": [scan_row(Record(b"v"), 1)]}, advances=[Advance(*PARTITION, epoch, 1)])
    async with conn.transaction():
        await conn.execute("LOCK TABLE raw_scans")
        writing = asyncio.create_task(until_done(lambda: writer.write(flush), "writing"))
        waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while not await ask(database, waiting):
            assert not writing.done()
    await writing
    assert [record.value for record in await raw(conn)] == [b"v"]


async def test_a_wrong_value_is_not_tried_again(pool: asyncpg.Pool) -> None:
    with pytest.raises(asyncpg.NotNullViolationError):
        await until_done(lambda: write(pool, plant_models=[(1, None, "me", "{}")]), "writing")


def test_a_log_that_begins_after_the_stored_position_is_refused() -> None:
    with pytest.raises(BrokenGuarantee, match=r"floor\.visits/1 at offset 5.*floorstream rebuild"):
        first_positions({("floor.visits", 1): 5}, {("floor.visits", 1): 6})


def test_a_compacted_log_is_read_from_its_start() -> None:
    assert first_positions({("floor.master", 0): 0}, {("floor.master", 0): 6}) == {("floor.master", 0): 6}


async def test_export_writes_the_present_truth(pool: asyncpg.Pool, database: str, tmp_path: Path) -> None:
    closed = visit(
        10, operation_id="B", departed_us=T0 + 90_000_010, started_us=T0 + 10, outcome="completed", dwell_us=90_000_000,
        queue_us=0, process_us=1, wait_us=89_999_999, hold_us=0, flags=["rework", "implied_finish"], quantity="1.50",
        product_id='P,"1"', position=0,
    )  # fmt: skip
    said = [
        change("z", 3, 9, [closed, visit(2, held=True, phase="running")], quantity="2", strays=1),
        change("é", 1, 9, [], status="unseen", operation_id="", phase="", visits=0),
        change("Z", 1, 9, [], events=0),
    ]
    records = [visits_record(Record(encoded(message)), 1) for message in said]
    await write(
        pool,
        units=[r.unit for r in records],  # type: ignore[union-attr]
        visits=[row for r in records for _, row in r.visits],  # type: ignore[union-attr]
        plant_models=[(1, T0, "me", json.dumps(document({"A": {}, "B": {}, "0": {}})))],
    )
    await export(database, tmp_path / "out")
    files = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir()}
    assert files == {
        "visits.csv": (
            "unit_id,visit_seq,operation_id,arrived,started,finished,departed,outcome,flags,repeats,runs,"
            "dwell_s,queue_s,process_s,wait_s,hold_s,visit_id,work_unit_id,product_id,quantity,position,working_dwell_s\n"
            "z,2,A,2026-11-24T06:00:00.000002Z,,,,open,,0,0,,,,,,e2,,,1,,\n"
            "z,10,B,2026-11-24T06:00:00.000010Z,2026-11-24T06:00:00.000010Z,,2026-11-24T06:01:30.000010Z,completed,"
            "implied_finish|rework,0,0,90.000000,0.000000,0.000001,89.999999,0.000000,e10,,\"P,\"\"1\"\"\",1.5,0,90.000000\n"
        ),
        "operations.csv": (
            "operation_id,wip,queued,running,finished,held,arrivals,departures,completed,scrapped,rework,quantity\n"
            "0,0,0,0,0,0,0,0,0,0,0,0\nA,1,0,0,0,1,1,0,0,0,0,2\nB,0,0,0,0,0,1,1,1,0,1,0\n"
        ),
        "units.csv": (
            "unit_id,status,operation_id,phase,visits,strays,quantity,product_id\n"
            "z,in_process,A,queued,1,1,2,\né,unseen,,,0,0,1,\n"
        ),
    }  # fmt: skip


async def test_export_makes_a_workbook_of_the_same_rows(pool: asyncpg.Pool, database: str, tmp_path: Path) -> None:
    record = visits_record(Record(encoded(change("=cmd()", 1, 9, [visit(1), visit(2)]))), 1)
    await write(
        pool,
        units=[record.unit],  # type: ignore[union-attr]
        visits=[row for _, row in record.visits],  # type: ignore[union-attr]
        plant_models=[(1, T0, "me", json.dumps(document({"A": {}})))],
    )
    written = await export(database, tmp_path, excel=True)
    assert [path.name for path in written] == ["visits.csv", "operations.csv", "units.csv", "floorstream.xlsx"]
    book = written[-1]
    tables = {name: cells(book, number + 1) for number, name in enumerate(TABLES)}
    assert {name: len(rows) for name, rows in tables.items()} == {"visits": 3, "operations": 2, "units": 2}
    assert {row[0] for name in ("visits", "units") for row in tables[name][1:]} == {("inlineStr", "=cmd()")}
    words = [[text for _, text in row] for row in cells(book, len(TABLES) + 1)]
    assert ["units", "unit_id", "unit", "单元"] in words
