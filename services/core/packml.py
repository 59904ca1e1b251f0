"""PackML states of a machine, by name, and what a machine that is in one is doing.

Default meanings of the states follow OPC 30060 (https://reference.opcfoundation.org/specs/OPC-30060/11.9); the plant
file overrides them per work unit. Some mean what they mean only while somebody works.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.core.calendar import WorkingCalendar


class State(StrEnum):
    """The states of PackML (ISA-TR88.00.02), by name."""

    CLEARING = "clearing"
    STOPPED = "stopped"
    STARTING = "starting"
    IDLE = "idle"
    SUSPENDED = "suspended"
    EXECUTE = "execute"
    STOPPING = "stopping"
    ABORTING = "aborting"
    ABORTED = "aborted"
    HOLDING = "holding"
    HELD = "held"
    UNHOLDING = "unholding"
    SUSPENDING = "suspending"
    UNSUSPENDING = "unsuspending"
    RESETTING = "resetting"
    COMPLETING = "completing"
    COMPLETE = "complete"


class Condition(StrEnum):
    """What a machine is doing."""

    RUNNING = "running"
    STARVED = "starved"
    BLOCKED = "blocked"
    DOWN = "down"
    OFF = "off"


FAMILIES: Mapping[State, tuple[Condition, tuple[State, ...]]] = {
    State.EXECUTE: (Condition.RUNNING, (State.STARTING, State.COMPLETING)),
    State.SUSPENDED: (Condition.STARVED, (State.SUSPENDING, State.UNSUSPENDING)),
    State.HELD: (Condition.DOWN, (State.HOLDING, State.UNHOLDING)),
    State.ABORTED: (Condition.DOWN, (State.ABORTING, State.CLEARING)),
    State.STOPPED: (Condition.DOWN, (State.STOPPING,)),
    State.IDLE: (Condition.STARVED, (State.RESETTING,)),
    State.COMPLETE: (Condition.STARVED, ()),
}
"""What the states that last mean by default, and the states on the way to and from them, which mean the same.

Suspended has a cause outside of the machine: material is missing, or its outlet is full; which one, the plant file says
per work unit (OPC 30060, table of states). Held has one inside.
"""
BY_CALENDAR = frozenset(
    member for waits in (State.STOPPED, State.IDLE, State.COMPLETE) for member in (waits, *FAMILIES[waits][1])
)
"""In these a machine is off while nobody works."""


@dataclass(frozen=True)
class Rules:
    """How states are read, by which calendar, from version `version` of the plant model on."""

    conditions: Mapping[State, Condition]
    calendar: WorkingCalendar
    version: int = 0

    def condition(self, state: State, working: bool) -> Condition:
        """What a machine in this state is doing."""
        return self.conditions[state] if working or state not in BY_CALENDAR else Condition.OFF


def conditions(overrides: Mapping[str, str]) -> dict[State, Condition]:
    """Every state's condition; `overrides` of the plant file: a lasting state → its condition, for its family."""
    found = {}
    for lasting, (condition, others) in FAMILIES.items():
        condition = Condition(overrides.get(lasting, condition))
        found.update(dict.fromkeys((lasting, *others), condition))
    return found
