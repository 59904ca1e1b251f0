"""What frames lean on beneath the public names of faust-streaming 0.15.3 and aiokafka 0.14: one test each.

A failure here after an upgrade says which assumption to look at; none of these runs needs a broker.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import faust
import faust.streams
import pytest
from aiokafka.consumer import consumer as aiokafka_consumer
from aiokafka.consumer import fetcher
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport import consumer as faust_consumer
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode import Service

from services.adapters.frame_app import SCHEME, FrameApp, make_app
from services.adapters.frame_consumer import FrameConsumer
from services.adapters.frame_producer import FrameProducer
from services.adapters.frame_records import RAW, CoveringFetchResult, CoveringRecords, Fetched

SOURCE = TP("in", 0)


@pytest.fixture
async def app(tmp_path: Any) -> AsyncIterator[FrameApp]:
    app = make_app("contract", "127.0.0.1:1", data_dir=str(tmp_path), partitions=1)
    yield app
    if app._consumer is not None:
        app._consumer._thread.thread_loop.close()


def source_of(function: Callable[..., Any]) -> str:
    return inspect.getsource(function)


def batch(base: int, offsets: list[int], last: int, *, control: bool = False) -> bytes:
    """A record batch as in a log: `offsets` are left of base..last."""
    builder = BatchBuilder(10_000, 0)
    for offset in offsets:
        builder._builder.append(offset - base, 1_000, b"k", b"%d" % offset, [])
    data = bytearray(builder._builder.build())
    data[0:8] = base.to_bytes(8, "big")
    data[23:27] = (last - base).to_bytes(4, "big")
    if control:
        data[21:23] = (0x20).to_bytes(2, "big")
    return bytes(data)


def unpacked(data: bytes, fetched_from: int, key_deserializer: Any = RAW) -> CoveringRecords:
    return CoveringRecords(SOURCE, MemoryRecords(data), [], fetched_from, key_deserializer, None, False, 0)


def fetched(data: bytes, fetched_from: int) -> Fetched:
    """What a fetch of these batches hands over."""
    state = SimpleNamespace(paused=False, position=fetched_from, consumed_to=lambda position: None)
    assignment = SimpleNamespace(active=True, state_value=lambda tp: state)
    records = unpacked(data, fetched_from)
    result = CoveringFetchResult(SOURCE, assignment=assignment, partition_records=records, backoff=0)
    found = result.getall()
    assert isinstance(found, Fetched)
    return found


def test_faust_runs_its_cython_stream_iterator() -> None:
    assert faust.streams._CStreamIterator is not None


def test_the_fetcher_makes_its_readers_by_their_module_names() -> None:
    source = source_of(fetcher.Fetcher._proc_fetch_request)
    assert "PartitionRecords(" in source
    assert "FetchResult(" in source
    assert issubclass(fetcher.PartitionRecords, CoveringRecords)
    assert issubclass(fetcher.FetchResult, CoveringFetchResult)


def test_the_fetcher_gives_a_reader_its_arguments_by_position() -> None:
    parameters = list(inspect.signature(fetcher.PartitionRecords.__mro__[1].__init__).parameters)
    assert parameters[1:6] == ["tp", "records", "aborted_transactions", "fetch_offset", "key_deserializer"]


def test_the_fetcher_passes_over_an_empty_fetch_only_if_it_is_false() -> None:
    assert "if not records:" in source_of(fetcher.Fetcher.fetched_records)


def test_a_raw_record_has_offset_milliseconds_key_value_and_headers() -> None:
    (record,) = fetched(batch(5, [5], 5), 5)
    assert (record.offset, record.timestamp, record.key, record.value, list(record.headers)) == (
        5,
        1_000,
        b"k",
        b"5",
        [],
    )


def test_other_consumers_get_their_consumer_records() -> None:
    (record,) = unpacked(batch(5, [5], 5), 5, None)
    assert (record.topic, record.partition, record.offset) == ("in", 0, 5)


def test_offsets_that_compaction_took_out_of_a_batch_are_covered() -> None:
    found = fetched(batch(10, [11, 14], 19), 10)
    assert ([r.offset for r in found], found.ranges) == ([11, 14], [[10, 20]])


def test_a_control_batch_is_covered_and_makes_a_fetch_true() -> None:
    found = fetched(batch(7, [7], 7, control=True), 7)
    assert (list(found), found.ranges, bool(found)) == ([], [[7, 8]], True)


def test_what_lies_between_two_batches_is_not_covered() -> None:
    assert fetched(batch(0, [0], 0) + batch(3, [3], 3), 0).ranges == [[0, 1], [3, 4]]


def test_a_fetch_into_the_middle_of_a_batch_covers_from_there() -> None:
    found = fetched(batch(0, [0, 1, 2, 3], 3), 2)
    assert ([r.offset for r in found], found.ranges) == ([2, 3], [[2, 4]])


def test_the_client_reads_its_fetch_settings_at_start() -> None:
    source = source_of(aiokafka_consumer.AIOKafkaConsumer.start)
    for name in ("self._fetch_max_wait_ms", "self._isolation_level", "self._key_deserializer"):
        assert name in source


def test_faust_still_hard_codes_how_long_a_fetch_waits() -> None:
    assert "fetch_max_wait_ms=1500" in source_of(driver.AIOKafkaConsumerThread._create_worker_consumer)


def test_a_builder_takes_records_by_position_and_is_full_at_its_size() -> None:
    builder = BatchBuilder(200, 0)._builder
    assert builder.append(0, 1, b"k", b"v", []) is not None
    assert builder.append(1, 1, b"k", b"v" * 300, []) is None


def test_a_builder_takes_its_first_record_whatever_its_size() -> None:
    builder = BatchBuilder(200, 0)
    assert builder._builder.append(0, 1, b"k", b"v" * 300, []) is not None
    assert builder.size() > 200


def test_a_batch_counts_its_records_by_relative_offset() -> None:
    builder = BatchBuilder(200, 0)
    builder._relative_offset = 3
    assert builder.record_count() == 3


def test_transports_are_found_by_alias() -> None:
    assert TRANSPORTS.by_name(SCHEME).Consumer is FrameConsumer
    assert TRANSPORTS.by_name(SCHEME).Producer is FrameProducer


async def test_the_app_makes_its_consumer_and_producer_from_the_transport(app: FrameApp) -> None:
    assert isinstance(app.consumer, FrameConsumer)
    assert isinstance(app.producer, FrameProducer)


async def test_commits_go_by_frame_ends_in_order(app: FrameApp) -> None:
    consumer = app.consumer
    consumer._ends[SOURCE].extend((10, 20, 30))
    consumer._acked_index[SOURCE].update((10, 30))
    assert (consumer._new_offset(SOURCE), list(consumer._ends[SOURCE])) == (11, [20, 30])


async def test_an_ack_lands_in_the_index_that_commits_read(app: FrameApp) -> None:
    app.topics._acking_topics.add("in")
    message = ConsumerMessage("in", 0, 10, 0.0, 0, (), b"", None, None, 0, 0, SOURCE, generation_id=1)
    assert app.consumer.ack(message)
    assert app.consumer._acked_index[SOURCE] == {10}


def test_faust_forgets_acks_before_it_commits_them_at_revocation() -> None:
    source = source_of(faust_consumer.Consumer.on_partitions_revoked)
    assert source.index("self._acked_index.pop") < source.index("self._on_partitions_revoked")


def test_the_drain_asks_getmany_and_its_read_offsets() -> None:
    source = source_of(faust_consumer.Consumer._drain_messages)
    assert "getmany = self.getmany" in source
    assert "self._read_offset.__getitem__" in source
    assert "if r_offset is None or offset >= r_offset" in source


def test_waiting_for_records_fetches_through_getmany_of_the_subclass() -> None:
    assert "await self._getmany(" in source_of(faust_consumer.Consumer._wait_next_records)


def test_the_revocation_is_told_in_the_clients_thread_first() -> None:
    source = source_of(driver.ConsumerRebalanceListener.on_partitions_revoked)
    assert "thread.app.on_rebalance_start()" in source
    assert "self.RebalanceListener" in source_of(driver.AIOKafkaConsumerThread.__post_init__).replace(
        "consumer.", "self."
    )


def test_a_rebalance_counts_itself() -> None:
    assert "self.rebalancing_count += 1" in source_of(faust.App.on_rebalance_start)


def test_the_table_manager_keeps_its_recovery_and_changelogs_by_these_names() -> None:
    assert "self._recovery = Recovery(" in source_of(TableManager.recovery.fget)
    assert "self._changelogs[" in source_of(TableManager.add)


def test_recovery_builds_highwaters_then_offsets_then_seeks() -> None:
    source = source_of(Recovery._restart_recovery.fun)
    places = [source.index(name) for name in ("self._build_highwaters", "self._build_offsets", "self._seek_offsets")]
    assert places == sorted(places)


def test_recovery_ends_when_no_offset_is_below_its_highwater() -> None:
    assert "any(v > 0 for v in self.active_remaining().values())" in source_of(Recovery.need_recovery)


def test_recovery_hands_each_changelog_message_to_its_table_after_noting_its_offset() -> None:
    source = source_of(Recovery._slurp_changelogs.fun)
    assert source.index("offsets[tp] = offset") < source.index("await table.on_changelog_event(event)")


def test_tables_are_told_before_sources_are_sought() -> None:
    source = source_of(Recovery.on_recovery_completed)
    assert source.index("table.on_recovery_completed") < source.index("consumer.perform_seek()")


def test_tables_hear_of_a_rebalance_before_their_recovery() -> None:
    source = source_of(TableManager.on_rebalance)
    assert source.index("table.on_rebalance") < source.index("self.recovery.on_rebalance")


async def test_a_crashing_part_tells_its_app(app: FrameApp, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[BaseException | None] = []
    monkeypatch.setattr(app, "broken", lambda what, error=None: told.append(error))
    reason = RuntimeError("died")

    class Part(Service):
        """A part of the app."""

    await Part(beacon=app.beacon).crash(reason)
    assert reason in told


async def test_an_error_of_an_agent_goes_to_the_app_first(app: FrameApp) -> None:
    assert "on_error=self._on_agent_error" in source_of(faust.App.agent)
    assert "await self._on_error(self, exc)" in source_of(faust.Agent._execute_actor)


async def test_a_signal_schedules_the_shutdown_under_this_name() -> None:
    assert "self._schedule_shutdown(" in source_of(faust.Worker.__mro__[1]._on_sigterm)


async def test_a_lock_is_taken_in_the_order_of_asking() -> None:
    lock, order = asyncio.Lock(), []

    async def take(number: int) -> None:
        async with lock:
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(take(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4]
