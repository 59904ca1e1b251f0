"""What frames lean on beneath the public names of faust-streaming 0.15.3 and aiokafka 0.14: one test each.

A failure here after an upgrade says which assumption to look at; none of these runs needs a broker.
"""

import asyncio
import inspect
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import faust
import faust.streams
import pytest
from aiokafka.consumer import consumer as client
from aiokafka.errors import KafkaConnectionError
from faust.tables.recovery import Recovery
from faust.transport import consumer as faust_consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from services.adapters import frames
from services.adapters.faust_app import make_app
from services.adapters.frames import Frame, FrameClient, FrameConsumer
from services.adapters.raw_records import Skipped, raw
from services.settings import KafkaSettings

HERE = TP("in", 0)


@pytest.fixture
async def consumer(tmp_path: Any) -> Any:
    kafka = KafkaSettings("127.0.0.1:1", False, 1, 1, 1, 6)
    app = make_app(kafka, "contract", str(tmp_path), "0")
    return app.consumer


def source_of(function: Callable[..., Any]) -> str:
    return inspect.getsource(function)


# What the client is made with


def test_the_client_reads_its_fetch_settings_at_start() -> None:
    source = source_of(client.AIOKafkaConsumer.start)
    for name in ("self._fetch_max_wait_ms", "self._isolation_level", "self._key_deserializer"):
        assert name in source


def test_faust_still_hard_codes_how_long_a_fetch_waits() -> None:
    assert "fetch_max_wait_ms=1500" in source_of(driver.AIOKafkaConsumerThread._create_worker_consumer)


async def test_the_client_is_made_with_our_settings(consumer: FrameConsumer) -> None:
    made = consumer._thread._create_worker_consumer(consumer.transport)
    assert (made._fetch_max_wait_ms, made._isolation_level) == (frames.FETCH_WAIT_MS, "read_committed")
    assert made._key_deserializer is raw
    made._closed = True  # it never started


# Frames


def frame(*found: Any) -> Frame:
    return Frame("in", 0, found, 0)


def record(offset: int) -> Any:
    return SimpleNamespace(offset=offset, timestamp=1_000)


def test_a_frame_covers_from_its_first_to_its_last_offset() -> None:
    made = frame(record(3), record(4))
    assert (made.start, made.end, made.whole, len(made.records)) == (3, 4, True, 2)


def test_a_frame_is_whole_with_gaps_that_are_proved() -> None:
    made = frame(Skipped(2, 4), record(5), Skipped(6, 9))
    assert (made.start, made.end, made.whole, [r.offset for r in made.records]) == (2, 9, True, [5])


def test_a_frame_with_a_hole_is_not_whole() -> None:
    assert not frame(record(3), record(5)).whole
    assert not frame(record(3), Skipped(5, 6)).whole


def test_a_frame_of_gaps_only_has_no_records() -> None:
    made = frame(Skipped(7, 8))
    assert (made.start, made.end, made.whole, made.records) == (7, 8, True, [])


# Through Faust


async def test_the_app_makes_its_consumer_from_the_transport(consumer: FrameConsumer) -> None:
    assert isinstance(consumer, FrameConsumer)
    assert isinstance(consumer._thread, FrameClient)


async def test_the_client_runs_in_the_loop_of_the_stage(
    consumer: FrameConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, threads, did = asyncio.get_running_loop(), threading.active_count(), list[str]()

    class Client:
        async def start(self) -> None:
            assert asyncio.get_running_loop() is here
            did.append("started")

        async def stop(self) -> None:
            did.append("stopped")

        async def position(self, tp: TP) -> int:
            return 7

        def subscribe(self, topics: set[str], listener: Any) -> None:
            did.append(f"subscribed to {topics}")

    thread: Any = consumer._thread
    monkeypatch.setattr(thread, "_create_consumer", lambda loop: Client())
    await thread.maybe_start()
    assert await consumer.position(HERE) == 7
    await consumer.subscribe(["in"])
    assert threading.active_count() == threads
    await thread.stop()
    assert did == ["started", "subscribed to {'in'}", "stopped"]


async def test_a_client_that_cannot_start_says_why(consumer: FrameConsumer, monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        async def start(self) -> None:
            raise KafkaConnectionError("nobody there")

    thread: Any = consumer._thread
    monkeypatch.setattr(thread, "_create_consumer", lambda loop: Client())
    with pytest.raises(KafkaConnectionError, match="nobody there"):
        await thread.maybe_start()


def test_faust_calls_its_client_nowhere_but_through_call_thread() -> None:
    source = source_of(driver.AIOKafkaConsumerThread) + source_of(faust_consumer.ConsumerThread)
    assert "call_thread(" in source
    for other in ("cast_thread(", "method_queue.", "thread_loop.call_soon"):
        assert other not in source


def test_faust_runs_its_cython_stream_iterator() -> None:
    assert faust.streams._CStreamIterator is not None


async def given(consumer: FrameConsumer, *fetches: list[int]) -> list[Any]:
    """What Faust's own loop hands to the streams when the client brings these offsets, one list a fetch."""
    coming, handed = list(fetches), []

    async def bring(*_: Any, **__: Any) -> Any:
        if coming:
            return {HERE: (0, [record(offset) for offset in coming.pop(0)])}
        consumer._stopped.set()
        return {}

    async def take(message: Any) -> None:
        handed.append(message)
        consumer.track_message(message)

    consumer._thread.getmany = bring
    consumer.callback = take
    consumer._active_partitions.add(HERE)
    consumer.app.topics._acking_topics.add("in")
    await consumer._drain_messages(SimpleNamespace(_stopped=asyncio.Event()))
    consumer._stopped.clear()
    return handed


async def test_a_fetched_partition_is_one_message_whose_offset_is_its_last(consumer: FrameConsumer) -> None:
    (message,) = await given(consumer, [3, 4, 5])
    assert (message.offset, message.value.start, message.value.end) == (5, 3, 5)


async def test_a_long_fetch_is_cut(consumer: FrameConsumer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MOST_RECORDS", 2)
    assert [message.offset for message in await given(consumer, [1, 2, 3, 4, 5])] == [2, 4, 5]


async def test_what_is_delivered_again_is_not_dropped(consumer: FrameConsumer) -> None:
    assert [message.offset for message in await given(consumer, [100, 118], [100, 118])] == [118, 118]


async def test_nothing_is_fetched_while_the_group_deals_anew(consumer: FrameConsumer) -> None:
    consumer.app.rebalancing = True
    consumer._thread.getmany = None
    assert await consumer._getmany({HERE}, 1.0) == {}


async def test_fetched_records_carry_how_often_their_partition_was_rewound(consumer: FrameConsumer) -> None:
    found = SimpleNamespace(fetched_records=None, _closed=False)
    found._subscriptions = SimpleNamespace(fetch_context=lambda: _Context())
    thread: Any = consumer._thread

    async def records(*_: Any, **__: Any) -> Any:
        thread.rewind(HERE, 3)
        return {HERE: [record(3)]}

    found.fetched_records = records
    thread._consumer = SimpleNamespace(assignment=set)
    fetching = SimpleNamespace(_fetcher=found, _closed=False)
    assert (await thread._fetch_records(fetching, {HERE}))[HERE][0] == 1
    assert consumer.serial(HERE) == 1


class _Context:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def test_waiting_for_records_fetches_through_getmany_of_the_subclass() -> None:
    assert "await self._getmany(" in source_of(faust_consumer.Consumer._wait_next_records)
    assert "self._fetch_records," in source_of(driver.AIOKafkaConsumerThread.getmany)


# Commits


async def test_the_end_of_the_acknowledged_prefix_is_committed(consumer: FrameConsumer) -> None:
    messages = await given(consumer, [0, 9], [10, 19], [20, 29])
    for index in (0, 2):
        consumer.ack(messages[index])
    assert consumer._filter_committable_offsets([HERE]) == {HERE: 10}
    consumer.ack(messages[1])
    assert consumer._filter_committable_offsets([HERE]) == {HERE: 30}


async def test_acknowledging_is_what_lets_a_message_go(consumer: FrameConsumer) -> None:
    (message,) = await given(consumer, [0, 9])
    assert list(consumer.unacked) == [message]
    assert consumer.ack(message)
    assert list(consumer._filter_tps_with_pending_acks()) == [HERE]
    assert list(consumer.unacked) == []


async def test_a_frame_that_nobody_processes_blocks_no_commit(consumer: FrameConsumer) -> None:
    first, dropped, last = await given(consumer, [0, 9], [10, 19], [20, 29])
    consumer.drop(dropped)
    consumer.ack(first)
    consumer.ack(last)
    assert consumer._filter_committable_offsets([HERE]) == {HERE: 30}
    assert list(consumer.unacked) == []


async def test_frames_of_a_rewound_partition_block_no_commit(consumer: FrameConsumer) -> None:
    lost, late = await given(consumer, [0, 9], [20, 29])
    consumer._thread._consumer = SimpleNamespace(assignment=set)
    await consumer.rewind(HERE, 0)
    consumer.ack(late)
    (again,) = await given(consumer, [0, 19])
    consumer.ack(again)
    assert consumer._filter_committable_offsets([HERE]) == {HERE: 20}
    assert consumer._acked_index[HERE] == set()
    del lost


async def test_seeking_to_the_committed_offsets_forgets_frames_under_way(consumer: FrameConsumer) -> None:
    await given(consumer, [0, 9])

    async def committed() -> Any:
        return {HERE: 0}

    consumer._thread.seek_to_committed = committed
    await consumer.perform_seek()
    (again,) = await given(consumer, [0, 19])
    consumer.ack(again)
    assert consumer._filter_committable_offsets([HERE]) == {HERE: 20}


async def test_where_the_group_stood_is_known_after_seeking_there(consumer: FrameConsumer) -> None:
    async def committed() -> Any:
        return {HERE: 12, TP("in", 1): None}

    consumer._thread.seek_to_committed = committed
    await consumer.perform_seek()
    assert (consumer.committed_before(HERE), consumer.committed_before(TP("in", 1))) == (12, None)


async def test_revocation_forgets_acknowledgements_and_commits_nothing_beyond_them(consumer: FrameConsumer) -> None:
    first, second = await given(consumer, [0, 9], [10, 19])
    consumer.ack(first)
    consumer._on_partitions_revoked = _nothing
    await consumer.on_partitions_revoked({HERE})
    consumer.ack(second)
    assert consumer._filter_committable_offsets([HERE]) == {}


async def _nothing(*_: Any) -> None: ...


# The life of the app


def test_the_revocation_is_told_before_anything_else_of_it() -> None:
    assert "thread.app.on_rebalance_start()" in source_of(driver.ConsumerRebalanceListener.on_partitions_revoked)
    assert "self.rebalancing = True" in source_of(faust.App.on_rebalance_start)


def test_streams_are_cleared_after_the_partitions_were_resumed() -> None:
    source = source_of(Recovery._resume_streams)
    places = ["resume_partitions(", "perform_seek()", "flow_control.resume()", "on_rebalance_end()"]
    assert sorted(places, key=source.index) == places


def test_partitions_are_given_up_after_the_frames_under_way() -> None:
    source = source_of(faust.App._on_partitions_revoked)
    assert source.index("_consumer_wait_empty") < source.index("on_partitions_revoked.send")


async def test_a_crashing_part_tells_its_app(consumer: FrameConsumer) -> None:
    reason = RuntimeError("died")
    await consumer.crash(reason)
    assert consumer.app._crashed.is_set()
    assert consumer.app._crash_reason is reason
