"""The plant file as people write it: every key with its meaning and unit (the reference of keys is made from this).

site, tracking, sources, calendars
areas ▸ work centers ▸ work units, operations, read points
products with routings
teams, alerting (see plant_alerting.py)
"""

from enum import StrEnum

from pydantic import Field

from schemas.plant_alerting import Alerting, Team
from schemas.plant_part import Name, Part, PartOrText
from schemas.plant_values import (
    Amount,
    CbvWord,
    Date,
    Duration,
    HistoryEvents,
    Limit,
    LongDuration,
    PlantId,
    TimeFormat,
    TimeOfDay,
    TimeZone,
    Uri,
    Week,
    Weekday,
    YesNo,
)
from schemas.work_units import MachineCondition


class Presence(StrEnum):
    """Whether a unit is at one operation at a time, or its pieces may be at several."""

    SINGLE = "single"
    MULTIPLE = "multiple"


class ReadPointAction(StrEnum):
    """What a read at a read point may mean."""

    ARRIVE = "arrive"
    START = "start"
    FINISH = "finish"
    DEPART = "depart"
    HOLD = "hold"
    RELEASE = "release"
    SCRAP = "scrap"
    COMPLETE = "complete"
    ADJUST = "adjust"


class DwellClock(StrEnum):
    """The clock a dwell limit is measured on."""

    WALL = "wall"
    WORKING = "working"


class EpcisAction(StrEnum):
    """What a business step or disposition of EPCIS events means."""

    ARRIVE = "arrive"
    START = "start"
    FINISH = "finish"
    DEPART = "depart"
    HOLD = "hold"
    RELEASE = "release"
    SCRAP = "scrap"
    COMPLETE = "complete"
    IGNORE = "ignore"


class LastingState(StrEnum):
    """The PackML states that last until something happens."""

    SUSPENDED = "suspended"
    HELD = "held"
    ABORTED = "aborted"
    STOPPED = "stopped"
    IDLE = "idle"
    COMPLETE = "complete"


class CounterKind(StrEnum):
    """What a part counter counts."""

    GOOD = "good"
    REJECT = "reject"


class Tracking(Part):
    """The bounds within which clocks are believed and history is kept open for late events."""

    presence: Presence = Field(
        default=Presence.SINGLE, description="one place (single) or several (multiple), plant-wide"
    )
    max_clock_ahead: Duration = Field(
        default=300_000_000,
        json_schema_extra={"default": "5m"},
        description="an event_time further ahead of recorded_time is refused as clock_ahead; default 5m",
    )
    max_clock_skew: Duration = Field(
        default=2_000_000,
        json_schema_extra={"default": "2s"},
        description="a source clock wrong by more than this (by sent_time) is corrected; default 2s",
    )
    history_events: HistoryEvents = Field(default=32, description="events kept open per unit for late ones; default 32")
    history_horizon: LongDuration = Field(
        default=86_400_000_000,
        json_schema_extra={"default": "24h"},
        description="how far behind a unit's newest event a late one may be; default 24h",
    )
    unit_retention: LongDuration = Field(
        default=2_592_000_000_000,
        json_schema_extra={"default": "30d"},
        description="a unit finished for longer than this shrinks to a stub; default 30d",
    )


class Site(Part):
    """The plant."""

    id: PlantId = Field(default="site", description="id of the site")
    name: Name = Field(default=Name(), description="name people see")
    time_zone: TimeZone = Field(default="UTC", description="IANA zone of shifts, plant dates and reports; default UTC")


class Identifiers(StrEnum):
    """What a unit_id of a source is."""

    TEXT = "text"
    GS1 = "gs1"


class Source(Part):
    """How one sender of events writes time and names units."""

    time_zone: TimeZone | None = Field(
        default=None, description="zone of local times without an offset; without it they are refused"
    )
    time_format: TimeFormat = Field(
        default="rfc3339", description="rfc3339, iso, epoch_s, epoch_ms, epoch_us or a strptime pattern"
    )
    identifiers: Identifiers = Field(
        default=Identifiers.TEXT,
        description="gs1: its units are GS1 element strings, Digital Links or EPC URNs as scanned; default text",
    )


class Shift(Part):
    """One shift of a working day; it belongs to the plant date on which it begins."""

    id: PlantId = Field(description="id of the shift, for example A")
    name: Name = Field(default=Name(), description="name people see")
    from_: TimeOfDay = Field(alias="from", description="local time at which the shift begins")
    to: TimeOfDay = Field(description="local time at which it ends; not after `from`: on the next day")
    breaks: list[list[TimeOfDay]] = Field(
        default=[], description="[from, to] pairs inside the shift in which nobody works"
    )


class CalendarException(Part):
    """One date that differs from the week."""

    date: Date = Field(description="the plant date")
    off: YesNo = Field(default=False, description="true: no shift on this date")
    as_: Weekday | None = Field(default=None, alias="as", description="work as on this weekday")
    add: list[list[TimeOfDay]] = Field(default=[], description="[from, to] pairs of working time besides")


class Calendar(Part):
    """When a work center works."""

    week: Week = Field(
        default=["mon", "tue", "wed", "thu", "fri", "sat", "sun"], description="weekdays worked; default all"
    )
    shifts: list[Shift] = Field(min_length=1, description="the shifts of a working day")
    exceptions: list[CalendarException] = Field(default=[], description="holidays, swapped days, overtime")


class WorkUnit(PartOrText):
    """A station or machine. A plain text is its id."""

    id: PlantId = Field(description="work_unit_id")
    name: Name = Field(default=Name(), description="name people see")
    states: dict[LastingState, MachineCondition] = Field(
        default={},
        description="what a PackML state means here, with the states on the way to and from it; default: suspended, "
        "idle and complete are starved, held, aborted and stopped are down; idle, complete and stopped are off while "
        "nobody works",
    )


class PartCounter(Part):
    """A counter of a machine."""

    work_unit: PlantId = Field(description="the machine")
    counter: CounterKind = Field(default=CounterKind.GOOD, description="good or reject; default good")


class CountedWip(Part):
    """WIP where parts carry no identity: baseline + in − out."""

    in_: list[PartCounter] = Field(alias="in", min_length=1, description="counters of what comes in")
    out: list[PartCounter] = Field(min_length=1, description="counters of what goes out")
    baseline: Limit = Field(default=0, description="parts that are there when counting begins; default 0")


class Operation(Part):
    """One step of work: WIP and dwell are kept per operation."""

    id: PlantId = Field(description="operation_id, once in the whole plant")
    name: Name = Field(default=Name(), description="name people see")
    wip_limit: Limit | None = Field(default=None, description="most units that should be here")
    wip_min: Limit | None = Field(default=None, description="fewest units that should be here (starvation below)")
    dwell_limit: LongDuration | None = Field(default=None, description="longest time a unit should stay, such as 15m")
    dwell_limit_clock: DwellClock = Field(
        default=DwellClock.WALL, description="clock of dwell_limit; working needs a calendar"
    )
    standard_time: LongDuration | None = Field(
        default=None, description="planned process time of one unit, such as 45s"
    )
    counted: CountedWip | None = Field(default=None, description="WIP by machine counters, beside that of the scans")


class ReadPoint(Part):
    """A scanner, portal or tag, and what a read there means; what is left out here the event must say."""

    id: PlantId = Field(description="read_point_id")
    operation: PlantId | None = Field(default=None, description="operation_id a read here belongs to")
    action: ReadPointAction | None = Field(default=None, description="what a read here means")
    work_unit: PlantId | None = Field(default=None, description="work unit it stands at")
    epcis: list[Uri] = Field(default=[], description="ids of readPoint or bizLocation in EPCIS events that mean it")


class WorkCenter(Part):
    """A production line, process cell or storage zone."""

    id: PlantId = Field(description="id of the work center")
    name: Name = Field(default=Name(), description="name people see")
    calendar: PlantId | None = Field(
        default=None, description="a calendar of `calendars`; default: works around the clock"
    )
    work_units: list[WorkUnit] = Field(default=[], description="stations and machines")
    operations: list[Operation] = Field(default=[], description="operations done here, in order of the line")
    read_points: list[ReadPoint] = Field(default=[], description="scanners, portals and tags")


class Area(Part):
    """A part of the site."""

    id: PlantId = Field(description="id of the area")
    name: Name = Field(default=Name(), description="name people see")
    work_centers: list[WorkCenter] = Field(default=[], description="lines, cells and zones of the area")


class Product(Part):
    """What is made, and the way it takes."""

    id: PlantId = Field(description="product_id")
    unit_cost: Amount | None = Field(default=None, description="cost of quantity 1, for WIP in money")
    currency: str | None = Field(
        default=None, pattern="^[A-Z]{3}$", description="ISO 4217 code of unit_cost, such as CNY"
    )
    routing: list[PlantId] = Field(
        default=[], description="operation ids in order; empty: any operation may follow any other"
    )
    presence: Presence | None = Field(default=None, description="overrides tracking.presence for this product")


class Epcis(Part):
    """What EPCIS events mean here, where it is not what the standard's words mean by default."""

    biz_steps: dict[CbvWord, EpcisAction] = Field(
        default={}, description="business step, a word of CBV or a URI → action; wins over the read point's"
    )
    dispositions: dict[CbvWord, EpcisAction] = Field(
        default={}, description="disposition, a word of CBV or a URI → action; wins over the business step's"
    )


class PlantDocument(Part):
    """The plant model: one YAML file. Durations are written 45s, 15m, 24h, 30d."""

    tracking: Tracking = Field(default=Tracking(), description="bounds of clocks and late events")
    site: Site = Field(default=Site(), description="the plant")
    sources: dict[PlantId, Source] = Field(default={}, description="senders of events whose times need explaining")
    calendars: dict[PlantId, Calendar] = Field(default={}, description="working calendars by name")
    areas: list[Area] = Field(min_length=1, description="areas of the site")
    products: list[Product] = Field(default=[], description="products with their routings")
    epcis: Epcis = Field(default=Epcis(), description="what EPCIS events mean")
    teams: list[Team] = Field(default=[], description="who is called")
    alerting: Alerting = Field(default=Alerting(), description="when somebody is called")
