"""An event of a unit, resolved against the plant model in force: what the fold reads.

The fields are those of the contract; `content` is a checksum over what a repeat of the same read must repeat,
so that a second event under the same id with other content is recognised (conflicting_duplicate).
"""

from dataclasses import dataclass
from enum import IntEnum


class Action(IntEnum):
    """What happened. The value is the rank by which events of one instant at one operation are ordered."""

    ARRIVE = 0
    START = 1
    HOLD = 2
    RELEASE = 3
    FINISH = 4
    DEPART = 5
    SCRAP = 6
    COMPLETE = 7
    ADJUST = 8
    VOID = 9


ACTIONS: dict[str, Action] = {action.name.lower(): action for action in Action}

WITHOUT_OPERATION = frozenset({Action.ADJUST, Action.VOID})
"""Actions that never name an operation."""

OPERATION_OPTIONAL = frozenset({Action.HOLD, Action.RELEASE, Action.SCRAP, Action.COMPLETE})
"""Actions that may leave the operation out: then they mean wherever the unit is."""


@dataclass(slots=True)
class Scan:
    """One resolved event. Time in µs since the epoch, quantities in millionths, `model` the version in force."""

    event_id: str
    time: int
    action: Action
    operation: str | None
    model: int
    content: int = 0
    work_unit: str | None = None
    product: str | None = None
    voids: str | None = None
    quantity: int | None = None
    scrap_quantity: int | None = None
    quantity_delta: int | None = None
