"""Up to when the numbers hold everything that was scanned: how far the log of scans had come, and how far is counted.

What sums up numbers may be well while what counts scans has stopped: then fresh-looking numbers miss the newest scans.
So the ends of the scan log are noted with the time they were seen, and numbers that cover the log up to a noted end are
true up to the last time that end was seen.

    seen at   10:00:00  10:00:02  10:00:04            covered up to offset 180
    end           150       180       260             → true until 10:00:02
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

TOLERATED_US = 5_000_000
"""So far back is on time: ends are asked for now and then, and counting takes a moment."""
CONTROL_RECORDS = 1
"""A transaction's end stands in the log and is no scan."""
MOST_NOTES = 600


class Note(NamedTuple):
    """An end (offset of the next record), and when it was seen."""

    end: int
    first_us: int
    last_us: int


class ScanLog:
    """Ends of the partitions of floor.scans, with the first and last time each was seen."""

    def __init__(self) -> None:
        self._notes: dict[int, list[Note]] = {}

    def note(self, ends: Mapping[int, int], now_us: int) -> None:
        """The ends (offset of the next record) per partition, as seen now."""
        for partition, end in ends.items():
            notes = self._notes.setdefault(partition, [])
            if notes and notes[-1].end >= end:
                notes[-1] = notes[-1]._replace(last_us=now_us)
            else:
                notes.append(Note(end, now_us, now_us))
            del notes[1:-MOST_NOTES]  # the first one says since when

    def forget(self) -> None:
        """Another log has begun."""
        self._notes.clear()

    def true_until_us(self, coverage: Mapping[str, Sequence[int]], now_us: int) -> int | None:
        """Up to when numbers of this coverage hold everything; None where they are on time, or nothing is noted."""
        known = [self._partition(notes, coverage.get(str(p), (0, -1))[1]) for p, notes in self._notes.items()]
        oldest = min(known, default=now_us)
        return None if now_us - oldest <= TOLERATED_US else oldest

    @staticmethod
    def _partition(notes: list[Note], covered: int) -> int:
        """The last time that no more than what is covered was in the log; what is older is forgotten."""
        held = [at for at, note in enumerate(notes) if note.end - 1 - CONTROL_RECORDS <= covered]
        if not held:
            return notes[0].first_us
        del notes[: held[-1]]
        return notes[0].last_us
