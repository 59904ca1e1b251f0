"""floor.visits: what each unit became by a frame of the tracker, and the mark up to which a partition is told.

The revision of every row a UnitChanged carries is (generation, accepted): the highest one is the truth.
"""

from enum import StrEnum

from pydantic import Field

from schemas.message import Count, EventId, Generation, Id, Message, Micros, Offset, Partition, Total, UnitId


class UnitStatus(StrEnum):
    """Where a unit is in its life."""

    UNSEEN = "unseen"
    IN_PROCESS = "in_process"
    IN_TRANSIT = "in_transit"
    COMPLETED = "completed"
    SCRAPPED = "scrapped"


class Outcome(StrEnum):
    """How a visit ended."""

    OPEN = "open"
    MOVED = "moved"
    COMPLETED = "completed"
    SCRAPPED = "scrapped"


class Phase(StrEnum):
    """What happens to the unit during a visit; on hold the phase stands still."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"


class Flag(StrEnum):
    """What the data says about a visit besides its times."""

    IMPLIED_ARRIVE = "implied_arrive"
    IMPLIED_START = "implied_start"
    IMPLIED_FINISH = "implied_finish"
    IMPLIED_DEPART = "implied_depart"
    REOPENED = "reopened"
    REWORK = "rework"
    SKIPPED_OPERATION = "skipped_operation"
    BACKWARD = "backward"
    CONSUMED = "consumed"


class UnitRow(Message):
    """The unit after its last event of the frame."""

    status: UnitStatus = Field(description="where the unit is in its life")
    operation_id: str = Field(description="open visits joined by | in order of operation_id; empty where none is open")
    phase: str = Field(description="phases of the open visits joined by |, `held` where held")
    visits: Count = Field(description="visits so far")
    strays: Count = Field(description="events that fitted nowhere")
    quantity: Total = Field(description="pieces now")
    product_id: Id | None = Field(default=None, description="what the unit is")
    events: Count = Field(description="accepted events neither void nor voided; 0: the unit has no row")


class VisitRow(Message):
    """One stay of one unit at one operation. Durations in µs, empty until the visit is closed."""

    visit_seq: int = Field(ge=1, description="order of opening in the fold; shifts when an earlier visit turns up")
    visit_id: EventId = Field(description="event_id that opened the visit; never shifts")
    operation_id: Id = Field(description="the operation")
    work_unit_id: Id | None = Field(default=None, description="last one named by the visit's arrive or start")
    product_id: Id | None = Field(default=None, description="what the unit is")
    arrived_us: Micros = Field(description="instant of arrival")
    started_us: Micros | None = Field(default=None, description="instant of the first start")
    finished_us: Micros | None = Field(default=None, description="instant of the last real finish")
    departed_us: Micros | None = Field(default=None, description="instant the visit closed")
    outcome: Outcome = Field(description="how it ended")
    flags: list[Flag] = Field(default=[], description="sorted")
    repeats: Count = Field(default=0, description="reads that repeated what was known")
    runs: Count = Field(default=0, description="entries into running, implied ones included")
    dwell_us: Micros | None = Field(default=None, description="departed − arrived = queue + process + wait + hold")
    queue_us: Micros | None = Field(default=None, description="time queued, not held")
    process_us: Micros | None = Field(default=None, description="time running, not held")
    wait_us: Micros | None = Field(default=None, description="time finished, not held")
    hold_us: Micros | None = Field(default=None, description="time held")
    quantity: Total = Field(description="the unit's quantity at the visit's end, else now")
    position: int | None = Field(default=None, ge=0, description="place on the routing, from 0")
    phase: Phase = Field(description="phase now or at the end")
    held: bool = Field(default=False, description="on hold now")
    model: int = Field(ge=1, description="plant-model version of the opening event")


class UnitChanged(Message):
    """One unit after one frame: its row, the visits that changed, the visits that vanished."""

    generation: Generation
    accepted: int = Field(
        ge=1, description="accepted events of the unit; with generation the revision of every row here"
    )
    partition: Partition
    offset: Offset = Field(description="offset of the unit's last event of the frame")
    unit_id: UnitId
    unit: UnitRow
    visits: list[VisitRow] = Field(default=[], description="only visits this frame changed")
    deleted: list[int] = Field(default=[], description="visit_seq's that vanished")


class FrameMark(Message):
    """Every effect of source offsets up to `mark` stands before this record. Key `\\0mark`; last of its frame."""

    generation: Generation
    partition: Partition
    mark: Offset = Field(description="offset in floor.scans up to which this partition is told")
    epoch: Count = Field(description="which life of the worker wrote it; grows with every assignment")
