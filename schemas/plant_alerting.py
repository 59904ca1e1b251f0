"""The keys of the plant file that say when somebody is called, and who: alert rules, mutes, teams and their rosters.

Addresses, secrets and phone numbers are not here: the plant model can be read by everybody who sees the board. They
stand in the channels file of `notify`; a team only names its channels.
"""

from enum import StrEnum

from pydantic import Field

from schemas.plant_part import Name, Part, PartOrText
from schemas.plant_values import Duration, Limit, LongDuration, PlantId, TimeOfDay, Words, YesNo


class Measure(StrEnum):
    """What a rule watches."""

    WIP_ABOVE = "wip_above"
    WIP_BELOW = "wip_below"
    UNIT_DWELL_ABOVE = "unit_dwell_above"
    NO_DEPARTURE_FOR = "no_departure_for"
    MACHINE_DOWN_FOR = "machine_down_for"


class Priority(StrEnum):
    """How soon somebody should act (ISA-18.2)."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Mute(Part):
    """A time in which alerts call nobody; they are raised and shown all the same."""

    id: PlantId = Field(description="name that rules use")
    from_: TimeOfDay | None = Field(default=None, alias="from", description="local time at which it begins, every day")
    to: TimeOfDay | None = Field(default=None, description="local time at which it ends; not after `from`: next day")
    calendar: PlantId | None = Field(default=None, description="with `shift`: the calendar the shift is of")
    shift: PlantId | None = Field(default=None, description="the whole shift instead of from and to")


class Rule(Part):
    """When an alert is raised: one alert per rule and operation or work unit."""

    id: PlantId = Field(description="id of the rule, once in the whole plant")
    name: Name = Field(default=Name(), description="name people see")
    measure: Measure = Field(description="what is watched")
    operation: PlantId | None = Field(default=None, description="the operation watched")
    work_unit: PlantId | None = Field(default=None, description="the work unit watched (machine_down_for)")
    wip: Limit | None = Field(default=None, description="limit of wip_above and wip_below, in units")
    time: LongDuration | None = Field(default=None, description="limit of the other measures, such as 15m")
    deadband: Limit | None = Field(
        default=None, description="units back inside the limit before it counts as returned; default 10 % of it, ≥ 1"
    )
    on_delay: Duration | None = Field(default=None, description="it must last so long to be raised")
    off_delay: Duration | None = Field(default=None, description="it must be over for so long to end")
    priority: Priority = Field(default=Priority.MEDIUM, description="default medium")
    team: PlantId | None = Field(default=None, description="who is called; default: the team of the work center")
    mute: list[PlantId] = Field(default=[], description="mutes in which nobody is called")
    action: Name = Field(default=Name(), description="what to do, in a sentence")


class Alerting(Part):
    """Alert rules, and what holds for all of them."""

    default_rules: YesNo = Field(
        default=True, description="false: no rules from wip_limit, wip_min and dwell_limit by themselves"
    )
    on_delay: Duration = Field(
        default=30_000_000, json_schema_extra={"default": "30s"}, description="of rules on WIP without one; default 30s"
    )
    off_delay: Duration = Field(
        default=30_000_000, json_schema_extra={"default": "30s"}, description="of rules without one; default 30s"
    )
    mutes: list[Mute] = Field(default=[], description="times in which nobody is called")
    mute: list[PlantId] = Field(default=[], description="mutes of the default rules")
    rules: list[Rule] = Field(default=[], description="rules of this plant")


class Language(StrEnum):
    """In which language somebody is written to."""

    ZH = "zh"
    EN = "en"
    BOTH = "both"


class Member(PartOrText):
    """Somebody who can be called. A plain text is the id."""

    id: PlantId = Field(description="id of the person, as the channels file names them")
    name: Words | None = Field(default=None, description="name people see; default: the id")
    language: Language = Field(default=Language.BOTH, description="of messages; default both")
    channels: list[PlantId] = Field(default=[], description="channels that reach this person alone")


class Team(Part):
    """Who takes care of an alert."""

    id: PlantId = Field(description="id of the team")
    name: Name = Field(default=Name(), description="name people see")
    language: Language = Field(default=Language.BOTH, description="of messages to the team's channels; default both")
    work_centers: list[PlantId] = Field(default=[], description="alerts of these come to this team")
    calendar: PlantId | None = Field(default=None, description="the calendar whose shifts `on_duty` names")
    members: list[Member] = Field(default=[], description="the people")
    on_duty: dict[PlantId, list[PlantId]] = Field(
        default={}, description="shift → members; left out: all members, always"
    )
    channels: list[PlantId] = Field(default=[], description="channels of the whole team, such as a group robot")
