"""The rules of the changelog that need no broker: which records count, and what a state batch may follow."""

from types import SimpleNamespace
from typing import Any

import pytest

from services.adapters.changelog import _EPOCH, _MARK, MARK_KEY, _Reading
from services.core.errors import BrokenGuarantee
from services.topology import EPOCH_KEY


def epoch(offset: int) -> Any:
    return record(offset, EPOCH_KEY, _EPOCH.pack(0))


def mark(offset: int, writer: int, source_offset: int, follows: int) -> Any:
    return record(offset, MARK_KEY, _EPOCH.pack(writer) + _MARK.pack(source_offset, follows))


def unit(offset: int, writer: int, key: bytes, value: bytes) -> Any:
    return record(offset, key, _EPOCH.pack(writer) + value)


def record(offset: int, key: bytes, value: bytes) -> Any:
    return SimpleNamespace(topic="state", partition=0, offset=offset, key=key, value=value)


def read(*records: Any) -> tuple[_Reading, dict[bytes, bytes]]:
    table: dict[bytes, bytes] = {}
    reading = _Reading(table)
    for each in records:
        reading.take(each)
    return reading, table


def test_state_is_what_the_batches_say() -> None:
    reading, table = read(epoch(0), mark(1, 0, 9, -1), unit(2, 0, b"u", b"1"), unit(3, 0, b"u", b"2"), epoch(4))
    assert (reading.offset, table, reading.stale) == (9, {b"u": b"2"}, set())


def test_a_record_of_a_lower_epoch_behind_an_epoch_record_is_stale() -> None:
    reading, table = read(epoch(0), unit(1, 0, b"u", b"1"), epoch(2), unit(3, 0, b"u", b"late"))
    assert (table, reading.stale) == ({b"u": b"1"}, {b"u"})


def test_a_record_of_a_lower_epoch_is_stale_even_if_compaction_took_the_epoch_record() -> None:
    reading, table = read(epoch(0), unit(5, 4, b"u", b"1"), unit(6, 0, b"u", b"late"), epoch(9))
    assert (table, reading.stale) == ({b"u": b"1"}, {b"u"})


def test_a_stale_key_that_was_written_again_is_no_longer_stale() -> None:
    reading, table = read(epoch(0), epoch(1), unit(2, 0, b"u", b"late"), unit(3, 1, b"u", b"2"))
    assert (table, reading.stale) == ({b"u": b"2"}, set())


def test_a_mark_of_a_lower_epoch_does_not_move_the_state() -> None:
    assert read(epoch(0), mark(1, 0, 9, -1), epoch(2), mark(3, 0, 15, 9))[0].offset == 9


def test_a_mark_that_does_not_follow_the_last_one_breaks_a_guarantee() -> None:
    with pytest.raises(BrokenGuarantee, match="continues source offset 12, but the state stands at 9"):
        read(epoch(0), mark(1, 0, 9, -1), mark(2, 0, 15, 12))


def test_a_mark_may_follow_anything_where_changelog_offsets_are_missing() -> None:
    assert read(epoch(0), mark(1, 0, 9, -1), mark(3, 0, 15, 12))[0].offset == 15


def test_a_batch_that_is_in_the_log_twice_is_no_break() -> None:
    assert read(epoch(0), mark(1, 0, 9, -1), mark(2, 0, 9, -1), mark(3, 0, 11, 9))[0].offset == 11
