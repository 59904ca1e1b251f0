"""What a real network does to reads: some come twice, some come late. No read comes before it was made."""

import heapq
import random
from collections.abc import Iterable, Iterator

from loadtest.plant import SECOND, Read

TWICE_SHARE = 0.02
LATE_SHARE = 0.02
LATE_SECONDS = (1.0, 5.0)


class Disorder:
    """Reads go in as they are made, and come out as they arrive; times in µs."""

    def __init__(self, seed: int) -> None:
        """The same seed disturbs the same reads."""
        self._random = random.Random(seed)
        self._waiting: list[tuple[int, int, Read]] = []
        self._serial = 0

    def put(self, reads: Iterable[Read]) -> None:
        """These have been made."""
        for read in reads:
            late = self._random.random() < LATE_SHARE
            self._wait(read, self._delay() if late else 0)
            if self._random.random() < TWICE_SHARE:
                self._wait(read, self._delay())

    def take(self, until: int) -> Iterator[Read]:
        """Those that have arrived by this instant, in order of arrival."""
        while self._waiting and self._waiting[0][0] <= until:
            yield heapq.heappop(self._waiting)[2]

    def _wait(self, read: Read, delay: int) -> None:
        self._serial += 1
        heapq.heappush(self._waiting, (read.time + delay, self._serial, read))

    def _delay(self) -> int:
        return round(SECOND * self._random.uniform(*LATE_SECONDS))
