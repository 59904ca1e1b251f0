"""What a machine does: the history of one work unit from its events → condition, times per shift, counted parts.

    readings, sorted by event time ─► Course: state by state through the calendar ─► view as of an instant

A course is a pure fold of the readings in order of (event time, id) under one set of rules. Readings that come late are
sorted in and the course is folded again; the oldest are absorbed into the head once there are too many or they are too
old, and what comes at or behind that edge is refused as late. Within these bounds neither the order nor repeats of
delivery change anything.

Instants and durations are µs.
"""

from bisect import insort
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from services.core.calendar import ShiftSpan
from services.core.counter import NEVER_READ, Counter
from services.core.packml import Condition, Rules, State
from services.core.shift_pieces import pieces

MOST_KEPT = 256
HORIZON_US = 24 * 3_600_000_000
KEPT_SHIFTS = 3
"""The present shift and the two before it."""
KEPT_CHANGES = 64
"""Changes of condition that a course remembers."""
_AT = {condition: at for at, condition in enumerate(Condition)}
_NO_TIMES = (0,) * len(Condition)


class Reading(NamedTuple):
    """What a machine said at an instant. `id`: of the event, or a hash of what it says."""

    time: int
    id: str
    state: State | None = None
    good: int | None = None
    reject: int | None = None
    modulus: int | None = None


class ShiftTimes(NamedTuple):
    """How long a work unit was in each condition (in the order of `Condition`) of one shift, so far."""

    plant_date: str
    shift_id: str
    start: int
    end: int
    times: tuple[int, ...]

    def unknown(self, as_of: int) -> int:
        """The time of the shift up to an instant for which no state was told."""
        return max(0, min(as_of, self.end) - self.start - sum(self.times))


class Change(NamedTuple):
    """From an instant on a machine has been in a condition."""

    since: int
    condition: Condition


@dataclass(frozen=True, slots=True)
class Course:
    """A work unit up to `at`. `changes`: the last uninterrupted conditions, up to the present one; shifts likewise."""

    at: int = 0
    state: State | None = None
    changes: tuple[Change, ...] = ()
    shifts: tuple[ShiftTimes, ...] = ()
    good: Counter = NEVER_READ
    reject: Counter = NEVER_READ

    @property
    def condition(self) -> Condition | None:
        """What it is doing; None: no state was ever told."""
        return self.changes[-1].condition if self.changes else None

    @property
    def since(self) -> int | None:
        """Since when it has been doing that."""
        return self.changes[-1].since if self.changes else None

    def step(self, reading: Reading, rules: Rules) -> "Course":
        """After the next reading."""
        course = self.until(reading.time, rules)
        if reading.good is not None:
            course = replace(course, good=course.good.read(reading.good, reading.modulus))
        if reading.reject is not None:
            course = replace(course, reject=course.reject.read(reading.reject, reading.modulus))
        return course if reading.state is None else replace(course, state=reading.state)._settled(rules)

    def until(self, to: int, rules: Rules) -> "Course":
        """Time passes up to an instant, in the same state; one that is not later changes nothing."""
        if self.state is None or to <= self.at:
            return replace(self, at=max(to, self.at))
        changes, shifts = list(self.changes), list(self.shifts)
        for piece in pieces(rules.calendar, self.at, to):
            condition = rules.condition(self.state, piece.working)
            _change(changes, piece.start, condition)
            if piece.shift is not None:
                _add(shifts, piece.shift, condition, piece.end - piece.start)
        return replace(self, at=to, changes=tuple(changes), shifts=tuple(shifts))._settled(rules)

    def _settled(self, rules: Rules) -> "Course":
        """With the condition that begins at this very instant, and the shift."""
        assert self.state is not None
        span = next(iter(rules.calendar.shifts_between(self.at, self.at + 1)), None)
        working = span is not None and any(start <= self.at < end for start, end in span.work)
        changes, shifts = list(self.changes), list(self.shifts)
        _change(changes, self.at, rules.condition(self.state, working))
        if span is not None:
            _add(shifts, span, Condition.OFF, 0)
        return replace(self, changes=tuple(changes[-KEPT_CHANGES:]), shifts=tuple(shifts[-KEPT_SHIFTS:]))


def _change(changes: list[Change], since: int, condition: Condition) -> None:
    """Add a condition, if it is another one; what lasted no time at all never was."""
    if changes and changes[-1].condition is condition:
        return
    if changes and changes[-1].since == since:
        del changes[-1]
        _change(changes, since, condition)
    else:
        changes.append(Change(since, condition))


def _add(shifts: list[ShiftTimes], span: ShiftSpan, condition: Condition, length: int) -> None:
    known = shifts[-1] if shifts and shifts[-1].start == span.start_us else None
    times = _NO_TIMES if known is None else known.times
    at = _AT[condition]
    times = (*times[:at], times[at] + length, *times[at + 1 :])
    shift = ShiftTimes(span.plant_date.isoformat(), span.shift_id, span.start_us, span.end_us, times)
    if known is None:
        shifts.append(shift)
    else:
        shifts[-1] = shift


class Taken(StrEnum):
    """What became of a reading."""

    NEW = "new"
    REPEAT = "repeat"
    LATE = "late"


@dataclass(slots=True)
class History:
    """One work unit: the head, the readings kept in order, and how many were refused as late."""

    head: Course = Course()
    kept: list[Reading] = field(default_factory=list)
    late: int = 0
    _tip: Course | None = None

    @property
    def newest(self) -> int:
        """Time of the newest reading."""
        return self.kept[-1].time if self.kept else self.head.at

    def take(self, reading: Reading, rules: Rules) -> Taken:
        """Take a reading in."""
        if reading.time <= self.head.at or self._is_full(reading.time):
            self.late += 1
            return Taken.LATE
        if any(kept.id == reading.id for kept in self.kept):
            return Taken.REPEAT
        insort(self.kept, reading)
        # Folded again only when somebody looks: many may come late at once.
        tip, self._tip = self._tip, None
        if tip is not None and self.kept[-1] is reading:
            self._tip = tip.step(reading, rules)
        self._absorb(rules)
        return Taken.NEW

    def tip(self, rules: Rules) -> Course:
        """The course after all readings."""
        if self._tip is None:
            course = self.head
            for reading in self.kept:
                course = course.step(reading, rules)
            self._tip = course
        return self._tip

    def view(self, as_of: int, rules: Rules) -> Course:
        """The course as of an instant, not before the newest reading."""
        return self.tip(rules).until(as_of, rules)

    def reread(self) -> None:
        """The rules have changed: what is kept is read by the new ones, what was absorbed stays."""
        self._tip = None

    def _is_full(self, time: int) -> bool:
        """Is one instant all that is kept, or would be?"""
        return len(self.kept) >= MOST_KEPT and sum(kept.time == time for kept in self.kept) >= MOST_KEPT

    def _absorb(self, rules: Rules) -> None:
        newest = self.newest
        while self.kept[0].time < newest and (len(self.kept) > MOST_KEPT or self.kept[0].time < newest - HORIZON_US):
            oldest = self.kept[0].time
            while self.kept[0].time == oldest:
                self.head = self.head.step(self.kept.pop(0), rules)
