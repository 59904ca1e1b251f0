"""When a log may be called shorter than what was read of it."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import SubscriptionState, TopicPartitionState

from services.adapters.kafka_end import DOUBT_MS, DOUBTFUL_FETCHES, Fetch, LogEnds, newest_fetch

HERE = TopicPartition("floor.scans", 3)
LONG_MS = DOUBT_MS // DOUBTFUL_FETCHES + 1


def ever_lost(ends: LogEnds, fetches: list[Fetch], read_up_to: int = 10) -> bool:
    return max(ends.lost(HERE, read_up_to, fetch) for fetch in fetches)


def test_a_log_that_every_fetch_calls_shorter_is_lost() -> None:
    assert ever_lost(LogEnds(), [Fetch(4, LONG_MS * n) for n in range(DOUBTFUL_FETCHES + 1)])


def test_an_answer_whose_records_came_after_its_watermark_proves_nothing_however_long_no_other_comes() -> None:
    assert not ever_lost(LogEnds(), [Fetch(9, 1_000)] * 10_000)


def test_a_new_leader_may_know_less_for_some_seconds() -> None:
    fetches = [Fetch(9, 50 * n) for n in range(DOUBT_MS // 50)] + [Fetch(10, DOUBT_MS)] + [Fetch(9, DOUBT_MS + 1)] * 9
    assert not ever_lost(LogEnds(), fetches)


def test_one_fetch_after_a_long_outage_is_not_enough() -> None:
    assert not ever_lost(LogEnds(), [Fetch(9, 0), Fetch(9, 10 * DOUBT_MS)])


def test_reading_on_begins_the_doubt_anew() -> None:
    ends = LogEnds()
    assert not any(ends.lost(HERE, 10 + n, Fetch(9, LONG_MS * n)) for n in range(10 * DOUBTFUL_FETCHES))


@pytest.mark.parametrize(("stable", "end"), [(7, 7), (-1, 12), (None, 12)])
def test_the_end_is_what_can_be_read(stable: int | None, end: int) -> None:
    state = SimpleNamespace(highwater=12, lso=stable, timestamp=5)
    assert newest_fetch(client(state), HERE) == Fetch(end, 5)


def test_before_the_first_fetch_and_where_it_is_not_ours_nothing_is_known() -> None:
    assert newest_fetch(client(SimpleNamespace(highwater=None, lso=None, timestamp=None)), HERE) is None
    assert newest_fetch(client(None), HERE) is None
    assert newest_fetch(SimpleNamespace(_subscription=SimpleNamespace(subscription=None)), HERE) is None


def client(state: Any) -> Any:
    assignment = SimpleNamespace(state_value=lambda tp: state)
    return SimpleNamespace(_subscription=SimpleNamespace(subscription=SimpleNamespace(assignment=assignment)))


async def test_the_client_keeps_these_names() -> None:
    subscription = SubscriptionState()
    subscription.assign_from_user([HERE])
    found = subscription.subscription.assignment.state_value(HERE)
    assert isinstance(found, TopicPartitionState)
    assert (found.highwater, found.lso, found.timestamp) == (None, None, None)
    assert subscription.subscription.assignment.state_value(TopicPartition("floor.scans", 4)) is None
