"""Topics of absolute values stay short: what was superseded goes, although the topic is written to all the time."""

from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services import topology
from services.embedded.apache_kafka import ApacheKafka
from tests.integration.test_apache_kafka import new_topic, require_programs
from tests.parts import until

pytestmark = pytest.mark.slow

KEYS, WRITTEN = 20, 4_000
SECOND = {"min.compaction.lag.ms": "1000", "segment.ms": "1000"}
"""What is minutes in the product."""


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """One node."""
    require_programs()
    cluster = ApacheKafka()
    cluster.start(tmp_path_factory.mktemp("kafka"))
    yield cluster
    cluster.stop()


async def records(address: str, topic: str) -> int:
    """How many a new reader has to read."""
    where = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False) as consumer:
        consumer.assign([where])
        await consumer.seek_to_beginning(where)
        end, count = (await consumer.end_offsets([where]))[where], 0
        while await consumer.position(where) < end:
            for found in (await consumer.getmany(timeout_ms=500)).values():
                count += len(found)
    return count


async def test_who_starts_reads_little_of_a_topic_that_is_written_to_all_the_time(kafka: ApacheKafka) -> None:
    config = {name.replace(".", "_"): value for name, value in (topology.ABSOLUTE | SECOND).items()}
    topic = await new_topic(kafka.address, **config)
    async with AIOKafkaProducer(bootstrap_servers=kafka.address) as producer:

        async def write(count: int) -> None:
            for number in range(count):
                await producer.send(topic, b"value", key=b"%d" % (number % KEYS), partition=0)
            await producer.flush()

        await write(WRITTEN)

        async def is_short() -> bool:
            await write(1)
            return await records(kafka.address, topic) < WRITTEN // 10

        await until(is_short, "the log was compacted", 120)
