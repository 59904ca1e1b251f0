"""What is leaned on beneath the public names of aiokafka's producer (services/adapters/batches.py)."""

from collections.abc import AsyncIterator

import pytest

from services.adapters.batches import BatchProducer, BatchTooLarge, Item, _fill
from services.adapters.clock import SystemClock
from services.settings import KafkaSettings
from tests.fake_log import FixedClock


@pytest.fixture
async def producer() -> AsyncIterator[BatchProducer]:
    kafka = KafkaSettings("127.0.0.1:1", False, 1, 1, 1, 6)
    producer = BatchProducer(kafka, "contract", SystemClock(), 200)
    yield producer
    producer._producer._closed = True  # it never started: stopping it would wait for ever


async def test_what_must_be_one_batch_and_is_larger_is_refused(producer: BatchProducer) -> None:
    with pytest.raises(BatchTooLarge, match="larger than the largest"):
        producer.whole([(b"k", b"v" * 90), (b"k", b"v" * 90)])


async def test_a_batch_is_full_at_its_size_and_takes_its_first_record_whatever_its_size(
    producer: BatchProducer,
) -> None:
    batch = producer._producer.create_batch()
    assert batch.append(timestamp=1, key=b"k", value=b"v" * 300, headers=[]) is not None
    assert batch.append(timestamp=1, key=b"k", value=b"v", headers=[]) is None
    assert batch.record_count() == 1


async def test_what_is_put_straight_into_a_batch_is_what_the_batch_would_have_taken(producer: BatchProducer) -> None:
    items: list[Item] = [(b"k%d" % number, b"v", [("h", b"%d" % number)]) for number in range(30)]
    items[0] = (b"k", None, ())
    ours, theirs = producer._producer.create_batch(), producer._producer.create_batch()
    over = _fill(ours, 7, iter(items))
    taken = 0
    for key, value, headers in items:
        if theirs.append(timestamp=7, key=key, value=value, headers=list(headers)) is None:
            break
        taken += 1
    assert 1 < taken < len(items)
    assert over == items[taken]
    assert ours.record_count() == theirs.record_count() == taken
    assert bytes(ours._build()) == bytes(theirs._build())


async def test_a_whole_batch_has_the_same_in_front_of_each_value(producer: BatchProducer) -> None:
    producer._clock = FixedClock(7_000)
    ours, theirs = producer.whole([(b"k", b"1"), (b"m", b"22")], b"epoch"), producer._producer.create_batch()
    for key, value in ((b"k", b"epoch1"), (b"m", b"epoch22")):
        theirs.append(timestamp=7, key=key, value=value, headers=[])
    theirs.close()
    assert ours.record_count() == 2
    assert bytes(ours._build()) == bytes(theirs._build())
