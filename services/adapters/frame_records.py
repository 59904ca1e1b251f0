"""Frames: what one fetch brought for one partition, as raw records, with the range of offsets that it covers.

aiokafka builds a ConsumerRecord per record and forgets the batch headers. A consumer whose key deserializer is `RAW`
gets neither: its records are the client's own light objects (offset, timestamp in ms, key, value, headers), and each
fetch knows which offsets its batch headers account for. Offsets without a record (transaction markers, aborted
batches, compacted records) are therefore proven, and a hole that no header explains is seen as one.

Other consumers of the same process are not touched: without `RAW` the classes here do what aiokafka's own do.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka.consumer import fetcher


def RAW(data: bytes | None) -> bytes | None:
    """The key deserializer that marks a consumer as one of frames."""
    return data


class Frame:
    """Raw records of one partition in offset order; `start` to `end`, both inclusive, are accounted for.

    `records` may be empty (a range that held only control records). `turn` counts the seeks of the partition before
    the frame was fetched, so that frames read before a rewind can be told from those read after it.
    """

    __slots__ = ("end", "partition", "records", "start", "topic", "turn")

    def __init__(self, topic: str, partition: int, records: Sequence[Any], start: int, end: int, turn: int) -> None:
        self.topic = topic
        self.partition = partition
        self.records = records
        self.start = start
        self.end = end
        self.turn = turn

    def __repr__(self) -> str:
        return f"<Frame {self.topic}/{self.partition} {self.start}..{self.end}, {len(self.records)} records>"


class Fetched(list[Any]):
    """The raw records of one fetch of one partition; `ranges` = [first, past the last] of what headers cover.

    `fetched_from` is the offset that was asked for. True even without records when it covers something, else aiokafka
    would pass over the covered range silently.
    """

    __slots__ = ("fetched_from", "ranges")

    def __init__(self, records: list[Any], fetched_from: int, ranges: list[list[int]]) -> None:
        super().__init__(records)
        self.fetched_from = fetched_from
        self.ranges = ranges

    def __bool__(self) -> bool:
        return bool(self.ranges)


class _Batches:
    """Hands batches on and notes which offsets their headers cover, neighbours joined."""

    __slots__ = ("_batches", "ranges")

    def __init__(self, batches: Any) -> None:
        self._batches = batches
        self.ranges: list[list[int]] = []

    def has_next(self) -> bool:
        return bool(self._batches.has_next())

    def next_batch(self) -> Any:
        batch = self._batches.next_batch()
        if self.ranges and self.ranges[-1][1] == batch.base_offset:
            self.ranges[-1][1] = batch.next_offset
        else:
            self.ranges.append([batch.base_offset, batch.next_offset])
        return batch


class CoveringRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """aiokafka's reader of a fetched partition; for a consumer of frames without an object of its own per record."""

    def __init__(
        self, tp: Any, records: Any, aborted: Any, fetch_offset: int, key_deserializer: Any, *rest: Any
    ) -> None:
        self.batches = _Batches(records) if key_deserializer is RAW else None
        self.fetched_from = fetch_offset
        super().__init__(tp, self.batches or records, aborted, fetch_offset, key_deserializer, *rest)

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        return super()._consumer_record(tp, record) if self.batches is None else record


class CoveringFetchResult(fetcher.FetchResult):  # type: ignore[misc]
    """A buffered fetch; taken whole by a consumer of frames."""

    _partition_records: Any

    def getall(self, max_records: int | None = None) -> list[Any]:
        """Everything that is left of the fetch."""
        unread = self._partition_records
        if unread is None:
            return []
        if not isinstance(unread, CoveringRecords) or unread.batches is None:
            found: list[Any] = super().getall(max_records)
            return found
        if not self.check_assignment(self._topic_partition):
            return []
        try:
            records = list(unread)
        except BaseException:
            self._partition_records = None  # a corrupt batch: what was read of this fetch must not count
            raise
        self._update_position()
        self._partition_records = None
        ranges = unread.batches.ranges
        if ranges:
            ranges[0][0] = max(ranges[0][0], unread.fetched_from)
        return Fetched(records, unread.fetched_from, ranges)


fetcher.PartitionRecords = CoveringRecords
fetcher.FetchResult = CoveringFetchResult


def whole(topic: str, partition: int, fetched: Fetched, turn: int) -> Frame:
    """One frame of everything; for compacted topics, where the offsets between batches may be gone."""
    return Frame(topic, partition, fetched, fetched.fetched_from, fetched.ranges[-1][1] - 1, turn)


def cut(topic: str, partition: int, fetched: Fetched, turn: int, most_records: int, most_bytes: int) -> Iterator[Frame]:
    """Frames of at most `most_records` records and about `most_bytes` bytes; never across an unexplained hole."""
    at, count = 0, len(fetched)
    for start, past in fetched.ranges:
        upto = count
        if past != fetched.ranges[-1][1]:
            upto = next((i for i in range(at, count) if fetched[i].offset >= past), count)
        while at < upto or start < past:
            split = _split(fetched, at, upto, most_records, most_bytes)
            end = past - 1 if split == upto else fetched[split - 1].offset
            records = fetched if split - at == count else fetched[at:split]
            yield Frame(topic, partition, records, start, end, turn)
            start, at = end + 1, split


def _split(fetched: Fetched, at: int, upto: int, most_records: int, most_bytes: int) -> int:
    """Where a frame that begins at index `at` ends."""
    split = min(at + most_records, upto)
    sizes = [len(fetched[i].value or b"") for i in range(at, split)]
    if sum(sizes) <= most_bytes:
        return split
    total = 0
    for index, size in enumerate(sizes):
        total += size
        if total > most_bytes:
            return at + max(index, 1)
    return split
