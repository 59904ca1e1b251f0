"""When work is done and when it is not: shifts with their breaks, and the stops of machines. All in µs.

|····|== shift ==|·|== shift ==|·······|== …      nothing starts, moves or ends in between
         |stop|                                   nothing starts; what was started goes on
"""

import random
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Span(NamedTuple):
    """From `begin` up to but without `end`."""

    begin: int
    end: int


class Shifts:
    """The same hours of work every day."""

    def __init__(self, midnight: int, spans: Sequence[Span]) -> None:
        """`midnight`: of some day; `spans`: hours of work within a day, sorted, apart from each other."""
        self._midnight = midnight
        self._spans = list(spans)
        self._begins = [span.begin for span in spans]
        self._now = Span(0, 0)

    def span(self, at: int) -> Span:
        """The span of work that this instant is in, else the next one."""
        if self._now.begin <= at < self._now.end:
            return self._now
        day, of_day = divmod(at - self._midnight, DAY)
        number = bisect_right(self._begins, of_day) - 1
        if number < 0 or of_day >= self._spans[number].end:
            number += 1
        if number == len(self._spans):
            day, number = day + 1, 0
        origin = self._midnight + day * DAY
        begin, end = self._spans[number]
        self._now = Span(origin + begin, origin + end)
        return self._now

    def after(self, at: int, work: int) -> int:
        """The instant when so much work is done that goes on whenever there is a shift, from `at` on."""
        while True:
            begin, end = self.span(at)
            begin = max(at, begin)
            if begin + work <= end:
                return begin + work
            work -= end - begin
            at = end


ALWAYS = Shifts(0, [Span(0, DAY)])
"""Nobody ever goes home."""


class RegularStops:
    """A stop of the same length at the end of every period."""

    def __init__(self, origin: int, period: int, length: int) -> None:
        """The first period begins at `origin`."""
        self._origin = origin
        self._period = period
        self._length = length

    def span(self, at: int) -> Span:
        """The stop that this instant is in, else the next one."""
        into = (at - self._origin) % self._period
        end = at - into + self._period
        return Span(end - self._length, end)


class RandomStops:
    """Breakdowns: times between them and repairs are exponentially distributed. Asked in order of time."""

    def __init__(self, rng: random.Random, origin: int, between_s: float, repair_s: float) -> None:
        """Means in seconds of the time from a repair to the next breakdown, and of a repair."""
        self._random = rng
        self._between = 1 / (between_s * SECOND)
        self._repair = 1 / (repair_s * SECOND)
        self._now = self._following(origin)

    def span(self, at: int) -> Span:
        """The stop that this instant is in, else the next one."""
        while self._now.end <= at:
            self._now = self._following(self._now.end)
        return self._now

    def _following(self, at: int) -> Span:
        begin = at + round(self._random.expovariate(self._between))
        return Span(begin, begin + 1 + round(self._random.expovariate(self._repair)))
