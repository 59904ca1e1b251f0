"""A group that was dealt nothing, because its leader did not know the topic yet, hears of it and reads it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from services.adapters.faust_app import frame_topic, make_app, run_app
from services.settings import KafkaSettings
from tests.faults.cluster import only_apache
from tests.faults.topics import administering
from tests.parts import until

TOPIC = "late"


@pytest.fixture
async def read(broker_choice: str, fresh_broker: str, tmp_path: Path) -> AsyncIterator[list[bytes]]:
    """The values that an app reads of a topic that is not there yet."""
    only_apache(broker_choice)  # the embedded one makes a topic because somebody asks for it
    app = make_app(KafkaSettings(fresh_broker, False, 1, 1, 1, 6), "late-topic", str(tmp_path), "")
    values: list[bytes] = []

    async def reading(frames: Any) -> None:
        async for frame in frames:
            values.extend(record.value for record in frame.records)

    app.agent(frame_topic(app, TOPIC))(reading)
    stop = asyncio.Event()
    running = asyncio.create_task(run_app(app, stop))
    yield values
    stop.set()
    await running


@pytest.mark.slow
async def test_a_topic_that_was_not_known_when_the_group_was_dealt_is_read(
    fresh_broker: str, read: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    async def dealt_nothing() -> bool:
        return f"No partition metadata for topic {TOPIC}" in caplog.text

    async def has_read() -> bool:
        return read == [b"scan"]

    await until(dealt_nothing, "the group was dealt nothing")
    async with administering(fresh_broker) as admin:
        await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    async with AIOKafkaProducer(bootstrap_servers=fresh_broker) as producer:
        await producer.send_and_wait(TOPIC, b"scan")
    await until(has_read, "the record is read")
