"""A broker and a database made ready for the stages: schema, topics, what was stored before, a plant model in force."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg

from services.adapters.clock import SystemClock
from services.adapters.kafka_producer import KafkaOutbox
from services.adapters.metrics import Metrics
from services.adapters.migrate import MigrationError, migrate
from services.adapters.plant_master import follow
from services.adapters.plant_publish import PlantPublisher
from services.adapters.rebuild import Life, OtherPartitions, fill_log
from services.adapters.timescale_pool import connect
from services.adapters.timescale_read import current_generation
from services.adapters.topics import TopicsError, create_topics
from services.embedded.errors import EmbeddedError
from services.ports import BrokerAway, TooManyPending
from services.settings import KafkaSettings

PLANT_SECONDS = 30.0
AUTHOR = "floorstream up"


async def prepare(
    kafka: KafkaSettings, dsn: str, plant: dict[str, Any], *, replace: bool, forgets: bool, say: Callable[[str], None]
) -> tuple[int, Life]:
    """Migrate, make topics, publish the plant; the version in force, and the life of the log. Raises EmbeddedError.

    `replace`: publish also where another plant model is there already, as its next version. `forgets`: the broker has
    nothing of earlier runs, so what the database has is written into it again.
    """
    try:
        await migrate(dsn)
        await create_topics(kafka)
        life = await fill_log(kafka, dsn, lambda done, of: _tell(say, done, of)) if forgets else await _going_on(dsn)
        async with asyncio.timeout(PLANT_SECONDS):
            return await publish_plant(kafka, plant, replace=replace), life
    except (MigrationError, TopicsError, OtherPartitions, asyncpg.PostgresError) as error:
        raise EmbeddedError(str(error)) from error
    except (BrokerAway, TooManyPending, TimeoutError, OSError) as error:
        raise EmbeddedError(f"broker and database were not made ready ({error or 'no answer'}); start again") from error


async def _going_on(dsn: str) -> Life:
    """The life of a log that was kept."""
    conn = await connect(dsn, application="floorstream up")
    try:
        return Life(await current_generation(conn))
    finally:
        await conn.close()


def _tell(say: Callable[[str], None], done: int, of: int) -> None:
    say(f"    read back from the database 从数据库读回: {done:,} / {of:,}")


async def publish_plant(kafka: KafkaSettings, plant: dict[str, Any], *, replace: bool) -> int:
    """Bring the plant model into force unless there is one; the version in force."""
    metrics = Metrics()
    master, outbox = follow(kafka.brokers), KafkaOutbox(kafka, metrics)
    # No table: nobody else publishes before the stages run.
    publisher = PlantPublisher(master, outbox, kafka.scan_partitions, None, SystemClock(), metrics)
    await outbox.start()
    following = [asyncio.create_task(master.run()), asyncio.create_task(publisher.run())]
    try:
        await master.wait_for(lambda: master.complete)
        if master.newest and not replace:
            return master.newest
        version, _ = await publisher.publish(plant, AUTHOR, None)
        return version
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        await outbox.stop()
