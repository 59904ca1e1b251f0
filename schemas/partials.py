"""floor.partials: what one partition of the scans adds to each operation; sums and merges of them are the state.

Keys: `op|<partition>|<operation_id>`, `sl|<partition>|<width_min>|<ring position>|<operation_id>`, `pt|<partition>`;
`ct|<partition of floor.machines>|<operation_id>` for what machines count.
Of two values of one key the one with the greater (generation, offset) is the newer.
"""

from typing import Annotated

from pydantic import Field

from schemas.message import Count, EventId, Generation, Id, Message, Micros, Offset, Partition, Total, UnitId

OldestUnit = tuple[UnitId, Micros, EventId]
"""(unit_id, arrived in µs since the epoch, visit_id)."""

Buckets = list[tuple[int, Annotated[int, Field(ge=1)]]]
"""[bucket, count] pairs of a log-bucket sketch of durations; at most 1 % relative error."""

MOST_OLDEST = 10


class Partial(Message):
    """What every partial has."""

    generation: Generation
    partition: Partition
    offset: Offset = Field(description="last offset of floor.scans this value knows")


class OperationPartial(Partial):
    """State of one operation as far as this partition's units make it."""

    operation_id: Id
    queued: Count = Field(description="open visits queued, not held")
    running: Count = Field(description="open visits running, not held")
    finished: Count = Field(description="open visits finished, not held")
    held: Count = Field(description="open visits on hold")
    quantity: Total = Field(description="pieces of the open visits")
    value: Total = Field(description="quantity × unit cost of the open visits")
    arrivals: Count = Field(description="visits opened")
    departures: Count = Field(description="visits closed")
    completed: Count = Field(description="visits closed as completed")
    scrapped: Count = Field(description="visits closed as scrapped")
    rework: Count = Field(description="visits flagged rework")
    backfilled: Count = Field(
        default=0, description="accepted events here that came in more than 2 min after they happened; only grows"
    )
    oldest: list[OldestUnit] = Field(
        default=[], max_length=MOST_OLDEST, description="[unit_id, arrived_us, visit_id], oldest first"
    )
    newest_event_us: Micros | None = Field(default=None, description="newest event time seen")


class SlotPartial(Partial):
    """Departures of one operation in one slot of time."""

    operation_id: Id
    start_us: Micros = Field(description="begin of the slot")
    width_us: int = Field(gt=0, description="width of the slot")
    n: Count = Field(description="visits closed in the slot")
    dwell: Buckets = Field(default=[], description="sketch of dwell")
    queue: Buckets = Field(default=[], description="sketch of queue time")
    process: Buckets = Field(default=[], description="sketch of process time")


class PlantPartial(Partial):
    """Totals of one partition, in units; sent at least once a second while the offset moves."""

    entered: Count = Field(description="first visits + reopenings")
    completed: Count = Field(description="units completed")
    scrapped: Count = Field(description="units scrapped")
    in_process: Count = Field(description="units with an open visit")
    in_transit: Count = Field(description="units between two visits")
    wip: Count | None = Field(default=None, description="open visits; with presence single it equals in_process")
    single: bool = Field(default=False, description="whether no unit may be at several operations at once")
    newest_event_us: Micros | None = Field(default=None, description="newest event time seen")


class CounterPartial(Message):
    """What the counters of one partition of floor.machines have counted at an operation; the sums are absolute."""

    operation_id: Id
    generation: Generation
    partition: int = Field(ge=0, description="partition of floor.machines")
    offset: int = Field(ge=0, description="last offset of floor.machines this value knows")
    model: Count = Field(description="version of the plant model that says which counters")
    counters: Count = Field(description="how many counters of the operation belong to this partition; 0: none any more")
    came_in: Count = Field(description="parts counted at the entrance")
    went_out: Count = Field(description="parts counted at the exit")
    baseline: int = Field(description="parts that were there when counting began; that of the highest model counts")
