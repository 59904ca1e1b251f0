"""The Apache Kafka the slow tests run on: it starts from its jars, keeps its log, leaves nothing behind."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import aiokafka
import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import MessageSizeTooLargeError

from services.embedded.apache_kafka import ApacheKafka
from services.embedded.errors import EmbeddedError

EIGHT_MB = 8 * 1024 * 1024
LOG_APPEND_TIME = 1


def require_programs() -> None:
    for program, package in (("java", "openjdk-17-jre-headless"), ("mvn", "maven")):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian: {package}): no Apache Kafka")


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """One node, started from the main thread, which outlives every test."""
    require_programs()
    cluster = ApacheKafka()
    cluster.start(tmp_path_factory.mktemp("kafka"))
    yield cluster
    cluster.stop()


async def new_topic(address: str, *, replicas: int = 1, **config: str) -> str:
    """Create a topic of one partition; settings are given with underscores for dots."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        settings = {key.replace("_", "."): value for key, value in config.items()}
        await admin.create_topics([NewTopic(name, 1, replicas, topic_configs=settings)])
    finally:
        await admin.close()
    return name


async def produce(address: str, topic: str, *values: bytes, timestamp_ms: int | None = None) -> None:
    """Send values idempotently and wait until all in-sync replicas have them."""
    async with aiokafka.AIOKafkaProducer(
        bootstrap_servers=address, enable_idempotence=True, max_request_size=2 * EIGHT_MB
    ) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0, timestamp_ms=timestamp_ms)


async def consume(address: str, topic: str, count: int) -> list[aiokafka.ConsumerRecord]:
    """Read the first records of a topic."""
    async with aiokafka.AIOKafkaConsumer(
        topic, bootstrap_servers=address, auto_offset_reset="earliest", max_partition_fetch_bytes=2 * EIGHT_MB
    ) as consumer:
        return [await consumer.getone() for _ in range(count)]


@pytest.mark.slow
async def test_a_record_comes_back_as_it_was_sent(kafka: ApacheKafka) -> None:
    topic = await new_topic(kafka.address)
    await produce(kafka.address, topic, b"first", b"second")
    assert [record.value for record in await consume(kafka.address, topic, 2)] == [b"first", b"second"]


@pytest.mark.slow
async def test_log_append_time_is_the_brokers_and_not_the_producers(kafka: ApacheKafka) -> None:
    topic = await new_topic(kafka.address, message_timestamp_type="LogAppendTime")
    await produce(kafka.address, topic, b"late", timestamp_ms=1_000)
    (record,) = await consume(kafka.address, topic, 1)
    assert record.timestamp_type == LOG_APPEND_TIME
    assert record.timestamp > 1_000


@pytest.mark.slow
async def test_a_record_of_nearly_eight_megabytes_is_taken(kafka: ApacheKafka) -> None:
    topic = await new_topic(kafka.address, max_message_bytes=str(EIGHT_MB))
    frame = bytes(EIGHT_MB - 1024)
    await produce(kafka.address, topic, frame)
    (record,) = await consume(kafka.address, topic, 1)
    assert record.value == frame


@pytest.mark.slow
async def test_a_record_over_eight_megabytes_is_refused(kafka: ApacheKafka) -> None:
    topic = await new_topic(kafka.address, max_message_bytes=str(EIGHT_MB))
    with pytest.raises(MessageSizeTooLargeError):
        await produce(kafka.address, topic, bytes(EIGHT_MB + 1))


@pytest.mark.slow
async def test_a_group_goes_on_where_it_committed(kafka: ApacheKafka) -> None:
    topic = await new_topic(kafka.address)
    await produce(kafka.address, topic, b"read", b"unread")
    group = {"bootstrap_servers": kafka.address, "group_id": topic, "auto_offset_reset": "earliest"}
    async with aiokafka.AIOKafkaConsumer(topic, enable_auto_commit=False, **group) as consumer:
        record = await consumer.getone()
        await consumer.commit({aiokafka.TopicPartition(topic, 0): record.offset + 1})
    async with aiokafka.AIOKafkaConsumer(topic, enable_auto_commit=False, **group) as consumer:
        assert (await consumer.getone()).value == b"unread"


@pytest.mark.slow
async def test_the_log_survives_kill_dash_nine(kafka: ApacheKafka) -> None:
    topic = await new_topic(kafka.address)
    await produce(kafka.address, topic, b"before")
    kafka.kill_node()
    kafka.restart_node()
    await produce(kafka.address, topic, b"after")
    assert [record.value for record in await consume(kafka.address, topic, 2)] == [b"before", b"after"]


@pytest.mark.slow
async def test_a_paused_node_answers_again_once_resumed(kafka: ApacheKafka) -> None:
    topic = await new_topic(kafka.address)
    kafka.pause()
    try:
        assert psutil.Process(kafka.pid).status() == psutil.STATUS_STOPPED
    finally:
        kafka.resume()
    await produce(kafka.address, topic, b"awake")
    assert [record.value for record in await consume(kafka.address, topic, 1)] == [b"awake"]


@pytest.mark.slow
async def test_a_stopped_cluster_starts_again_with_its_topics(tmp_path: Path) -> None:
    require_programs()
    kafka = ApacheKafka()
    try:
        topic = await new_topic(kafka.start(tmp_path, heap_mb=256))
        await produce(kafka.address, topic, b"kept")
        kafka.stop()
        kafka.start(tmp_path, heap_mb=256)
        assert [record.value for record in await consume(kafka.address, topic, 1)] == [b"kept"]
    finally:
        kafka.stop()


@pytest.mark.slow
async def test_three_nodes_keep_taking_records_with_one_dead(tmp_path: Path) -> None:
    require_programs()
    kafka = ApacheKafka()
    try:
        topic = await new_topic(kafka.start(tmp_path, nodes=3, heap_mb=256), replicas=3)
        await produce(kafka.address, topic, b"three")
        kafka.kill_node(3)
        await produce(kafka.address, topic, b"two")
        assert [record.value for record in await consume(kafka.address, topic, 2)] == [b"three", b"two"]
    finally:
        kafka.kill()


@pytest.mark.slow
def test_stop_leaves_no_process(tmp_path: Path) -> None:
    require_programs()
    kafka = ApacheKafka()
    kafka.start(tmp_path, heap_mb=256)
    pids = kafka.pids
    kafka.stop()
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []


@pytest.mark.slow
def test_a_cluster_id_may_begin_with_a_dash(tmp_path: Path) -> None:
    require_programs()
    (tmp_path / "cluster.id").write_text("-AAAAAAAAAAAAAAAAAAAAg", encoding="ascii")
    kafka = ApacheKafka()
    kafka.start(tmp_path, heap_mb=256)
    kafka.stop()
    assert "cluster.id=-AAAAAAAAAAAAAAAAAAAAg" in (tmp_path / "node-1/log/meta.properties").read_text("utf-8")


@pytest.mark.slow
def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    require_programs()
    with pytest.raises(EmbeddedError, match=r"num\.partitions"):
        ApacheKafka().start(tmp_path, overrides={"num.partitions": "many"})


@pytest.mark.slow
def test_a_node_that_cannot_start_shows_its_log_and_leaves_no_process(tmp_path: Path) -> None:
    require_programs()
    kafka = ApacheKafka()
    with pytest.raises(EmbeddedError, match=r"ended while starting\nthe end of .*kafka\.log"):
        kafka.start(tmp_path, overrides={"authorizer.class.name": "no.such.Authorizer"})
    assert kafka.pids == []


@pytest.mark.slow
def test_a_second_start_needs_no_maven(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    require_programs()
    lib = ApacheKafka().install()
    (tmp_path / "java").symlink_to(shutil.which("java") or "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ApacheKafka().install() == lib


def test_without_java_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedError, match="java is not on PATH: install Java 17"):
        ApacheKafka().install()
