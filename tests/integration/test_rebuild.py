"""The log filled again from the database: the same scans bring the same rows, in the next generation."""

import json
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.plant import load_plant
from services import topology
from services.adapters.alert_log import AlertReading
from services.adapters.plant_master import order_key
from services.adapters.rebuild import Life, OtherPartitions, fill_log
from services.commands.verify import verify
from services.core.identity import partition_of
from services.settings import KafkaSettings
from tests.faults.scans import PLANT, events
from tests.parts import OPERATION_PARTITIONS, SCAN_PARTITIONS, ask, make_topics, orders_of
from tests.stored_floor import SCANS, Record, StoredFloor

MACHINES = topology.MACHINES.name
DOCUMENTS = {1: load_plant(PLANT)}
ROWS = {
    "visits": "SELECT unit_id, visit_seq, operation_id, arrived, departed, outcome, flags, repeats, dwell_us, quantity"
    " FROM visits WHERE NOT deleted AND generation = (SELECT generation FROM current_generation)",
    "units": "SELECT unit_id, status, visits, strays, quantity, events FROM units"
    " WHERE NOT deleted AND generation = (SELECT generation FROM current_generation)",
    "rejects": "SELECT reason, value, recorded, source FROM rejects"
    " WHERE generation = (SELECT generation FROM current_generation)",
}


SENT = "SELECT DISTINCT unit_id, event_id FROM raw_scans WHERE generation = $1 ORDER BY 1, 2"


def kafka(broker: str, partitions: int = SCAN_PARTITIONS) -> KafkaSettings:
    """The broker of the test."""
    return KafkaSettings(broker, True, 1, partitions, OPERATION_PARTITIONS, 6)


def first_life(misrouted: float = 0.1) -> StoredFloor:
    """A floor with scans of every kind, a share of them in the partition of others."""
    floor = StoredFloor(DOCUMENTS, seed=5)
    floor.put_marker(1)
    floor.put_all((e for e in events(5, 60) if "unit_id" in e), misrouted)
    for partition in range(SCAN_PARTITIONS):
        floor.put(SCANS, partition, b"x", b"{not json")
        floor.put(SCANS, partition, topology.MARKER_KEY, b'{"barrier": "b"}', [(topology.MARKER_HEADER, b"1")])
    floor.track()
    return floor


async def filled(broker: str, dsn: str) -> Life:
    """The next life in a broker that knows nothing."""
    await make_topics(broker)
    return await fill_log(kafka(broker), dsn, lambda done, of: None)


async def log_of(broker: str, topic: str, ends: dict[int, int]) -> list[Any]:
    """All records of a topic, partition by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest", fetch_max_wait_ms=50)
    await consumer.start()
    try:
        found: list[Any] = []
        for partition, end in sorted(ends.items()):
            where = TopicPartition(topic, partition)
            consumer.assign([where])
            consumer.seek(where, 0)
            at = 0
            while at < end:
                for record in (await consumer.getmany(timeout_ms=1000)).get(where, []):
                    found.append(record)
                    at = record.offset + 1
        return found
    finally:
        await consumer.stop()


async def next_life(broker: str, life: Life, upto: float = 1.0) -> StoredFloor:
    """A floor whose logs are what was filled (one marker for the machines), or the first part of it."""
    floor = StoredFloor(DOCUMENTS, seed=life.generation, generation=life.generation)
    for topic, ends in ((SCANS, life.ends), (MACHINES, dict.fromkeys(range(SCAN_PARTITIONS), 1))):
        for record in await log_of(broker, topic, ends):
            if record.offset < ends[record.partition] * upto:
                log = floor.logs.setdefault((topic, record.partition), [])
                log.append(Record(topic, record.partition, record.offset, record.key, record.value, record.headers))
    return floor


async def rows_of(dsn: str) -> dict[str, list[tuple[object, ...]]]:
    """What readers see."""
    return {name: sorted(map(tuple, await ask(dsn, query)), key=repr) for name, query in ROWS.items()}


async def test_an_empty_database_is_a_first_life(fresh_broker: str, database: str) -> None:
    assert await fill_log(kafka(fresh_broker), database, lambda done, of: None) == Life(1)


async def test_the_next_life_has_the_same_rows_and_is_verified(fresh_broker: str, database: str) -> None:
    await first_life().store(database)
    before = await rows_of(database)
    life = await filled(fresh_broker, database)
    floor = await next_life(fresh_broker, life)
    floor.track()
    await floor.store(database)
    assert life.generation == 2
    assert await rows_of(database) == before
    report = await verify(database, "", 0)
    assert (report.generation, list(report.differences.lines())) == (2, [])


async def test_a_scan_that_was_sent_on_in_vain_is_sent_on_again(fresh_broker: str, database: str) -> None:
    await first_life(misrouted=0.5).store(database)
    sent = await ask(database, SENT, 1)
    gone = await ask(database, "DELETE FROM raw_scans WHERE headers::text LIKE '%first%' RETURNING 1")
    floor = await next_life(fresh_broker, await filled(fresh_broker, database))
    await floor.store(database)
    assert (len(gone) > 0, await ask(database, SENT, 2)) == (True, sent)


async def test_a_scan_that_was_sent_on_is_written_once(fresh_broker: str, database: str) -> None:
    await first_life(misrouted=0.5).store(database)
    here = await ask(database, "SELECT count(*) FROM raw_scans WHERE NOT forwarded AND event_id IS NOT NULL")
    floor = await next_life(fresh_broker, await filled(fresh_broker, database))
    written = [record for log in floor.logs.values() for record in log if b"event_id" in (record.value or b"")]
    assert len(written) == here[0][0]


async def test_a_life_that_ended_half_stored_takes_nothing_with_it(fresh_broker: str, database: str) -> None:
    await first_life().store(database)
    before = await rows_of(database)
    cut_short = await next_life(fresh_broker, await filled(fresh_broker, database), upto=0.5)
    cut_short.track()
    await cut_short.store(database)
    life = await filled(fresh_broker, database)
    floor = await next_life(fresh_broker, life)
    floor.track()
    await floor.store(database)
    assert life.generation == 3
    assert await rows_of(database) == before


async def test_what_came_in_a_later_life_is_in_the_one_after(fresh_broker: str, database: str) -> None:
    await first_life().store(database)
    floor = await next_life(fresh_broker, await filled(fresh_broker, database))
    floor.put_event({"event_id": "late", "unit_id": "LATE", "operation_id": "OP10", "action": "arrive",
                     "event_time": "2026-11-20T08:00:00Z"})  # fmt: skip
    floor.track()
    await floor.store(database)
    before = await rows_of(database)
    floor = await next_life(fresh_broker, await filled(fresh_broker, database))
    floor.track()
    await floor.store(database)
    assert await rows_of(database) == before
    assert [row for row in before["units"] if row[0] == "LATE"]


async def test_lives_before_the_last_whole_one_are_forgotten(fresh_broker: str, database: str) -> None:
    await first_life().store(database)
    for _ in range(2):
        floor = await next_life(fresh_broker, await filled(fresh_broker, database))
        floor.track()
        await floor.store(database)
    kept = await ask(database, "SELECT DISTINCT generation FROM raw_scans ORDER BY 1")
    assert [row[0] for row in kept] == [2, 3]


async def test_what_was_ordered_holds_in_the_next_life(fresh_broker: str, database: str) -> None:
    floor = first_life()
    orders = [{"order_id": "WH/1", "revision": revision, "quantity": f"{revision}.50"} for revision in (1, 3, 2)]
    for order in orders:
        floor.put(topology.MASTER.name, 0, order_key("WH/1"), json.dumps(order).encode())
    await floor.store(database)
    await filled(fresh_broker, database)
    assert await orders_of(fresh_broker) == {"WH/1": orders[1]}


async def test_another_number_of_partitions_is_refused(fresh_broker: str, database: str) -> None:
    await first_life().store(database)
    with pytest.raises(OtherPartitions, match=f"FLOORSTREAM_PARTITIONS={SCAN_PARTITIONS}"):
        await fill_log(kafka(fresh_broker, 2), database, lambda done, of: None)


async def test_who_was_told_of_an_alert_is_not_told_again(fresh_broker: str, database: str) -> None:
    await first_life().store(database)
    await ask(
        database,
        "INSERT INTO notifications (generation, alert_id, recipient, version, incident, kind, channel, member,"
        " language, mentions, priority, at, content, state) VALUES (1, 'a', 'r', 7, 1, 'firing', 'c', 'm', 'en', '{}',"
        " 1, now(), '{}', 'sent')",
    )
    await filled(fresh_broker, database)
    assert [row[0] for row in await ask(database, "SELECT generation FROM notifications")] == [2]


async def test_an_incident_goes_on_under_its_number(fresh_broker: str, database: str) -> None:
    await first_life().store(database)
    await ask(
        database,
        "INSERT INTO alerts (alert_id, epoch, incident, version, change, state, notify, rule_id, measure, subject_kind,"
        " subject_id, priority, limit_value, value, at, raised, model) VALUES ('wip_limit|A', 9, 4, 17, 'raised',"
        " 'active_unacknowledged', true, 'wip_limit', 'wip_above', 'operation', 'A', 'high', 10, 12, now(), now(), 1)",
    )
    await filled(fresh_broker, database)
    partition = partition_of("A", OPERATION_PARTITIONS)
    records = await log_of(fresh_broker, topology.ALERTS.name, {partition: 2})
    reading = AlertReading()
    for record in records:
        reading.take(record)
    rule, alarm = reading.alarms["wip_limit|A"]
    assert (rule.subject_id, alarm.incident, alarm.version, alarm.active) == ("A", 4, 17, True)


async def test_machine_events_come_again_with_the_plant_models_between_them(fresh_broker: str, database: str) -> None:
    floor = first_life()
    value = b'{"work_unit_id": "M1", "event_time": "2026-11-20T08:00:00Z", "state": "running"}'
    floor.put(MACHINES, 1, b"M1", value, [("source", b"plc"), ("recorded", b"1795400000000000")])
    await floor.store(database)
    await filled(fresh_broker, database)
    records = await log_of(fresh_broker, MACHINES, {1: 2})
    assert sorted((record.key, record.value) for record in records)[-1] == (b"M1", value)
    assert [record.key for record in records].count(topology.MARKER_KEY) == 1
