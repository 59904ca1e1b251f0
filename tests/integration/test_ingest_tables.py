"""What ingest asks the database: claims of plant-model versions and the machine events that were stored."""

from collections.abc import AsyncIterator

import pytest

from services.adapters.ingest_tables import IngestTables
from services.adapters.plant_master import PlantRecord
from services.adapters.plant_publish import TablesAway
from services.adapters.timescale_pool import open_pool
from tests.fake_log import FakeLog
from tests.ingest_floor import PLANT, memory_floor
from tests.parts import ask, until

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
async def tables(database: str) -> AsyncIterator[IngestTables]:
    pool = await open_pool(database, application="test")
    yield IngestTables(pool)
    await pool.close()


def record(version: int, author: str = "mes") -> PlantRecord:
    return PlantRecord(version, 1_795_413_600_000_001, author, {"site": {"id": "上海"}, "operations": [{"id": "A"}]})


async def test_a_version_is_claimed_once(tables: IngestTables) -> None:
    assert await tables.claim(record(1, "first"))
    assert not await tables.claim(record(1, "second"))
    assert await tables.claim(record(2))
    assert await tables.after(0) == [record(1, "first"), record(2)]
    assert await tables.after(1) == [record(2)]


async def test_a_version_claimed_elsewhere_is_a_conflict_and_is_completed(tables: IngestTables) -> None:
    """Its claimer died before it wrote the log: whoever comes next writes it, and has to start from it."""
    log = FakeLog()
    async with memory_floor(log, table=tables) as floor:
        plant = (await floor.client.get("/v1/plant")).json()["model"]
        await tables.claim(PlantRecord(2, 1, "died", {**plant, "site": {**plant["site"], "id": "SH2"}}))
        changed = PLANT.replace("OP20-IN", "GATE").encode()
        answer = await floor.client.put("/v1/plant", content=changed)
        assert answer.status_code == 409, answer.text
        assert answer.json()["current"] == 2
        assert (await floor.client.get("/v1/plant")).json()["created_by"] == "died"
        assert (await floor.client.put("/v1/plant", content=changed)).json() == {"version": 3, "changed": True}


async def test_a_log_that_begins_anew_gets_the_versions_the_database_has(tables: IngestTables) -> None:
    async with memory_floor(table=tables):
        pass
    async with memory_floor(table=tables, plant=None) as floor:

        async def in_force() -> bool:
            return (await floor.client.get("/readyz")).status_code == 200

        await until(in_force, "version 1 is in force")
        assert [one.key for one in await floor.records("floor.master")] == [b"plant/1"]


async def test_stored_machine_events_are_read_newest_first(tables: IngestTables, database: str) -> None:
    insert = (
        'INSERT INTO machine_events (event_time, work_unit_id, recorded, partition, "offset", generation, source, '
        "state, counter, value) SELECT to_timestamp(1795413600 + n), 'M' || n % 2, now(), 0, n, 1, 'plc', 'idle', "
        "'{\"good\": 5}', '' FROM generate_series(0, 5) n"
    )
    await ask(database, insert)
    async with memory_floor(machines=tables) as floor:
        query = {"work_unit_id": "M0", "since": "2026-11-23T06:00:01Z", "until": "2026-11-23T06:00:05Z", "limit": "1"}
        [row] = (await floor.client.get("/v1/machine-events", params=query)).json()["machine_events"]
        assert (row["event_time"], row["work_unit_id"]) == ("2026-11-23T06:00:04.000000Z", "M0")
        assert (row["state"], row["counter"], row["source"]) == ("idle", {"good": 5}, "plc")
        wrong = await floor.client.get("/v1/machine-events", params={"since": "yesterday"})
        assert wrong.status_code == 422


async def test_a_database_that_is_away_is_said() -> None:
    pool = await open_pool(NOWHERE, application="test")
    tables = IngestTables(pool)
    try:
        with pytest.raises(TablesAway):
            await tables.after(0)
        async with memory_floor(machines=tables) as floor:
            answer = await floor.client.get("/v1/machine-events")
            assert (answer.status_code, answer.json()["code"]) == (503, "no-database")
    finally:
        await pool.close()
