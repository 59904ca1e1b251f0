"""floor.work_units: what every machine is doing, and its counted parts (key work_unit_id)."""

from enum import StrEnum

from pydantic import Field

from schemas.message import Generation, Id, Message, Micros


class MachineCondition(StrEnum):
    """What a machine is doing, from its PackML state."""

    RUNNING = "running"
    STARVED = "starved"
    BLOCKED = "blocked"
    DOWN = "down"
    OFF = "off"


class WorkUnitState(Message):
    """One work unit now: a pure function of (generation, partition, offset) of floor.machines; the newest counts."""

    work_unit_id: Id
    generation: Generation
    partition: int = Field(ge=0, description="partition of floor.machines")
    offset: int = Field(ge=0, description="last offset of floor.machines this value knows")
    condition: MachineCondition | None = Field(default=None, description="null: no state was ever told")
    since_us: Micros | None = Field(default=None, description="since when, by the machine's clock")
    newest_event_us: Micros = Field(description="newest event time seen")
