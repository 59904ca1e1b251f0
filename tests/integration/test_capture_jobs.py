"""EPCIS capture jobs outlive the process that took them, and no trouble of the database makes a capture fail."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg

from services.adapters.capture_jobs import CaptureJobs
from services.adapters.migrate import migrate
from services.adapters.timescale_pool import open_pool
from tests.handlers.test_ingest_captures import pages
from tests.handlers.test_ingest_epcis import PLANT, PROCEED, capture, document, event
from tests.ingest_floor import Floor, memory_floor
from tests.parts import ask, until


@contextlib.asynccontextmanager
async def floor_with(dsn: str) -> AsyncIterator[Floor]:
    """An ingest of its own on this database."""
    pool: asyncpg.Pool = await open_pool(dsn, application="test")
    try:
        async with memory_floor(plant=PLANT, captures=CaptureJobs(pool)) as floor:
            yield floor
    finally:
        pool.terminate()


async def test_jobs_are_found_after_a_restart_with_their_errors_in_either_language(database: str) -> None:
    unknown = event(readPoint={"id": "urn:epc:id:sgln:4012345.99999.0"})
    async with floor_with(database) as floor:
        sent = [await capture(floor, document(event()))]
        floor.clock.us += 1
        sent.insert(0, await capture(floor, document(event(), unknown), PROCEED))
    async with floor_with(database) as floor:
        for job in sent:
            again = await floor.client.get(job.headers["location"])
            assert again.json() == {key: value for key, value in job.json().items() if key != "results"}
        chinese = await floor.client.get(sent[0].headers["location"], headers={"Accept-Language": "zh"})
        assert not chinese.json()["errors"][0]["detail"].isascii()
        floor.clock.us += 2
        sent.insert(0, await capture(floor, document(event())))
        assert await pages(floor, "/v1/epcis/capture?perPage=2") == [
            [job.json()["captureID"] for job in sent[:2]], [job.json()["captureID"] for job in sent[2:]],
        ]  # fmt: skip


async def test_a_capture_does_not_wait_for_a_database_and_is_stored_when_it_is_there(empty_database: str) -> None:
    """A database without the table stands for one that is away: it gets its table later."""
    async with floor_with(empty_database) as floor:
        answer = await capture(floor, document(event()))
        assert answer.status_code == 202
        assert (await floor.client.get(answer.headers["location"])).status_code == 200
        assert (await floor.client.get("/v1/epcis/capture")).status_code == 503
        assert (await floor.client.get("/v1/epcis/capture/unknown")).json()["code"] == "no-database"
        await migrate(empty_database)

        async def stored() -> bool:
            return len(await ask(empty_database, "SELECT capture_id FROM epcis_captures")) == 1

        await until(stored, "the job is stored", 60)
        assert await pages(floor, "/v1/epcis/capture") == [[answer.json()["captureID"]]]


async def test_old_jobs_are_forgotten(database: str) -> None:
    insert = (
        "INSERT INTO epcis_captures SELECT 'old' || n, now() - make_interval(days => n), now(), 's', 'rollback', "
        "1, 0, 0, '[]' FROM generate_series(28, 33) n"
    )
    await ask(database, insert)
    pool = await open_pool(database, application="test")
    jobs = CaptureJobs(pool)
    running = asyncio.create_task(jobs.run())
    try:

        async def forgotten() -> bool:
            return len(await jobs.page(None, None, 10)) == 2

        await until(forgotten, "jobs older than 30 days are gone", 60)
        assert [job.capture_id for job in await jobs.page(None, None, 10)] == ["old28", "old29"]
    finally:
        running.cancel()
        pool.terminate()
