"""Reading a topic whole although frames get lost on the way: what Faust may do to us, done on purpose."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from faust.types import TP

from services.adapters.frame_whole import STALLED_S, WholeTopic
from services.adapters.frames import Frame
from services.adapters.kafka_end import DOUBTFUL_FETCHES, Fetch
from services.core.errors import BrokenGuarantee

HERE = TP("floor.partials", 0)


@dataclass
class Record:
    """A raw record."""

    offset: int


@dataclass
class Message:
    """What carries a frame through Faust."""

    tp: TP
    acked: bool = False


@dataclass
class Event:
    """A frame on its way."""

    value: Frame
    message: Message = field(default_factory=lambda: Message(HERE))


@dataclass
class Consumer:
    """A partition of which the offsets `there` exist, as the frame consumer shows it; it notes what is asked of it."""

    there: list[int]
    end: int | None = None
    sought: list[int] = field(default_factory=list)
    dropped: int = 0
    fetched_ms: int = 0

    def drop(self, message: Message) -> None:
        self.dropped += 1

    def _forget_frames(self, tp: TP) -> None:
        assert tp == HERE

    def serial(self, tp: TP) -> int:
        return len(self.sought)

    def assignment(self) -> set[TP]:
        return {HERE}

    def newest_fetch(self, tp: TP) -> Fetch | None:
        self.fetched_ms += 1000
        return None if self.end is None else Fetch(self.end, self.fetched_ms)

    async def rewind(self, tp: TP, offset: int) -> None:
        self.sought.append(offset)

    def fetch(self, start: int, most: int = 100) -> Event:
        """What a fetch at this position brings, as an event."""
        records = [Record(offset) for offset in self.there if offset >= start][:most]
        return Event(Frame(HERE.topic, HERE.partition, records, self.serial(HERE)))


@dataclass
class App:
    """As much of a Faust app as is asked for."""

    consumer: Consumer
    rebalancing: bool = False


def reading(there: range | list[int], end: int | None = None) -> tuple[WholeTopic, Any, Consumer]:
    consumer = Consumer(list(there), end)
    app = App(consumer)
    topic = WholeTopic(app, HERE.topic)
    topic.assign([0])
    return topic, app, consumer


async def test_frames_that_continue_are_taken_and_never_acknowledged() -> None:
    topic, _, consumer = reading(range(20))
    for start in (0, 10):
        event = consumer.fetch(start, 10)
        assert await topic.next_frame(event) is event.value
        assert not event.message.acked
    assert consumer.dropped == 2


async def test_a_frame_that_was_lost_is_read_again() -> None:
    topic, _, consumer = reading(range(30))
    assert await topic.next_frame(consumer.fetch(0, 10)) is not None
    assert await topic.next_frame(consumer.fetch(20)) is None
    assert consumer.sought == [10]
    assert await topic.next_frame(consumer.fetch(10)) is not None


async def test_the_first_frame_may_be_lost_too() -> None:
    topic, _, consumer = reading(range(30))
    assert await topic.next_frame(consumer.fetch(20)) is None
    assert consumer.sought == [0]


async def test_what_is_missing_twice_was_compacted_away() -> None:
    topic, _, consumer = reading([5, 6, 20])
    assert await topic.next_frame(consumer.fetch(0)) is None
    assert await topic.next_frame(consumer.fetch(0, 2)) is not None
    assert await topic.next_frame(consumer.fetch(7)) is None
    assert await topic.next_frame(consumer.fetch(7)) is not None
    assert consumer.sought == [0, 7]


async def test_what_was_fetched_before_it_was_read_again_does_not_count() -> None:
    topic, _, consumer = reading(range(40))
    late, later = consumer.fetch(20, 10), consumer.fetch(30, 10)
    assert [await topic.next_frame(late), await topic.next_frame(later)] == [None, None]
    assert consumer.sought == [0]


async def test_what_was_fetched_before_it_was_read_again_counts_where_it_continues() -> None:
    topic, _, consumer = reading(range(20), end=20)
    event = consumer.fetch(0)
    await consumer.rewind(HERE, 0)
    assert await topic.next_frame(event) is event.value


async def test_every_assignment_begins_at_the_beginning() -> None:
    topic, _, consumer = reading(range(20))
    await topic.next_frame(consumer.fetch(0))
    topic.assign([0])
    assert await topic.next_frame(consumer.fetch(0)) is not None


async def test_frames_of_partitions_that_went_are_let_go() -> None:
    topic, _, consumer = reading(range(20))
    topic.assign([])
    assert await topic.next_frame(consumer.fetch(0)) is None
    assert consumer.dropped == 1


async def test_caught_up_when_the_end_known_at_assignment_has_been_read() -> None:
    topic, _, consumer = reading(range(20))
    assert not await topic.caught_up(0, 0.0)
    consumer.end = 10
    assert not await topic.caught_up(0, 0.0)
    consumer.end = 20
    await topic.next_frame(consumer.fetch(0, 10))
    assert await topic.caught_up(0, 0.0)


async def test_an_empty_partition_is_caught_up_with() -> None:
    topic, _, _ = reading([], end=0)
    assert await topic.caught_up(0, 0.0)


async def test_not_caught_up_while_the_group_deals_anew() -> None:
    topic, app, _ = reading([], end=0)
    app.rebalancing = True
    assert not await topic.caught_up(0, 0.0)


async def test_a_lost_end_is_read_again_when_nothing_comes() -> None:
    topic, _, consumer = reading(range(20), end=20)
    await topic.next_frame(consumer.fetch(0, 15))
    for now in (0.0, STALLED_S, STALLED_S + 0.1):
        await topic.caught_up(0, now)
    assert consumer.sought == [15]


async def test_nothing_is_read_again_while_frames_come() -> None:
    topic, _, consumer = reading(range(100), end=100)
    for tenth in range(10):
        await topic.caught_up(0, tenth * STALLED_S)
        await topic.next_frame(consumer.fetch(tenth * 10, 10))
    await topic.caught_up(0, 100 * STALLED_S)
    assert consumer.sought == []


async def test_a_log_that_became_shorter_is_another_log() -> None:
    topic, _, consumer = reading(range(20), end=20)
    await topic.next_frame(consumer.fetch(0))
    consumer.end = 3
    for _ in range(DOUBTFUL_FETCHES):
        await topic.caught_up(0, 0.0)
    with pytest.raises(BrokenGuarantee, match="ends at 3, but offset 19 has been read"):
        await topic.caught_up(0, 0.0)
