"""`verify` against a real database: equal as the stream and the store leave it, and every damage is named."""

import argparse
import asyncio
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.plant import load_plant
from services.adapters.kafka_holes import records_in
from services.adapters.raw_fold import raw_origin
from services.adapters.sink_wire import scan_row
from services.adapters.timescale_read import RawRecord, headers_of
from services.adapters.timescale_write import COLUMNS
from services.cli import parser
from services.commands.verify import run, verify
from services.core.differences import MOST_NAMED
from services.core.errors import NotYet
from services.track.handler import origin
from tests import product
from tests.faults.scans import PLANT, Floor, events
from tests.parts import SCAN_PARTITIONS, ask, until
from tests.reference.case import MINUTE, ZERO
from tests.reference.generate import Scenario, beyond_bounds
from tests.stored_floor import REJECTS, SCANS, Record, StoredFloor

LATER = str(ZERO + 600 * MINUTE).encode()
"""When generated scans came in: after every event. Else every clock would be ahead, and nothing accepted."""
TABLES = ("raw_scans", "visits", "units", "rejects", "sink_positions", "plant_models")
FIRST_CLOSED = (
    "(SELECT unit_id, visit_seq FROM visits WHERE departed IS NOT NULL AND NOT deleted ORDER BY 1, 2 LIMIT 1)"
)
FIRST_UNIT = "(SELECT min(unit_id) FROM units WHERE NOT deleted)"
FIRST_REJECT = "(SELECT partition, \"offset\" FROM rejects WHERE reason = 'malformed' ORDER BY 1, 2 LIMIT 1)"
DUPLICATE = (
    '(SELECT max("offset") FROM raw_scans AS t WHERE partition = 2 AND EXISTS (SELECT FROM raw_scans AS s'
    ' WHERE s.value = t.value AND s.partition = 2 AND NOT s.forwarded AND s."offset" < t."offset"))'
)
SINK = "UPDATE sink_positions SET"
FIRST_DAMAGED = {
    "a dwell": (f"UPDATE visits SET dwell_us = 5 WHERE (unit_id, visit_seq) = {FIRST_CLOSED}",
                r"visits '\S+' visit \d+: dwell is 5 µs, by the log \d+ µs"),
    "an instant": (f"UPDATE visits SET arrived = '2026-01-01Z' WHERE (unit_id, visit_seq) = {FIRST_CLOSED}",
                   r"visits '\S+' visit \d+: arrived is 2026-01-01T00:00:00.000000Z, by the log 2026-11-\S+Z"),
    "a phase": (f"UPDATE visits SET phase = 'odd' WHERE (unit_id, visit_seq) = {FIRST_CLOSED}",
                r"visits '\S+' visit \d+: phase is 'odd', by the log '\w+'"),
    "a quantity": (f"UPDATE visits SET quantity = 0.0000001 WHERE (unit_id, visit_seq) = {FIRST_CLOSED}",
                   r"visits '\S+' visit \d+: quantity is 0.0000001, by the log \d"),
    "a visit gone": (f"DELETE FROM visits WHERE (unit_id, visit_seq) = {FIRST_CLOSED}", r"visits .* is missing"),
    "a visit hidden": (f"UPDATE visits SET deleted = true WHERE (unit_id, visit_seq) = {FIRST_CLOSED}",
                       r"visits .* is missing"),
    "a visit too many": ("UPDATE visits SET visit_seq = 99, deleted = false WHERE deleted",
                         r"visits '\S+' visit 99: is stored, but by the log there is no such visit"),
    "a status": (f"UPDATE units SET status = 'scrapped' WHERE unit_id = {FIRST_UNIT}",
                 r"units '\S+': status is 'scrapped', by the log '\w+'"),
    "a revision": (f"UPDATE units SET revision = 0 WHERE unit_id = {FIRST_UNIT}",
                   r"units '\S+': revision is 0, by the log \d+"),
    "a unit gone": (f"DELETE FROM units WHERE unit_id = {FIRST_UNIT}", r"units '\S+': is missing"),
    "a unit of nowhere": (f"INSERT INTO units SELECT 'X', generation, 1, 99, status, '', '', 0, 0, 1, NULL, 1, false"
                          f" FROM units WHERE unit_id = {FIRST_UNIT}",
                          r"units 'X': is of partition 99, of which nothing has been stored"),
    "a reject gone": (f'DELETE FROM rejects WHERE (partition, "offset") = {FIRST_REJECT}',
                      r"rejects \d:\d+: is missing, malformed"),
    "a reason": (f'UPDATE rejects SET reason = \'too_late\' WHERE (partition, "offset") = {FIRST_REJECT}',
                 r"rejects \d:\d+: is stored as too_late, by the log it is malformed"),
    "a reject too many": (f'INSERT INTO rejects SELECT partition, 0, recorded, generation, reason, detail, source,'
                          f' unit_id, event_id, key, value, origin'
                          f' FROM rejects WHERE (partition, "offset") = {FIRST_REJECT}',
                          r"rejects \d:0: is stored as malformed, but by the log it was not refused"),
    "a repeat gone": (f"DELETE FROM raw_scans WHERE partition = 2 AND \"offset\" = {DUPLICATE}",
                      r"raw_scans 2:\d+: is missing, and no broker is named .*"),
    "a record twice": ("INSERT INTO raw_scans SELECT partition, \"offset\", now(), generation, unit_id, event_id,"
                       " source, key, value, headers, marker, forwarded FROM raw_scans"
                       " WHERE partition = 1 AND \"offset\" = 9",
                       r"raw_scans 1:9: is stored more than once"),
    "a record forwarded": ("UPDATE raw_scans SET forwarded = true WHERE partition = 1 AND \"offset\" = 0",
                           r"raw_scans 1:0: is marked as forwarded, by the log the opposite is so"),
    "the position of scans": (f"{SINK} position = position + 7 WHERE topic = 'floor.scans' AND partition = 0",
                              r"sink_positions partition 0: floor.scans stands at \d+, but the last raw record .*"),
    "a position gone": ("DELETE FROM sink_positions WHERE topic = 'floor.scans' AND partition = 3",
                        r"sink_positions partition 3: has no row of floor.scans"),
}  # fmt: skip


def small_floor(seed: int = 1, units: int = 12) -> StoredFloor:
    """Events of every kind, some astray, some no events at all; tracked, not yet stored."""
    floor = StoredFloor({1: load_plant(PLANT)}, seed)
    floor.put_marker(1)
    floor.put_all(events(seed, units), misrouted=0.1)
    for partition in range(SCAN_PARTITIONS):
        floor.put(SCANS, partition, b"K", b"no event at all")
    floor.put(SCANS, 0, None, None)
    floor.track()
    return floor


async def stored(dsn: str) -> StoredFloor:
    """The small floor in the database, and a visit that has vanished since it was stored."""
    floor = small_floor()
    moves = {"OP10": "2026-11-23T06:00:00Z", "OP20": "2026-11-23T06:01:00Z"}
    for name, time in moves.items():
        arrive = {"event_id": name, "event_time": time, "unit_id": "V", "action": "arrive", "operation_id": name}
        floor.put_event(arrive)
    floor.track()
    await floor.store(dsn)
    void = {"event_id": "v", "event_time": moves["OP20"], "unit_id": "V", "action": "void", "voids": "OP20"}
    floor.put_event(void)
    floor.track()
    await floor.store(dsn)
    return floor


def command(dsn: str, *options: str) -> argparse.Namespace:
    return parser("verify").parse_args(["verify", "--database", dsn, "--wait", "0s", *options])


async def differences(dsn: str) -> list[str]:
    report = await verify(dsn, "", 0)
    return report.differences.named


async def test_what_the_stream_and_the_store_leave_is_equal(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    floor = await stored(database)
    code = await asyncio.to_thread(run, command(database))
    out = capsys.readouterr().out
    counted = (
        await ask(
            database,
            "SELECT (SELECT count(*) FROM raw_scans WHERE NOT marker) AS events,"
            " (SELECT count(*) FROM visits WHERE NOT deleted) AS visits,"
            " (SELECT count(*) FROM units WHERE NOT deleted) AS units, (SELECT count(*) FROM rejects) AS refused,"
            " (SELECT count(*) FROM raw_scans WHERE forwarded) AS forwarded,"
            " (SELECT count(*) FROM visits WHERE deleted) AS vanished",
        )
    )[0]
    assert (code, min(counted) > 0) == (0, True), out
    assert "{events} events, {visits} visits, {units} units, {refused} refused".format(**counted) in out
    assert f"partition 3: up to offset {len(floor.logs[SCANS, 3]) - 1}\n" in out


@pytest.mark.parametrize(("damage", "said"), FIRST_DAMAGED.values(), ids=list(FIRST_DAMAGED))
async def test_a_damage_is_named(damage: str, said: str, database: str) -> None:
    await stored(database)
    await ask(database, damage)
    found = await differences(database)
    assert [line for line in found if not re.fullmatch(said, line)] == []
    assert len(found) == 1


async def test_a_mark_ahead_of_the_raw_records_is_named(database: str) -> None:
    await stored(database)
    await ask(database, f"{SINK} mark = mark + 3 WHERE topic = 'floor.visits' AND partition = 1")
    assert any("the mark is" in line for line in await differences(database))


async def test_a_mark_set_back_leaves_rows_ahead_of_it(database: str) -> None:
    await stored(database)
    await ask(database, f"{SINK} mark = 2 WHERE topic = 'floor.visits' AND partition = 1")
    assert any("by the log there is no such visit" in line for line in await differences(database))


async def test_a_raw_record_that_changes_a_unit_is_missed_in_its_rows(database: str) -> None:
    await stored(database)
    await ask(
        database,
        "UPDATE raw_scans SET value = convert_to(replace(convert_from(value, 'UTF8'), 'OP10', 'OP50'), 'UTF8')"
        " WHERE NOT marker AND convert_from(value, 'UTF8') LIKE '%OP10%'",
    )
    report = await verify(database, "", 0)
    lines = list(report.differences.lines())
    assert len(lines) == MOST_NAMED + 1
    assert lines[-1] == f"… and {report.differences.count - MOST_NAMED} more"


async def test_the_exit_code_of_a_difference_is_1(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    await stored(database)
    await ask(database, f"DELETE FROM units WHERE unit_id = {FIRST_UNIT}")
    assert await asyncio.to_thread(run, command(database)) == 1
    assert "NOT EQUAL: 1 differences" in capsys.readouterr().out


async def test_records_after_the_mark_are_not_judged(database: str) -> None:
    floor = small_floor()
    floor.put_event({"event_id": "later", "unit_id": "U-later"}, 0)
    await floor.store(database)
    report = await verify(database, "", 0)
    assert report.differences.named == []
    assert [behind for _, _, behind in report.partitions] == [1, 0, 0, 0]


async def test_refusals_may_come_later_than_the_mark(database: str) -> None:
    floor = small_floor()
    await floor.store(database, without=frozenset({REJECTS}))
    waiting = asyncio.create_task(verify(database, "", 60))
    await until(lambda: reads(database), "verify looks for the refusals that are missing")
    await floor.store(database)
    assert (await waiting).differences.named == []


async def reads(dsn: str) -> bool:
    query = "SELECT FROM pg_stat_activity WHERE application_name = 'floorstream verify' AND query LIKE '%unnest%'"
    return len(await ask(dsn, query)) > 0


async def test_a_plant_model_that_is_not_stored_is_waited_for(database: str) -> None:
    await stored(database)
    await ask(database, "DELETE FROM plant_models")
    with pytest.raises(NotYet, match="plant model version 1"):
        await verify(database, "", 0)


async def test_an_empty_database_is_not_called_equal(database: str) -> None:
    assert await asyncio.to_thread(run, command(database)) == 1


async def test_a_database_without_tables_says_migrate(empty_database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asyncio.to_thread(run, command(empty_database)) == 1
    assert "floorstream migrate" in capsys.readouterr().err


def test_without_a_database_it_is_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOORSTREAM_KAFKA", "127.0.0.1:1")
    assert run(parser("verify").parse_args(["verify"])) == 2


@settings(max_examples=8, database=None, suppress_health_check=list(HealthCheck))
@given(scenario=beyond_bounds())
async def test_any_log_is_equal(scenario: Scenario, database: str) -> None:
    for table in TABLES:
        await ask(database, f"DELETE FROM {table}")
    models = product.plant_models(scenario.models)
    floor = StoredFloor({version: dict(model.document) for version, model in models.items()}, len(scenario.log))
    for record in scenario.log:
        if "model" in record:
            floor.put_marker(record["model"])
        else:
            floor.put_event(record, recorded=LATER)
    floor.track()
    await floor.store(database)
    assert await differences(database) == []


HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["source", "recorded", "first", "other"]),
        st.sampled_from(
            [b"mes", b"", b"\xff", b"a\x00b", b"1795400000000000", b"0", b"-1", b"2:17", b"2:", b"x:y", b"2"]
        ),
    ),
    max_size=4,
)


@given(HEADERS)
def test_a_stored_record_came_from_where_the_stream_saw_it_come_from(headers: list[tuple[str, bytes]]) -> None:
    record = Record(SCANS, 0, 0, b"U", b"{}", headers)
    row = dict(zip(COLUMNS["raw_scans"], scan_row(record, 1), strict=True))
    stored = RawRecord(0, 0, row["recorded"], row["source"], b"U", b"{}", headers_of(row["headers"]), False, False)
    seen, read = origin(record), raw_origin(stored)
    assert (read.source, read.recorded, read.first) == (seen.source, seen.recorded, seen.first)


async def test_the_log_tells_a_lost_record_from_none(fresh_broker: str) -> None:
    floor = Floor(fresh_broker)
    await floor.publish_plant()
    await floor.produce(1, 4)
    assert await records_in(fresh_broker, 0, [(0, 1), (3, 3)]) == [0, 1, 3]
