"""Units that left (completed or scrapped), by the hour, so that those before a horizon are found without a search.

A key costs a place in a list, in whatever hour its unit left. One that came back, or left again later, is still
found: whoever asks looks at what the unit is now.
"""

from heapq import heappop, heappush

HOUR_US = 3_600_000_000


class Leavers:
    """The keys of one partition's units that left and still keep events."""

    __slots__ = ("_by_hour", "_hours")

    def __init__(self) -> None:
        self._by_hour: dict[int, list[bytes]] = {}
        self._hours: list[int] = []

    def add(self, key: bytes, left: int) -> None:
        """A unit left at this instant, µs."""
        hour = left // HOUR_US
        keys = self._by_hour.get(hour)
        if keys is None:
            keys = self._by_hour[hour] = []
            heappush(self._hours, hour)
        keys.append(key)

    def before(self, horizon: int, most: int) -> list[bytes]:
        """Take out up to `most` keys of hours that ended at or before the horizon, the earliest first."""
        found: list[bytes] = []
        while self._hours and (self._hours[0] + 1) * HOUR_US <= horizon and len(found) < most:
            keys = self._by_hour[self._hours[0]]
            room = most - len(found)
            found += keys[-room:]
            del keys[-room:]
            if not keys:
                del self._by_hour[heappop(self._hours)]
        return found
