"""Dwell on the working clock: how long of a stay the work center worked, by its calendar."""

from services.core.equipment import PlantModel


def working_dwell(model: PlantModel, operation: str, arrived: int, departed: int | None) -> int | None:
    """µs of working time between arrival and departure; None of an open visit.

    `model` is the version of the visit's opening event. A work center without a calendar works around the clock: there
    it is the dwell.
    """
    if departed is None:
        return None
    calendar = model.calendar_of.get(model.work_center_of.get(operation, ""))
    return departed - arrived if calendar is None else calendar.working_us(arrived, departed)
