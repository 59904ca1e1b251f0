"""What show answers over HTTP, for its description: live states, rows of the database, alerts. Instants are µs."""

from typing import Any

from pydantic import Field

from schemas.alerts import Alert
from schemas.answers import Answer
from schemas.message import Micros
from schemas.operations import OperationState, PlantState
from schemas.rejects import Bilingual, Origin, Reason
from schemas.visits import Flag, Outcome, Phase, UnitStatus
from schemas.work_units import WorkUnitState

Name = dict[str, str]
"""By language: en, zh."""


class Named(Answer):
    """Something of the plant model."""

    id: str
    name: Name


class OperationNow(OperationState):
    """An operation's state; `as_of_us` null: nothing was ever told of it."""

    as_of_us: Micros | None  # type: ignore[assignment]


class Aged(Answer):
    """How old a state is."""

    partition: int = Field(description="of floor.operations")
    as_of_us: Micros | None = Field(description="when it was summed up")
    confirmed_us: Micros | None = Field(description="up to when it is known to hold")
    age_s: float | None
    stale: bool = Field(description="it may be older than what happens: shown, but not to be trusted")


class OperationEntry(Aged):
    """An operation of the plant model and its live state."""

    operation_id: str
    name: Name
    area: str
    work_center: str
    wip_limit: int | None
    wip_min: int | None
    dwell_limit_us: int | None
    dwell_limit_clock: str
    in_model: bool = Field(description="false: units are still there, but the plant model has it no longer")
    state: OperationNow


class PlantEntry(Aged):
    """The plant's totals."""

    state: PlantState


class Operations(Answer):
    """Every operation of the plant model, in its order."""

    now_us: Micros
    stale_after_us: int
    confirmed_us: list[Micros | None]
    true_until_us: Micros | None
    model_version: int | None
    site: dict[str, Any] | None
    areas: list[Named]
    work_centers: list[Named]
    plant: PlantEntry | None
    operations: list[OperationEntry]


class WorkUnitEntry(Answer):
    """A work unit of the plant model and its live state; null: it never said anything."""

    work_unit_id: str
    name: Name
    work_center: str
    in_model: bool
    state: WorkUnitState | None


class WorkUnits(Answer):
    """Every work unit of the plant model, in its order."""

    now_us: Micros
    work_units: list[WorkUnitEntry]


class Rows(Answer):
    """Rows of the database."""

    now_us: Micros
    stored_up_to_us: Micros | None = Field(description="newest recorded time there; what came later may be missing")


class StoredUnit(Answer):
    """A unit."""

    unit_id: str
    status: UnitStatus
    operation_id: str
    phase: str
    visits: int
    strays: int
    quantity: str
    product_id: str | None
    events: int
    generation: int
    revision: int


class StoredVisit(Answer):
    """One stay of one unit at one operation; durations are null until it is closed."""

    unit_id: str
    visit_seq: int
    visit_id: str
    operation_id: str
    work_unit_id: str | None
    product_id: str | None
    arrived_us: Micros
    started_us: Micros | None
    finished_us: Micros | None
    departed_us: Micros | None
    outcome: Outcome
    flags: list[Flag]
    repeats: int
    runs: int
    dwell_us: int | None
    queue_us: int | None
    process_us: int | None
    wait_us: int | None
    hold_us: int | None
    quantity: str
    position: int | None
    phase: Phase
    held: bool
    model: int
    generation: int
    revision: int


class Visits(Rows):
    """A page of visits."""

    visits: list[StoredVisit]
    after: str | None = Field(description="asks for the next page; null: there is none")


class UnitAndVisits(Visits):
    """A unit and its visits."""

    unit: StoredUnit


class EventFate(Answer):
    """What became of an event of one unit."""

    event_id: str
    unit_id: str | None
    generation: int
    fate: str = Field(description="accepted, repeat, stray, voided, void, duplicate, refused, pending or forwarded")
    sentence: Bilingual = Field(description="the same for people")
    records: list[dict[str, Any]] = Field(description="every record that carries it")


class Events(Rows):
    """What became of an event, once for every unit that carries its id."""

    events: list[EventFate]


class StoredReject(Answer):
    """A refused event and its original bytes."""

    reason: Reason
    detail: Bilingual
    recorded_us: Micros
    source: str
    unit_id: str | None
    event_id: str | None
    origin: Origin
    partition: int
    offset: int
    key: str | None = Field(description="base64")
    value: str | None = Field(description="base64")
    mend_id: str = Field(description="the event_id under which a mended copy is to be sent")
    mended: bool = Field(
        description="an event of that id was taken since: of a scan GET /v1/events/ID tells more. Splits and EPCIS "
        "events become events of other ids, for which nobody looks: of them it stays false"
    )


class Rejects(Rows):
    """The newest refused events, and how many there are by reason."""

    counts: dict[str, int]
    rejects: list[StoredReject]


class AlertNow(Alert):
    """An alert with the names of the plant model; what only the machines need is left out."""

    epoch: int = Field(default=0, ge=0)
    action_offset: int = Field(default=-1, ge=-1)
    rule_name: Name | None
    subject_name: Name
    work_center: str
    work_center_name: Name
    teams: list[str]
    to_do: Name
    acknowledged_by_name: str | Name | None
    shelved_by_name: str | Name | None


class Alerts(Answer):
    """Alerts, most urgent first."""

    now_us: Micros
    count: int = Field(ge=0, description="how many there are, also beyond `limit`")
    alerts: list[AlertNow]


class AlertAndHistory(Answer):
    """An alert; its history is null where the database does not answer."""

    now_us: Micros
    alert: AlertNow
    changes: list[dict[str, Any]] | None
    actions: list[dict[str, Any]] | None
    whereabouts: list[dict[str, Any]] | None


class AlertLink(Answer):
    """What a link from a message is for."""

    now_us: Micros
    alert_id: str
    incident: int
    by: str | None
    expires_us: Micros
    alert: AlertNow


class AlertActed(Answer):
    """The alert after somebody did something about it."""

    now_us: Micros
    alert: AlertNow
    shown: bool = Field(description="false: it is in the log and on its way")
