"""floor.machines: what a machine says of itself: its PackML state, its part counters, or both."""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from schemas.instant import SourceInstant
from schemas.message import Count, EventId, Id, Message
from schemas.text import bilingual

_MARKS = re.compile(r"[\s_-]+")


class MachineState(StrEnum):
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


def _state(value: object) -> object:
    """Upper case and Un-Holding, UN_SUSPENDING are common, and newer editions write Completed for Complete."""
    name = _MARKS.sub("", value.lower()) if isinstance(value, str) else value
    return "complete" if name == "completed" else name


class PartCounter(Message):
    """Running totals of a machine: they only grow, until they roll over or are reset."""

    good: Count | None = Field(default=None, description="good parts so far")
    reject: Count | None = Field(default=None, description="rejected parts so far")
    rollover: int | None = Field(
        default=None, ge=2, description="the total after which counting starts at 0 again (modulus)"
    )

    @model_validator(mode="after")
    def _counts(self) -> Self:
        if self.good is None and self.reject is None:
            raise bilingual("combination", "expected good, reject or both", "应有 good、reject 或两者")
        return self


class MachineEvent(Message):
    """A change of state or a reading of the counters of one work unit."""

    work_unit_id: Id = Field(description="the machine")
    event_time: SourceInstant = Field(description="when it was so: RFC 3339 with offset")
    event_id: EventId | None = Field(default=None, description="identity of the message; a retry repeats it")
    state: Annotated[MachineState, BeforeValidator(_state)] | None = Field(
        default=None, description="PackML state by name"
    )
    counter: PartCounter | None = Field(default=None, description="part counters")
    sent_time: SourceInstant | None = Field(default=None, description="the source's clock when it sent the message")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.state is None and self.counter is None:
            raise bilingual(
                "combination", "state: expected state, counter or both", "state：应有 state、counter 或两者"
            )
        return self
