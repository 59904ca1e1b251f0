"""State bytes that lie in the changelog already are read by what runs now."""

import msgspec
import pytest

from services.adapters.unit_codec import decode_books, encode_books
from services.core.ledger import Counts, OperationLedger

COUNTS = Counts(1, 2, 3, 4, 10**30, -(10**25), 20, 10, 5, 2, 1)


def test_books_come_back_as_they_were() -> None:
    read = decode_books(encode_books(OperationLedger(COUNTS, 7)))
    assert (read.counts, read.backfilled) == (COUNTS, 7)


@pytest.mark.row(44)
def test_books_of_before_history_was_counted_are_read() -> None:
    numbers = [1, 2, 3, 4, str(10**30), str(-(10**25)), 20, 10, 5, 2, 1]
    read = decode_books(msgspec.msgpack.encode(numbers))
    assert (read.counts, read.backfilled) == (COUNTS, 0)
