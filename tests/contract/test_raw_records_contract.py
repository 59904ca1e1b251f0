"""What raw records lean on in aiokafka 0.14: one test each, and none needs a broker."""

import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords
from faust.types import TP

from services.adapters.raw_records import RawPartitionRecords, Skipped, raw
from tests.record_batches import ABORT, COMMIT, batch, control

HERE = TP("in", 0)
WRITER = 7


def reader(data: bytes, at: int, aborted: Any = (), bare: bool = True, check: bool = False) -> Any:
    """aiokafka's reader of a fetched partition, as the module makes it now."""
    key = raw if bare else None
    committed = fetcher.READ_COMMITTED
    return fetcher.PartitionRecords(HERE, MemoryRecords(data), list(aborted), at, key, None, check, committed)


def taken(data: bytes, at: int, aborted: Any = ()) -> tuple[list[int], list[tuple[int, int]], int]:
    """Offsets of the records, proved gaps, and where the next fetch begins."""
    records = reader(data, at, aborted)
    found = list(records)
    gaps = [tuple(each) for each in found if type(each) is Skipped]
    return [each.offset for each in found if type(each) is not Skipped], gaps, records.next_fetch_offset


def test_the_fetcher_makes_its_readers_by_their_module_name() -> None:
    assert "PartitionRecords(" in inspect.getsource(fetcher.Fetcher._proc_fetch_request)
    assert fetcher.PartitionRecords is RawPartitionRecords


def test_a_raw_record_has_offset_milliseconds_key_value_and_headers() -> None:
    (record,) = reader(batch(5, [5]), 5)
    assert (record.offset, record.timestamp, record.key, record.value) == (5, 1_000, b"k", b"5")
    assert list(record.headers) == []


def test_other_consumers_get_their_consumer_records() -> None:
    (record,) = reader(batch(5, [5]), 5, bare=False)
    assert (record.topic, record.partition, record.offset) == ("in", 0, 5)


def test_a_damaged_batch_is_refused() -> None:
    data = bytearray(batch(5, [5, 6]))
    assert len(list(reader(bytes(data), 5, check=True))) == 2
    data[-1] ^= 1
    with pytest.raises(fetcher.Errors.CorruptRecordException):
        list(reader(bytes(data), 5, check=True))


def test_offsets_that_compaction_took_out_of_a_batch_are_proved_gaps() -> None:
    assert taken(batch(10, [11, 14], 19), 10) == ([11, 14], [(10, 10), (12, 13), (15, 19)], 20)


def test_a_batch_of_which_nothing_is_left_is_a_proved_gap() -> None:
    assert taken(batch(10, [], 19), 10) == ([], [(10, 19)], 20)


def test_what_lies_between_two_batches_is_not_proved() -> None:
    assert taken(batch(0, [0]) + batch(3, [3]), 0) == ([0, 3], [], 4)


def test_a_fetch_into_the_middle_of_a_batch_begins_there() -> None:
    assert taken(batch(0, [0, 1, 3], 4), 2) == ([3], [(2, 2), (4, 4)], 5)


def test_a_committed_transaction_is_read_and_its_marker_is_a_gap() -> None:
    log = batch(0, [0, 1], writer=WRITER) + control(2, WRITER, COMMIT) + batch(3, [3])
    assert taken(log, 0) == ([0, 1, 3], [(2, 2)], 4)


def test_an_aborted_transaction_is_a_gap_and_the_next_of_its_producer_is_read() -> None:
    log = batch(0, [0, 1], writer=WRITER) + control(2, WRITER, ABORT) + batch(3, [3], writer=WRITER)
    assert taken(log + control(4, WRITER, COMMIT), 0, [(WRITER, 0)]) == ([3], [(0, 1), (2, 2), (4, 4)], 5)


def test_others_are_read_while_a_transaction_is_aborted() -> None:
    log = batch(0, [0], writer=WRITER) + batch(1, [1], writer=8) + batch(2, [2]) + control(3, WRITER, ABORT)
    assert taken(log, 0, [(WRITER, 0)]) == ([1, 2], [(0, 0), (3, 3)], 4)


def test_a_fetch_without_a_record_is_handed_over_if_it_proves_a_gap() -> None:
    assert fetched(control(7, WRITER, COMMIT), 7) == [Skipped(7, 7)]


def fetched(data: bytes, at: int) -> Any:
    """What the client's fetcher returns for these bytes, if it returns them in one step of its loop."""
    state = SimpleNamespace(paused=False, position=at, consumed_to=lambda position: None)
    assignment = SimpleNamespace(active=True, state_value=lambda tp: state)
    result = fetcher.FetchResult(HERE, assignment=assignment, partition_records=reader(data, at), backoff=0)
    there = SimpleNamespace(
        _records={HERE: result}, _notify=lambda future: None, _wait_consume_future=None,
        _subscriptions=SimpleNamespace(reassignment_in_progress=False),
    )  # fmt: skip
    with pytest.raises(StopIteration) as returned:
        fetcher.Fetcher.fetched_records(there, {HERE}, timeout=1).send(None)
    return returned.value.value[HERE]


def test_the_fetcher_returns_what_it_took_in_the_same_step_of_its_loop() -> None:
    assert [record.offset for record in fetched(batch(0, [0, 1]), 0)] == [0, 1]
