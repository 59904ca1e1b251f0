"""The broker's side of a rebuild: is anybody at work there, what has it that no row tells, and topics made empty."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import DescribeGroupsRequest_v2
from aiokafka.protocol.api import Request

from services.adapters.topics import create_topics, wanted_topics
from services.core.generations import Place
from services.settings import KafkaSettings
from services.topology import AGGREGATE_GROUP, ALERT_GROUP, NOTIFY_GROUP, SENT, STORE_GROUP, TRACK_GROUP, partitions

GROUPS = (TRACK_GROUP, AGGREGATE_GROUP, ALERT_GROUP, STORE_GROUP, NOTIFY_GROUP)
NOBODY = {"", "Empty", "Dead"}
"""States of a group without members."""
GONE_S = 60.0
POLL_S = 0.1


class _Described(Request[DescribeGroupsRequest_v2]):  # type: ignore[misc]
    """What a group's coordinator knows of it, in the newest version of the question whose answer the client can read:
    it takes the answer to a v3 for one of v2."""

    API_KEY = DescribeGroupsRequest_v2.API_KEY

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, version: type[DescribeGroupsRequest_v2]) -> Any:
        """The question."""
        return version([self._group])


async def at_work(kafka: KafkaSettings) -> list[str]:
    """The groups that have members now: stages that were not stopped."""
    async with _administering(kafka) as admin:
        answers = [
            await admin._send_request(_Described(group), await admin.find_coordinator(group)) for group in GROUPS
        ]
    described = [group for answer in answers for group in answer.groups]
    return sorted(group_id for _, group_id, state, *_ in described if state not in NOBODY)


async def lengths(kafka: KafkaSettings) -> dict[Place, tuple[int, int]]:
    """First offset and end of each partition of what was sent (SENT); those of a missing topic are absent.

    The broker is asked for its latest offset, which the embedded broker answers wrongly: it is for a look before the
    topics are made empty, and a rebuild by hand is not for that broker, which forgets by itself.
    """
    there = await _existing(kafka)
    places = [
        TopicPartition(topic.name, partition)
        for topic in SENT
        if topic.name in there
        for partition in range(partitions(topic, kafka.scan_partitions, kafka.operation_partitions))
    ]
    if not places:
        return {}
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.brokers, enable_auto_commit=False)
    try:
        await consumer.start()
        first, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    finally:
        await consumer.stop()
    return {(place.topic, place.partition): (first[place], ends[place]) for place in places}


def unstored(there: Mapping[Place, tuple[int, int]], stored: Mapping[Place, int]) -> int:
    """How many records of a log lie behind what the store has read of it."""
    return sum(max(0, end - max(first, stored.get(place, 0))) for place, (first, end) in there.items())


async def make_empty(kafka: KafkaSettings) -> None:
    """Every topic of the road deleted, where it exists, and made again. Raises KafkaError, TimeoutError, TopicsError.

    With the topics go what the groups have committed of them and track's state.
    """
    there = await _existing(kafka)
    async with _administering(kafka) as admin:
        if there:
            await admin.delete_topics(sorted(there))
        async with asyncio.timeout(GONE_S):
            left = there
            while left:
                await asyncio.sleep(POLL_S)
                left = there & set(await admin.list_topics())
    await create_topics(kafka)


async def _existing(kafka: KafkaSettings) -> set[str]:
    async with _administering(kafka) as admin:
        return {topic.name for topic in wanted_topics(kafka)} & set(await admin.list_topics())


@asynccontextmanager
async def _administering(kafka: KafkaSettings) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers, client_id="floorstream-rebuild")
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
