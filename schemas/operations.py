"""floor.operations: the live state of every operation (key operation_id) and of the plant (key `\\0plant`)."""

from pydantic import Field

from schemas.message import Count, EventId, Id, Message, Micros, Total, UnitId
from schemas.partials import MOST_OLDEST

Coverage = dict[str, tuple[int, int]]
"""Partition of floor.scans → (generation, offset) up to which it is counted."""


class Percentiles(Message):
    """Percentiles of a duration in µs, at most 1 % off; empty where nothing closed."""

    p50: Micros | None = Field(default=None, description="median")
    p85: Micros | None = Field(default=None, description="85th percentile")
    p95: Micros | None = Field(default=None, description="95th percentile")


class Window(Message):
    """One operation over the last 15 min, 1 h or 8 h, by departure, whole slots."""

    departures: Count = Field(description="visits closed in the window")
    throughput_per_h: float = Field(ge=0, description="departures per hour")
    dwell_us: Percentiles
    queue_us: Percentiles
    process_us: Percentiles


class OldestStay(Message):
    """An open stay that has lasted long."""

    unit_id: UnitId
    visit_id: EventId
    arrived_us: Micros = Field(description="instant of arrival")
    over_p85_in_us: int | None = Field(
        default=None, description="µs until its age passes the p85 of dwell here; negative: passed; null: no p85 yet"
    )


class CountedWip(Message):
    """WIP from the counters at the entrance and exit of an operation, beside that of the scans."""

    wip: int = Field(description="baseline + in − out; below zero where counters or baseline are wrong")
    came_in: Count = Field(description="parts counted in")
    went_out: Count = Field(description="parts counted out")
    difference: int = Field(description="counted WIP − WIP of the scans, in pieces")


class OperationState(Message):
    """One operation now."""

    operation_id: Id
    as_of_us: Micros = Field(description="instant this was summed up")
    wip: Count = Field(description="open visits = queued + running + finished + held")
    queued: Count
    running: Count
    finished: Count
    held: Count
    quantity: Total = Field(description="pieces of the open visits")
    value: Total = Field(description="quantity × unit cost of the open visits")
    arrivals: Count = Field(description="visits opened; arrivals − departures = wip")
    departures: Count = Field(description="visits closed")
    completed: Count
    scrapped: Count
    rework: Count
    oldest: list[OldestStay] = Field(default=[], max_length=MOST_OLDEST, description="oldest first")
    over_dwell_limit: Count | None = Field(
        default=None, description="open stays longer than dwell_limit; null: the operation has none"
    )
    over_dwell_limit_is_least: bool = Field(default=False, description="there may be more than over_dwell_limit")
    last_departure_us: Micros | None = Field(
        default=None,
        description="begin of the newest minute (over 1 h ago: ten minutes) when a visit closed; null: none in 8 h",
    )
    backfilled: Count = Field(
        default=0, description="accepted events that came in more than 2 min after they happened; only grows"
    )
    counted: CountedWip | None = Field(default=None, description="WIP by counters; null: the operation has none")
    windows: dict[str, Window] = Field(default={}, description="`15m`, `1h`, `8h`")
    coverage: Coverage = Field(description="partition → [generation, offset] counted up to")
    newest_event_us: Micros | None = Field(default=None, description="newest event time; null: none yet")


class PlantUnits(Message):
    """Units of the plant: entered − completed − scrapped = in_process + in_transit."""

    entered: Count
    completed: Count
    scrapped: Count
    in_process: Count
    in_transit: Count


class PlantState(Message):
    """The plant now."""

    as_of_us: Micros = Field(description="instant this was summed up")
    units: PlantUnits
    wip: Count = Field(description="open visits of all operations")
    coverage: Coverage = Field(description="partition → [generation, offset] counted up to")
    newest_event_us: Micros | None = Field(default=None, description="newest event time; null: none yet")
