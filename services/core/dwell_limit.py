"""How long a stay at an operation may last, on the clock the limit means, and how many stays last longer.

A stay is over its limit once more than `limit_us` have passed since its arrival: on the wall clock, or, with a
calendar, in working time. An earlier arrival is never over later than a later one, whatever the clock.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from services.core.calendar import WorkingCalendar
from services.core.equipment import PlantModel


@dataclass(frozen=True, slots=True)
class DwellLimit:
    """An operation's limit in µs; `calendar` None: the wall clock, or a work center that never stops."""

    limit_us: int
    calendar: WorkingCalendar | None = None

    @classmethod
    def of(cls, model: PlantModel, operation_id: str) -> "DwellLimit | None":
        """What this version of the plant model says; None where the operation has no limit or is not in it."""
        operation = model.operations.get(operation_id)
        if operation is None or operation.dwell_limit is None:
            return None
        if operation.dwell_limit_clock == "wall":
            return cls(operation.dwell_limit)
        return cls(operation.dwell_limit, model.calendar_of.get(operation.work_center))

    def is_over(self, arrived: int, as_of: int) -> bool:
        """Has a stay that began then lasted longer by now?"""
        passed = as_of - arrived if self.calendar is None else self.calendar.working_us(arrived, as_of)
        return passed > self.limit_us

    def passes_at(self, arrived: int) -> int | None:
        """The first instant at which such a stay is over; None where the calendar holds too little work."""
        if self.calendar is None:
            return arrived + self.limit_us + 1
        try:
            return self.calendar.after_working(arrived, self.limit_us + 1)
        except ValueError:
            return None

    def count_over(self, arrivals: Sequence[int], as_of: int) -> int:
        """How many of these stays, given in order of arrival, are over. Asks the calendar a few times only."""
        return bisect_left(arrivals, True, key=lambda arrived: not self.is_over(arrived, as_of))
