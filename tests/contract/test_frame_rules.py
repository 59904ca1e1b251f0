"""The rules of frames that need no broker: what a state batch may follow, who may write it, where a frame ends."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from services.adapters.frame_app import FrameApp, make_app
from services.adapters.frame_consumer import LOST_CHECKS, STALLED_CHECKS
from services.adapters.frame_producer import BatchTooLarge
from services.adapters.frame_records import Fetched, cut
from services.adapters.frame_replay import (
    EPOCH_HEADER,
    EPOCH_KEY,
    MARK_KEY,
    PREFIX,
    PartitionState,
    encoded_mark,
    late_keys,
)
from services.core.errors import BrokenGuarantee

SOURCE = TP("in", 0)


def record(offset: int, key: bytes, value: bytes | None, headers: Any = ()) -> Any:
    return SimpleNamespace(offset=offset, key=key, value=value, headers=headers)


def epoch(offset: int) -> Any:
    return record(offset, EPOCH_KEY, PREFIX.pack(0))


def mark(offset: int, writer: int, source_offset: int, follows: int) -> Any:
    return record(offset, MARK_KEY, encoded_mark(writer, source_offset, follows))


def unit(offset: int, writer: int, key: bytes, value: bytes) -> Any:
    return record(offset, key, PREFIX.pack(writer) + value)


def replayed(own_epoch: int, *records: Any, begin: int = 0) -> PartitionState:
    state = PartitionState("state/0", own_epoch)
    state.begin(begin)
    state.read(records, records[-1].offset + 1)
    return state


def test_state_is_what_the_batches_up_to_our_epoch_record_say() -> None:
    state = replayed(4, epoch(0), mark(1, 0, 9, -1), unit(2, 0, b"u", b"1"), unit(3, 0, b"u", b"2"), epoch(4))
    assert (state.done, state.mark, state.values) == (True, 9, {b"u": b"2"})


def test_what_lies_behind_our_epoch_record_is_not_read() -> None:
    state = replayed(1, epoch(0), epoch(1), unit(2, 0, b"u", b"late"))
    assert (state.values, state.stale) == ({}, {})


def test_a_record_of_a_lower_epoch_behind_an_epoch_record_is_stale() -> None:
    state = replayed(4, epoch(0), unit(1, 0, b"u", b"1"), epoch(2), unit(3, 0, b"u", b"late"), epoch(4))
    assert (state.values, list(state.stale)) == ({b"u": b"1"}, [b"u"])


def test_a_record_of_a_lower_epoch_is_stale_even_if_compaction_took_the_epoch_record() -> None:
    state = replayed(9, epoch(0), unit(5, 4, b"u", b"1"), unit(6, 0, b"u", b"late"), epoch(9))
    assert (state.values, list(state.stale)) == ({b"u": b"1"}, [b"u"])


def test_a_stale_key_that_was_written_again_is_no_longer_stale() -> None:
    state = replayed(5, epoch(0), epoch(1), unit(2, 0, b"u", b"late"), unit(3, 1, b"u", b"2"), epoch(5))
    assert (state.values, list(state.stale)) == ({b"u": b"2"}, [])


def test_a_mark_that_does_not_follow_the_last_one_breaks_a_guarantee() -> None:
    with pytest.raises(BrokenGuarantee, match="continues source offset 12, but the state before it stands at 9"):
        replayed(3, epoch(0), mark(1, 0, 9, -1), mark(2, 0, 15, 12))


def test_the_first_mark_of_a_whole_changelog_follows_nothing() -> None:
    with pytest.raises(BrokenGuarantee, match="stands at -1"):
        replayed(3, epoch(0), mark(1, 0, 9, 4))


def test_a_mark_may_follow_anything_where_changelog_offsets_are_missing() -> None:
    assert replayed(9, epoch(0), mark(1, 0, 9, -1), mark(3, 0, 15, 12), epoch(9)).mark == 15


def test_a_batch_that_is_in_the_log_twice_is_no_break() -> None:
    assert replayed(9, epoch(0), mark(1, 0, 9, -1), mark(2, 0, 9, -1), mark(3, 0, 11, 9), epoch(9)).mark == 11


def test_a_tombstone_deletes_and_says_its_epoch_in_a_header() -> None:
    tombstone = record(2, b"u", None, [(EPOCH_HEADER, PREFIX.pack(0))])
    assert replayed(9, epoch(0), unit(1, 0, b"u", b"1"), tombstone, epoch(9)).values == {}


def test_a_state_record_without_an_epoch_is_not_ours() -> None:
    with pytest.raises(BrokenGuarantee, match="carries no epoch"):
        replayed(9, epoch(0), record(1, b"u", b"{}"))


def test_late_keys_are_those_a_lower_epoch_wrote_last() -> None:
    stale: dict[bytes, None] = {}
    late_keys([unit(6, 0, b"a", b""), unit(7, 0, b"b", b""), unit(8, 5, b"b", b"")], 5, stale)
    assert list(stale) == [b"a"]


def test_reading_back_beyond_a_newer_owner_breaks_a_guarantee() -> None:
    with pytest.raises(BrokenGuarantee, match="epoch 9 was written beyond our epoch 5"):
        late_keys([epoch(9)], 5, {})


def frames(records: list[int], ranges: list[list[int]], most: int, size: int = 1, most_bytes: int = 10**6) -> Any:
    raw = [record(offset, b"k", b"v" * size) for offset in records]
    found = cut("in", 0, Fetched(raw, ranges[0][0], ranges), 0, most, most_bytes)
    return [(frame.start, frame.end, [r.offset for r in frame.records]) for frame in found]


def test_frames_cover_a_range_without_a_gap_between_them() -> None:
    assert frames([1, 2, 4, 8], [[0, 10]], 2) == [(0, 2, [1, 2]), (3, 9, [4, 8])]


def test_a_frame_never_reaches_over_an_unexplained_hole() -> None:
    assert frames([0, 1, 5], [[0, 2], [5, 6]], 10) == [(0, 1, [0, 1]), (5, 5, [5])]


def test_a_range_without_records_is_a_frame_without_records() -> None:
    assert frames([], [[7, 9]], 10) == [(7, 8, [])]


def test_a_frame_ends_before_it_is_too_large() -> None:
    assert frames([0, 1, 2], [[0, 3]], 10, size=60, most_bytes=130) == [(0, 1, [0, 1]), (2, 2, [2])]


def test_a_record_that_is_too_large_alone_is_a_frame_of_its_own() -> None:
    assert frames([0, 1], [[0, 2]], 10, size=60, most_bytes=10) == [(0, 0, [0]), (1, 1, [1])]


@pytest.fixture
async def app(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FrameApp]:
    app = make_app("rules", "127.0.0.1:1", data_dir=str(tmp_path), partitions=1)
    said: list[str] = []
    monkeypatch.setattr(app, "broken", lambda what, error=None: said.append(what))
    app.said = said
    yield app
    if app._consumer is not None:
        app._consumer._thread.thread_loop.close()


async def test_what_must_be_one_batch_is_refused_when_it_is_larger(app: FrameApp) -> None:
    items = [(b"k", b"v" * 60, ()), (b"k", b"v" * 60, ())]
    with pytest.raises(BatchTooLarge, match="larger than 150 bytes"):
        app.producer.one_batch("out", 0, items, max_bytes=150)


async def test_a_single_record_larger_than_a_batch_is_refused(app: FrameApp) -> None:
    with pytest.raises(BatchTooLarge):
        app.producer.batches("out", 0, [(b"k", b"v" * 300, ())], max_bytes=150)


def watched(app: FrameApp, monkeypatch: pytest.MonkeyPatch, *, end: int, checks: int) -> list[str]:
    """What the watch says when position 10 stays and the log ends at `end`."""
    consumer = app.consumer
    consumer._positions = {SOURCE: 10}
    monkeypatch.setattr(consumer, "assignment", lambda: {SOURCE})
    monkeypatch.setattr(consumer, "highwater", lambda tp: end)
    monkeypatch.setattr(consumer, "_stable_end", lambda tp, position, end: end)
    for _ in range(checks + 1):
        consumer.check_progress()
    return app.said


async def test_a_log_that_ends_before_what_is_next_breaks_a_guarantee(
    app: FrameApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "ends at 3, but offset 10 is next" in watched(app, monkeypatch, end=3, checks=LOST_CHECKS)[0]


async def test_records_that_do_not_come_break_a_guarantee(app: FrameApp, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "stands at 10 of 30" in watched(app, monkeypatch, end=30, checks=STALLED_CHECKS)[0]


async def test_a_log_read_to_its_end_is_no_stall(app: FrameApp, monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(app, monkeypatch, end=10, checks=2 * STALLED_CHECKS) == []


async def test_frames_under_way_are_no_stall(app: FrameApp, monkeypatch: pytest.MonkeyPatch) -> None:
    app.consumer._ends[SOURCE].append(9)
    assert watched(app, monkeypatch, end=30, checks=2 * STALLED_CHECKS) == []
