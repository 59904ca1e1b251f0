"""What the fault tests do to topics and groups behind track's back, and what they read there."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from services import topology
from services.adapters.changelog import _EPOCH, _MARK, MARK_KEY, _Reading
from services.topology import EPOCH_KEY
from tests.faults.scans import PARTITIONS, Floor, consuming, producing
from tests.parts import none_of, until


@asynccontextmanager
async def administering(broker: str) -> AsyncIterator[Any]:
    """A started admin client."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def empty(broker: str, topic: str) -> None:
    """Delete a topic and make it again."""
    async with administering(broker) as admin:
        await admin.delete_topics([topic])
        await until(lambda: none_of(admin, {topic}), f"{topic} is deleted")
        await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])


async def delete_head(broker: str, topic: str, before: dict[int, int]) -> None:
    """What retention does: all records below these offsets go. Not on the embedded broker."""
    async with administering(broker) as admin:
        await admin.delete_records({TopicPartition(topic, p): RecordsToDelete(o) for p, o in before.items()})


async def committed(broker: str) -> dict[int, int]:
    """Partition → the offset up to which track's group has committed, 0 where it has not."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, group_id=topology.TRACK_GROUP, enable_auto_commit=False)
    await consumer.start()
    try:
        return {p: await consumer.committed(TopicPartition(topology.SCANS.name, p)) or 0 for p in range(PARTITIONS)}
    finally:
        await consumer.stop()


async def all_committed(floor: Floor) -> bool:
    """Has the group committed all that was sent?"""
    return await committed(floor.broker) == {p: offset + 1 for p, offset in floor.last.items()}


async def changelog(broker: str) -> list[Any]:
    """All records of track's state topic."""
    found: list[Any] = []
    async with consuming(broker, topology.UNITS_CHANGELOG, PARTITIONS) as consumer:
        while batches := (await consumer.getmany(timeout_ms=500)).values():
            found += [record for records in batches for record in records]
    return found


async def state_marks(broker: str) -> dict[int, int]:
    """Partition → the source offset its state includes."""
    marks = {}
    for record in await changelog(broker):
        if record.key == MARK_KEY:
            marks[record.partition] = _MARK.unpack_from(record.value, _EPOCH.size)[0]
    return marks


async def recoverable(broker: str) -> dict[int, int]:
    """Partition → the source offset up to which its next owner will find the state."""
    readings = {partition: _Reading({}) for partition in range(PARTITIONS)}
    for record in await changelog(broker):
        readings[record.partition].take(record)
    return {partition: -1 if read.offset is None else read.offset for partition, read in readings.items()}


async def append_mark(broker: str, partition: int, offset: int, follows: int) -> None:
    """A state batch as the present owner of the partition would write it."""
    epochs = [r.offset for r in await changelog(broker) if r.partition == partition and r.key == EPOCH_KEY]
    async with producing(broker) as producer:
        value = _EPOCH.pack(epochs[-1]) + _MARK.pack(offset, follows)
        await producer.send_and_wait(topology.UNITS_CHANGELOG, value, key=MARK_KEY, partition=partition)


async def claim(broker: str, partition: int) -> int:
    """An epoch record, as somebody writes it who believes the partition is its own; its offset."""
    async with producing(broker) as producer:
        ack = await producer.send_and_wait(topology.UNITS_CHANGELOG, _EPOCH.pack(0), key=EPOCH_KEY, partition=partition)
        return int(ack.offset)


async def write_late(broker: str, partition: int) -> bytes:
    """A former owner writes nonsense over the newest unit of a partition; its key in the changelog."""
    written = [r for r in await changelog(broker) if r.partition == partition and r.key[:1] == b"u"]
    async with producing(broker) as producer:
        value = _EPOCH.pack(-1) + b"late"
        await producer.send_and_wait(topology.UNITS_CHANGELOG, value, key=written[-1].key, partition=partition)
    return bytes(written[-1].key)


async def append(broker: str, topic: str, partition: int, values: Iterable[bytes]) -> int:
    """Records as a stranger would write them; the offset of the last."""
    async with producing(broker) as producer:
        for value in values:
            offset: int = (await producer.send_and_wait(topic, value, key=b"u", partition=partition)).offset
    return offset
