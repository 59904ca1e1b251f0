"""State bytes that lie in the changelog already are read by what runs now, or refused: never taken for others."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from services.adapters.unit_codec import decode_books, decode_unit, encode_books, encode_unit
from services.core.errors import BrokenGuarantee
from services.core.history import History
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


@pytest.mark.parametrize("change", [lambda fields: fields[1:], lambda fields: [1, *fields[1:]]])
def test_a_unit_of_another_form_is_refused(change: Callable[[list[Any]], list[Any]]) -> None:
    written = encode_unit(History(accepted=1))
    assert decode_unit(written).accepted == 1
    with pytest.raises(BrokenGuarantee, match="another form"):
        decode_unit(msgspec.msgpack.encode(change(msgspec.msgpack.decode(written))))
