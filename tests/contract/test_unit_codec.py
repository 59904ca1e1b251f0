"""State bytes that lie in the changelog already are read by what runs now."""

import sys

import msgspec
import pytest

from services.adapters.unit_codec import decode_books, decode_unit, encode_books, encode_unit
from services.core import kept
from services.core.errors import BrokenGuarantee, Guarantee
from services.core.history import History, Verdict
from services.core.ledger import Counts, OperationLedger
from services.core.scan import Action, Scan
from tests import product

COUNTS = Counts(1, 2, 3, 4, 10**30, -(10**25), 20, 10, 5, 2, 1)
IDS = ("5e1f8a53-77a4-4b67-a24e-00000000002a", "0123456789abcdef0123456789abcdef", "gate:7")
PLANT = {"site": {"id": "S"}, "areas": [{"id": "A", "work_centers": [{"id": "W", "operations": [{"id": "OP"}]}]}]}
FIRST_FORM = bytes.fromhex(
    "9b0301d3c000000000000000ce001e848003c2c0c09d01010003ce000f4240ff010000c291a24f5091dc001701d924356531"
    "66386135332d373761342d346236372d613234652d303030303030303030303261a24f5000ce001e848001ce000f4240c0c0"
    "c0ce000f4240c0c00000000101c3ce000f4240ce000f42400000c0c0c48c3a00000000000000000000010000000000000035"
    "653166386135332d373761342d346236372d613234652d3030303030303030303032611f4f5036000140420f000000000001"
    "0000000100000030313233343536373839616263646566303132333435363738396162636465661f4f501c000280841e0000"
    "0000000100000002000000676174653a371f4f50"
)
"""A unit with an event under each of IDS, as written when kept ids were text."""


def a_unit() -> History:
    history, models = History(), product.plant_models({1: PLANT})
    for number, event_id in enumerate(IDS):
        scan = Scan(event_id, 1_000_000 * number, list(Action)[number], "OP", 1, number)
        assert history.accept(scan, models) is Verdict.ACCEPTED
    history.take_changes()
    return history


def test_a_unit_comes_back_as_it_was() -> None:
    assert decode_unit(encode_unit(a_unit())) == a_unit()


def test_a_unit_takes_no_more_memory_than_its_bytes() -> None:
    data = encode_unit(a_unit())
    assert sys.getsizeof(data) == sys.getsizeof(bytes(bytearray(data)))


@pytest.mark.row(44)
def test_a_unit_whose_kept_ids_were_text_is_read_and_its_events_are_known() -> None:
    read = decode_unit(FIRST_FORM)
    assert read == a_unit()
    assert [kept.content_of(read.kept, event_id) for event_id in IDS] == [0, 1, 2]
    assert len(encode_unit(read)) < len(FIRST_FORM)


def test_a_unit_of_a_later_form_is_refused() -> None:
    with pytest.raises(BrokenGuarantee) as refused:
        decode_unit(b"\x03" + encode_unit(a_unit())[1:])
    assert refused.value.guarantee is Guarantee.ONE_STATE


def test_books_come_back_as_they_were() -> None:
    read = decode_books(encode_books(OperationLedger(COUNTS, 7)))
    assert (read.counts, read.backfilled) == (COUNTS, 7)


@pytest.mark.row(44)
def test_books_of_before_history_was_counted_are_read() -> None:
    numbers = [1, 2, 3, 4, str(10**30), str(-(10**25)), 20, 10, 5, 2, 1]
    read = decode_books(msgspec.msgpack.encode(numbers))
    assert (read.counts, read.backfilled) == (COUNTS, 0)
