"""Where partitions end as their fetches say, and when a log may be called shorter than what has been read of it.

The end is the offset behind the last record that can be read: the last stable offset, for an open transaction holds
back what follows it, else the high watermark. It is smaller than what was read, although nothing is lost, in two
cases: Kafka takes the watermark before it reads the records of the same answer, and a new leader knows only later how
far its followers are. So it is believed when many fetches in a row, over some seconds, have said the same.
ListOffsets(latest), which the embedded broker answers wrongly, is never asked.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka import TopicPartition

DOUBT_MS = 5_000
DOUBTFUL_FETCHES = 10


class Fetch(NamedTuple):
    """An answer of the broker: where the log ends, and when the answer came, in ms of this machine's clock."""

    end: int
    at_ms: int


def newest_fetch(consumer: Any, partition: TopicPartition) -> Fetch | None:
    """The newest answer for a partition that is ours; None before the first. May be asked from another thread."""
    subscription = consumer._subscription.subscription
    # Every name is read once: the client's own thread may be dealing anew just now.
    assignment = None if subscription is None else subscription.assignment
    state = None if assignment is None else assignment.state_value(partition)
    if state is None or state.highwater is None:
        return None
    stable = state.lso
    return Fetch(state.highwater if stable is None or stable < 0 else stable, state.timestamp or 0)


@dataclass(slots=True)
class _Doubt:
    read_up_to: int
    first_ms: int
    last_ms: int
    fetches: int = 0

    @property
    def is_over(self) -> bool:
        return self.fetches >= DOUBTFUL_FETCHES and self.last_ms - self.first_ms >= DOUBT_MS


class LogEnds:
    """Judges fetch after fetch whether partitions still have what was read of them."""

    def __init__(self) -> None:
        self._doubts: dict[TopicPartition, _Doubt] = {}

    def lost(self, partition: TopicPartition, read_up_to: int, newest: Fetch | None) -> bool:
        """Does the log end before `read_up_to`, beyond doubt? To be asked again and again."""
        if newest is None or newest.end >= read_up_to:
            self._doubts.pop(partition, None)
            return False
        doubt = self._doubts.get(partition)
        if doubt is None or doubt.read_up_to != read_up_to:
            self._doubts[partition] = _Doubt(read_up_to, newest.at_ms, newest.at_ms)
        elif newest.at_ms != doubt.last_ms:
            doubt.last_ms = newest.at_ms
            doubt.fetches += 1
            return doubt.is_over
        return False
