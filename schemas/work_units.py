"""floor.work_units: what every machine is doing, and its counted parts (key work_unit_id).

Beside the states stand the histories they are folded from (`\\0history|<work_unit_id>`) and the mark up to which a
partition of floor.machines is in them (`\\0mark`): with these the next owner goes on. Readers of states skip keys that
begin with `\\0`. Of two values of one key the one with the greater (generation, offset, as_of_us) is the newer.
"""

from enum import StrEnum

from pydantic import Field

from schemas.machine import MachineState
from schemas.message import Count, Generation, Id, Message, Micros


class MachineCondition(StrEnum):
    """What a machine is doing, from its PackML state."""

    RUNNING = "running"
    STARVED = "starved"
    BLOCKED = "blocked"
    DOWN = "down"
    OFF = "off"


class ShiftShare(Message):
    """One shift of a work unit up to `as_of_us`: the times add up to what has passed of the shift."""

    plant_date: str = Field(pattern=r"^\d{4}-\d\d-\d\d$", description="the date on which the shift began")
    shift_id: str = Field(description="of the calendar; `day` where the work center has none: the plant day")
    start_us: Micros = Field(description="begin of the shift")
    end_us: Micros = Field(description="end of the shift")
    running_us: Micros
    starved_us: Micros
    blocked_us: Micros
    down_us: Micros
    off_us: Micros
    unknown_us: Micros = Field(description="before any state was told")


class CountedParts(Message):
    """A part counter, read in order of event time."""

    total: Count = Field(description="parts since the first reading, over rollovers and resets")
    reading: Count = Field(description="the newest reading")
    resets: Count = Field(description="how often it began anew; what was counted unread before is lost")


class InPartition(Message):
    """Where in floor.machines a value stands."""

    work_unit_id: Id
    generation: Generation
    partition: int = Field(ge=0, description="partition of floor.machines")
    offset: int = Field(ge=0, description="last record of floor.machines that this value knows of the work unit")


class WorkUnitState(InPartition):
    """One work unit: a pure function of (generation, partition, offset, as_of_us)."""

    as_of_us: Micros = Field(
        description="instant this holds for: the newest event, or a later edge of a shift or break"
    )
    model: Count = Field(default=0, description="version of the plant model it was read by")
    state: MachineState | None = Field(default=None, description="PackML state; null: none was ever told")
    condition: MachineCondition | None = Field(default=None, description="null: no state was ever told")
    since_us: Micros | None = Field(default=None, description="since when, by the machine's clock and the calendar")
    newest_event_us: Micros = Field(description="newest event time seen")
    changes: list[tuple[Micros, MachineCondition]] = Field(
        default=[], description="[since_us, condition] of the last changes, oldest first, the present one included"
    )
    shifts: list[ShiftShare] = Field(default=[], description="the last shifts, oldest first; the last one may be on")
    good: CountedParts | None = Field(default=None, description="good parts; null: never counted")
    reject: CountedParts | None = Field(default=None, description="rejected parts; null: never counted")
    late: Count = Field(default=0, description="events refused because they came behind what is kept open")


class CounterMemory(Message):
    """A counter as the fold goes on with it."""

    reading: Count | None = None
    total: Count = 0
    modulus: Count | None = None
    resets: Count = 0


class CourseMemory(Message):
    """A work unit up to `at`, the time of the newest absorbed event."""

    at: Micros
    state: MachineState | None = None
    changes: list[tuple[Micros, MachineCondition]] = Field(default=[], description="[since, condition]")
    shifts: list[tuple[str, str, Micros, Micros, list[Micros]]] = Field(
        default=[], description="[plant date, shift, begin, end, times by condition]"
    )
    good: CounterMemory = CounterMemory()
    reject: CounterMemory = CounterMemory()


class WorkUnitHistory(InPartition):
    """What the fold of a work unit needs to go on."""

    late: Count
    head: CourseMemory
    kept: list[tuple[Micros, str, MachineState | None, Count | None, Count | None, Count | None]] = Field(
        description="[event time, id, state, good, reject, modulus], in order"
    )


class MachinesMark(Message):
    """All records up to `mark` are in the histories before it."""

    generation: Generation
    partition: int = Field(ge=0, description="partition of floor.machines")
    mark: int = Field(ge=0, description="offset of floor.machines")
    model: Count = Field(description="version of the plant model in force there")
