"""Makes the topics of topology.py, once: safe to repeat, and never to change what records already lie in.

The number of partitions decides where a unit is; another number is another system (rebuild into new topics).
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, NodeNotReadyError, TopicAlreadyExistsError, for_code

from services import topology
from services.settings import KafkaSettings

APPEAR_SECONDS = 30.0
HEARD_SECONDS = 5.0
"""So long another broker may not have heard of a topic yet that one has made, or one of itself that has just begun."""
POLL_SECONDS = 0.1
SAFE_REPLICATION = 3


class TopicsError(Exception):
    """The topics cannot be made, or cannot be used as they are; the message says why and what to do."""


@dataclass(frozen=True)
class WantedTopic:
    """A topic as it has to be."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


def wanted_topics(kafka: KafkaSettings) -> list[WantedTopic]:
    """Every topic of the road and the state of track, with this system's numbers of partitions."""
    scans, operations = kafka.scan_partitions, kafka.operation_partitions
    # Three copies promise nothing while one of them may acknowledge alone.
    synced = {"min.insync.replicas": "2"} if kafka.replication >= SAFE_REPLICATION else {}
    topics = [
        WantedTopic(topic.name, topology.partitions(topic, scans, operations), {**topic.config, **synced})
        for topic in topology.TOPICS
    ]
    return [*topics, WantedTopic(topology.UNITS_CHANGELOG, scans, {**topology.UNITS_CHANGELOG_CONFIG, **synced})]


async def create_topics(kafka: KafkaSettings) -> list[str]:
    """Make what is missing; the names made now. Raises TopicsError, also for a topic with other partitions."""
    wanted = wanted_topics(kafka)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers, client_id="floorstream-topics")
    try:
        await start_admin(admin)
        existing = await _partitions(admin, wanted)
        _require_same(wanted, existing)
        missing = [topic for topic in wanted if topic.name not in existing]
        made = await _create(admin, missing, kafka.replication) if missing else []
        await _appear(admin, wanted)
    except (KafkaError, OSError, TimeoutError) as error:
        raise TopicsError(f"the broker at {kafka.brokers} did not make the topics: {error or type(error)}") from error
    finally:
        await admin.close()
    return made


async def require_topics(kafka: KafkaSettings, names: Collection[str] = ()) -> None:
    """Raise TopicsError where a topic is missing or has other partitions; KafkaError where there is no broker.

    `names`: only these; none: all.
    """
    wanted = [topic for topic in wanted_topics(kafka) if not names or topic.name in names]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers, client_id="floorstream-topics")
    try:
        await start_admin(admin)
        missing = await _missing(admin, wanted)
        deadline = monotonic() + HEARD_SECONDS
        while missing and monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            missing = await _missing(admin, wanted)
    finally:
        await admin.close()
    if missing:
        raise TopicsError(f"topics are missing: {', '.join(missing)}. Make them with `floorstream topics create`")


async def start_admin(admin: Any) -> None:
    """Connect to a broker that names a node to ask: one that begins takes connections a little earlier.

    Raises KafkaError.
    """
    await admin.start()
    deadline = monotonic() + HEARD_SECONDS
    while True:
        try:
            await admin.list_topics()
        except NodeNotReadyError:
            if monotonic() > deadline:
                raise
            await asyncio.sleep(POLL_SECONDS)
        else:
            return


async def _missing(admin: Any, wanted: Collection[WantedTopic]) -> list[str]:
    """The names of those a broker does not know. Raises TopicsError for one with other partitions."""
    existing = await _partitions(admin, wanted)
    _require_same(wanted, existing)
    return [topic.name for topic in wanted if topic.name not in existing]


async def _partitions(admin: Any, wanted: Iterable[WantedTopic]) -> dict[str, int]:
    """How many partitions those have that exist, as one broker knows it.

    All there are is asked for: asking by name may make a topic, and a second question may go to another broker, which
    knows less.
    """
    names = {topic.name for topic in wanted}
    return {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics() if each["topic"] in names}


def _require_same(wanted: Iterable[WantedTopic], existing: Mapping[str, int]) -> None:
    other = [topic for topic in wanted if existing.get(topic.name, topic.partitions) != topic.partitions]
    if other:
        named = ", ".join(f"{topic.name} has {existing[topic.name]}, not {topic.partitions}" for topic in other)
        raise TopicsError(
            f"topics exist with another number of partitions: {named}. A unit's place follows from this number: set "
            "FLOORSTREAM_PARTITIONS / FLOORSTREAM_OPERATION_PARTITIONS to what is there, "
            "or rebuild into new topics"
        )


async def _create(admin: Any, missing: list[WantedTopic], replication: int) -> list[str]:
    """Ask for them; whatever another process has made meanwhile is as good."""
    answer = await admin.create_topics(
        [NewTopic(topic.name, topic.partitions, replication, topic_configs=dict(topic.config)) for topic in missing]
    )
    made = []
    for name, code, *message in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise TopicsError(
                f"topic {name} cannot be made: {error.__name__} {' '.join(filter(None, message))}".strip()
            )
        if not code:
            made.append(name)
    return made


async def _appear(admin: Any, wanted: list[WantedTopic]) -> None:
    """Wait until all can be seen with their partitions: a producer that is too early would make its own."""
    async with asyncio.timeout(APPEAR_SECONDS):
        existing = await _partitions(admin, wanted)
        while len(existing) < len(wanted):
            await asyncio.sleep(POLL_SECONDS)
            existing = await _partitions(admin, wanted)
    _require_same(wanted, existing)
