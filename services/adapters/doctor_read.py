"""What `floorstream doctor` reads: the database's own view of sources, refusals and notifications, the log's ends, and
what metrics say. Everything is bounded: the last two hours, one answer each."""

from collections.abc import Mapping

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from services.adapters.statements import statements
from services.core.signs import Refusals, Source, Untold, Waiting
from services.topology import SCANS, VISITS

ANSWER_S = 3.0


async def clock_off_s(conn: asyncpg.Connection, now_s: float) -> float:
    """How far a clock that says `now_s` (Unix time) is before the database's."""
    return now_s - float(await conn.fetchval(_sql("now")))


async def sources(conn: asyncpg.Connection, generation: int) -> list[Source]:
    """Who sent in the last two hours."""
    return [Source(*row.values()) for row in await conn.fetch(_sql("sources"), generation)]


async def partitions(conn: asyncpg.Connection, generation: int) -> dict[int, int]:
    """Records of the last hour by partition of floor.scans."""
    rows = await conn.fetch(_sql("partitions"), generation, SCANS.name)
    return {row["partition"]: row["records"] for row in rows}


async def refusals(conn: asyncpg.Connection, generation: int) -> list[Refusals]:
    """Refused in the last ten minutes, by reason and source."""
    return [Refusals(*row.values()) for row in await conn.fetch(_sql("refusals"), generation)]


async def waiting(conn: asyncpg.Connection, generation: int) -> list[Waiting]:
    """Notifications that were not sent yet, by channel."""
    rows = await conn.fetch(_sql("waiting"), generation)
    return [Waiting(row["channel"], row["n"], row["oldest_s"], row["reason"] or "") for row in rows]


async def told(conn: asyncpg.Connection, generation: int) -> dict[str, int]:
    """How far subscribers to visits are: the sum of their positions, by name."""
    return {row["subscriber"]: int(row["position"]) for row in await conn.fetch(_sql("told"), generation)}


async def untold(conn: asyncpg.Connection, generation: int) -> list[Untold]:
    """What subscribers to visits have not taken of what is stored."""
    rows = await conn.fetch(_sql("untold"), generation, VISITS.name)
    return [Untold(row["subscriber"], int(row["records"]), row["oldest_s"]) for row in rows]


async def log_ends(brokers: str) -> dict[int, int]:
    """End of each partition of floor.scans, as the broker says: the embedded one may leave out its last batch."""
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False, request_timeout_ms=5_000)
    try:
        await consumer.start()
        found = consumer.partitions_for_topic(SCANS.name) or set()
        ends = await consumer.end_offsets([TopicPartition(SCANS.name, partition) for partition in found])
    finally:
        await consumer.stop()
    return {place.partition: end for place, end in ends.items()}


async def gauges(client: httpx.AsyncClient, address: str) -> Mapping[str, float] | None:
    """Every metric without labels of a stage; None where it does not answer."""
    try:
        answer = await client.get(address, timeout=ANSWER_S)
        answer.raise_for_status()
    except httpx.HTTPError:
        return None
    families = text_string_to_metric_families(answer.text)
    return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}


def _sql(name: str) -> str:
    return statements("doctor")[name]
