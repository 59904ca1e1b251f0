"""Records as aiokafka unpacks them, without an object of its own for each, and with proofs of what is missing."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from aiokafka.consumer import fetcher


class Skipped(NamedTuple):
    """Offsets that carry no record, proved by a batch header: `first` to `offset`."""

    first: int
    offset: int


def raw(data: bytes | None) -> bytes | None:
    """Marks a consumer whose records are handed over as they are (see `RawPartitionRecords`)."""
    return data


class RawPartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """aiokafka's reader of a fetched partition, without a ConsumerRecord object per record and with proofs of gaps."""

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Any]:
        if self._key_deserializer is not raw:
            yield from super()._unpack_records()
            return
        batches = self._records
        while batches.has_next():
            batch = batches.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise fetcher.Errors.CorruptRecordException(f"Invalid CRC - {self._tp}")
            if self._is_passed_over(batch):
                yield from self._skip_to(batch.next_offset, batch.base_offset)
                continue
            for record in batch:
                if record.offset < self.next_fetch_offset:
                    continue
                if record.offset > self.next_fetch_offset >= batch.base_offset:
                    yield from self._skip_to(record.offset, batch.base_offset)
                self.next_fetch_offset = record.offset + 1
                yield record
            yield from self._skip_to(batch.next_offset, batch.base_offset)

    def _skip_to(self, offset: int, base: int) -> Iterator[Skipped]:
        first = max(self.next_fetch_offset, base)
        self.next_fetch_offset = max(self.next_fetch_offset, offset)
        if first < offset:
            yield Skipped(first, offset - 1)

    def _is_passed_over(self, batch: Any) -> bool:
        """Control batches, and batches of aborted transactions."""
        if self._isolation_level == fetcher.READ_COMMITTED and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in self._aborted_producers:
                return True
        return bool(batch.is_control_batch)


fetcher.PartitionRecords = RawPartitionRecords
