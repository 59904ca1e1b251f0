"""Working calendar: which shift an instant is in, and how much working time lies between two instants.

Instants are int µs since the epoch (UTC), durations int µs. Wall-clock times become instants in the
site's IANA time zone by one rule: the plant's clock never goes back. A time the clock jumps over (spring)
is the instant of the jump; a time that comes twice (autumn) is its first coming. So a night shift is an
hour shorter or longer on these nights, shifts never overlap or tear apart, and a shift begins in the
repeated hour only once.

A shift is [start, end) and belongs to the plant date on which it began; breaks are inside the shift but
no working time. Plant dates of 1970 to 2199 have shifts; outside them nothing is worked.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.core.shift_plan import FIRST_YEAR, LAST_YEAR, CalendarException, ShiftPattern, ShiftPlan

_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST = date(FIRST_YEAR, 1, 1).toordinal()
_LAST = date(LAST_YEAR, 12, 31).toordinal()

_CHUNK_DAYS = 32
_CHUNKS_CACHED = 600  # half a century; only senseless instants ever reach it


class ShiftKey(NamedTuple):
    """Identity of one worked shift."""

    plant_date: date
    shift_id: str


@dataclass(frozen=True, slots=True)
class ShiftSpan:
    """One shift in instants: [start_us, end_us), and the pieces of it that are working time."""

    plant_date: date
    shift_id: str
    start_us: int
    end_us: int
    work: tuple[tuple[int, int], ...]

    @property
    def working_us(self) -> int:
        """Working time of the whole shift."""
        return sum(end - start for start, end in self.work)


class _Chunk:
    """The shifts of 32 plant dates, and the working time before each of their pieces."""

    __slots__ = ("ends", "span_starts", "spans", "starts", "worked")

    def __init__(self, spans: list[ShiftSpan]) -> None:
        self.spans = spans
        self.span_starts = [span.start_us for span in spans]
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.worked = [0]
        for start, end in (piece for span in spans for piece in span.work):
            self.starts.append(start)
            self.ends.append(end)
            self.worked.append(self.worked[-1] + end - start)

    def before(self, us: int) -> int:
        """Working time of the chunk that lies before the instant."""
        at = bisect_right(self.starts, us) - 1
        if at < 0:
            return 0
        return self.worked[at] + min(us, self.ends[at]) - self.starts[at]

    def reached(self, worked: int) -> int:
        """First instant at which `before` is this much; 0 < worked ≤ the chunk's total."""
        at = bisect_left(self.worked, worked) - 1
        return self.starts[at] + worked - self.worked[at]


class WorkingCalendar:
    """Shifts and working time of one site. Never changes once built, but for a cache of what it has computed."""

    __slots__ = ("_chunks", "_plan", "_zone")

    def __init__(
        self,
        time_zone: str,
        week: str,
        shifts: Iterable[ShiftPattern],
        exceptions: Iterable[CalendarException] = (),
    ) -> None:
        """Calendar of a site in an IANA time zone. Raises ValueError that says what is expected."""
        try:
            self._zone = ZoneInfo(time_zone)
        except (KeyError, ValueError, OSError) as why:
            raise ValueError(f"unknown time zone {time_zone!r}: expected an IANA name such as Asia/Shanghai") from why
        self._plan = ShiftPlan(week, shifts, exceptions)
        self._chunks: dict[int, _Chunk] = {}

    def working_us(self, start_us: int, end_us: int) -> int:
        """Working time between two instants; negative where the end is before the start.

        So working_us(a, b) + working_us(b, c) = working_us(a, c) for any three instants.
        """
        return sum(
            chunk.before(end_us) - chunk.before(start_us)
            for chunk in map(self._chunk, _chunks_near(min(start_us, end_us), max(start_us, end_us)))
        )

    def after_working(self, start_us: int, working_us: int) -> int:
        """The first instant at or after `start_us` at which that much working time has passed.

        Raises ValueError for a negative amount, and for one not reached by the end of 2199.
        """
        if working_us < 0:
            raise ValueError(f"working time is never negative, got {working_us} µs")
        if working_us == 0:
            return start_us
        left = working_us
        for chunk in map(self._chunk, _chunks_near(start_us, (_LAST - _EPOCH) * _DAY_US)):
            target = chunk.before(start_us) + left
            if target <= chunk.worked[-1]:
                return chunk.reached(target)
            left = target - chunk.worked[-1]
        raise ValueError(f"{working_us} µs of work after {start_us} µs are not reached by the end of {LAST_YEAR}")

    def shift_at(self, us: int) -> ShiftKey | None:
        """The shift the instant is in, its breaks included; None between shifts."""
        for chunk in map(self._chunk, _chunks_near(us, us)):
            at = bisect_right(chunk.span_starts, us) - 1
            if at >= 0 and us < chunk.spans[at].end_us:
                return ShiftKey(chunk.spans[at].plant_date, chunk.spans[at].shift_id)
        return None

    def shifts_between(self, start_us: int, end_us: int) -> list[ShiftSpan]:
        """Shifts that share any time with [start_us, end_us), whole, in order; none where that is empty."""
        if end_us <= start_us:
            return []
        found: list[ShiftSpan] = []
        for chunk in map(self._chunk, _chunks_near(start_us, end_us)):
            first = max(bisect_right(chunk.span_starts, start_us) - 1, 0)
            last = bisect_left(chunk.span_starts, end_us)
            found += [span for span in chunk.spans[first:last] if span.end_us > start_us]
        return found

    def plant_date(self, us: int) -> date:
        """The plant date of the shift the instant is in; between shifts, the date on the site's clock."""
        shift = self.shift_at(us)
        if shift is not None:
            return shift.plant_date
        return datetime.fromtimestamp(us // _SECOND_US, self._zone).date()

    def _chunk(self, number: int) -> _Chunk:
        chunk = self._chunks.get(number)
        if chunk is None:
            if len(self._chunks) >= _CHUNKS_CACHED:
                self._chunks.clear()
            chunk = self._chunks[number] = self._build(number)
        return chunk

    def _build(self, number: int) -> _Chunk:
        first = max(number * _CHUNK_DAYS, _FIRST)
        last = min(number * _CHUNK_DAYS + _CHUNK_DAYS - 1, _LAST)
        spans: list[ShiftSpan] = []
        for day in map(date.fromordinal, range(first, last + 1)):
            for shift in self._plan.on(day):
                pieces = [tuple(_instant(self._zone, day, s) for s in piece) for piece in shift.work()]
                work = tuple((start, end) for start, end in pieces if start < end)
                start_us = _instant(self._zone, day, shift.begin_s)
                end_us = _instant(self._zone, day, shift.end_s)
                if start_us < end_us:
                    spans.append(ShiftSpan(day, shift.shift_id, start_us, end_us, work))
        return _Chunk(spans)


def week_start(plant_date: date) -> date:
    """The Monday of the week the plant date is in."""
    return plant_date - timedelta(days=plant_date.weekday())


def _chunks_near(first_us: int, last_us: int) -> range:
    """Numbers of the chunks whose shifts may touch [first_us, last_us].

    A site's date is at most a day from the UTC date, and a shift ends before the end of the day after its plant date.
    """
    first = min(max(_EPOCH + first_us // _DAY_US - 2, _FIRST), _LAST)
    last = max(min(_EPOCH + last_us // _DAY_US + 1, _LAST), _FIRST)
    return range(first // _CHUNK_DAYS, last // _CHUNK_DAYS + 1)


def _instant(zone: ZoneInfo, day: date, wall_s: int) -> int:
    """Instant at which the site's clock first shows or passes `wall_s` seconds after 00:00 of the date."""
    local = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(seconds=wall_s)
    first, second = _offset_us(local), _offset_us(local.replace(fold=1))
    wall_us = (day.toordinal() - _EPOCH) * _DAY_US + wall_s * _SECOND_US
    if second <= first:
        return wall_us - first
    # PEP 495: the offset of fold 0 is smaller than that of fold 1 exactly where the clock jumps over the time.
    before, after = (wall_us - second) // _SECOND_US, (wall_us - first) // _SECOND_US
    while after - before > 1:
        middle = (before + after) // 2
        if _offset_us(datetime.fromtimestamp(middle, zone)) == second:
            after = middle
        else:
            before = middle
    return after * _SECOND_US


def _offset_us(local: datetime) -> int:
    offset = local.utcoffset()
    assert offset is not None, "a time in a zone has an offset"
    return offset // _MICROSECOND
