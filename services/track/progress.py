"""Is a partition getting on? Records that wait while nothing happens were lost on their way to us, or we are stuck.

Liveness by progress, not by process: a consumer can be a member in good health and deliver nothing.
"""

from dataclasses import dataclass
from enum import Enum, auto

READ_AGAIN_S = 3.0
"""Frames that were fetched and then cleared in a rebalance come again only if somebody asks for them."""
ROUNDS = 3
"""Fetched rounds per watched partition that must have come through besides: in a backlog an answer of the broker holds
one partition or two, and the others take their turns first."""
GIVE_UP_S = 60.0
"""A new process joins the group anew, which has always helped."""


class Judgement(Enum):
    """What to do about a partition."""

    FINE = auto()
    READ_AGAIN = auto()
    STUCK = auto()


@dataclass(slots=True)
class Rounds:
    """How many rounds of the consumer have come all the way through Faust's buffer to the agent.

    What was handed out waits there for its turn, seconds in a backlog, while the consumer goes round and finds nothing:
    whoever counts its rounds asks again for records that he has. A frame that is taken proves the rounds before its own
    to be through, or cleared in a rebalance. Where none is taken for long nothing waits, or the agent itself is stuck.
    """

    _through: int = 0
    _taken_at: float = float("-inf")

    def taken(self, round: int, now: float) -> None:
        """The agent takes a frame of this round."""
        self._through, self._taken_at = max(self._through, round - 1), now

    def through(self, begun: int, now: float) -> int:
        """So many are through; the consumer has begun `begun`."""
        if now - self._taken_at > READ_AGAIN_S:
            self._through = max(self._through, begun - 1)
        return self._through


@dataclass(slots=True)
class _Standing:
    offset: int
    since: float
    asked: float
    round: int


class Progress:
    """Watches every owned partition; `now` in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._standing: dict[int, _Standing] = {}

    def judge(self, partition: int, offset: int, end: int | None, fetched: int, now: float) -> Judgement:
        """`offset`: last one folded. `end`: the one behind the last that can be read, as the newest fetch told.

        `fetched`: how many rounds of all partitions have come through (Rounds).
        """
        standing = self._standing.get(partition)
        if standing is None or standing.offset != offset or end is None or end <= offset + 1:
            self._standing[partition] = _Standing(offset, now, now, fetched)
            return Judgement.FINE
        if fetched - standing.round < ROUNDS * len(self._standing):
            return Judgement.FINE
        if now - standing.since > GIVE_UP_S:
            return Judgement.STUCK
        if now - standing.asked > READ_AGAIN_S:
            standing.asked, standing.round = now, fetched
            return Judgement.READ_AGAIN
        return Judgement.FINE

    def forget(self, partition: int) -> None:
        """The partition has gone, or has just come."""
        self._standing.pop(partition, None)
