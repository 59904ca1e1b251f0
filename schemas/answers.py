"""What ingest answers over HTTP, for its description; problems are those of RFC 9457."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from schemas.instant import Instant
from schemas.machine import MachineState, PartCounter
from schemas.master import Order, OrderChange
from schemas.message import Id, Quantity, SignedQuantity
from schemas.rejects import Reason


class Answer(BaseModel):
    """An answer. Clients pass over fields that they do not know: there may be more in a later release."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Problem(Answer):
    """Why a request was not done (RFC 9457). Programs decide by `code`, which never changes its meaning."""

    type: str = Field(description="urn:floorstream:problem:CODE")
    title: str = Field(description="the kind of problem, in the language of Accept-Language")
    status: int = Field(ge=400, le=599, description="as in the status line")
    detail: str = Field(description="what is wrong here and what to do")
    code: str = Field(description="the kind of problem for programs")


class Verdict(Answer):
    """What became of one item of a request."""

    index: int = Field(ge=0, description="place of the item in the request, from 0")
    event_id: str | None = Field(description="identity of the event; of an accepted one made here if none was sent")
    status: Literal["accepted", "refused"]
    reason: Reason | None = Field(description="why it was refused; null: accepted")
    detail: str | None = Field(description="which field, what is expected; null: accepted")
    parts: list[str] = Field(default=[], description="ids of the events that it became, where it is not one itself")


class Verdicts(Answer):
    """The verdict of every item, in the order in which they were sent."""

    accepted: int = Field(ge=0)
    rejected: int = Field(ge=0)
    results: list[Verdict]
    sandbox: bool = Field(default=False, description="sent with a sandbox key: judged, and nothing was written")


class CaptureError(Answer):
    """Why an event of a capture was refused; `instance` is a JSON pointer into the document."""

    type: str
    title: str
    status: int
    detail: str
    reason: Reason
    instance: str


class CaptureJob(Answer):
    """An EPCIS capture job; it is finished when it is answered."""

    captureID: str
    createdAt: str
    finishedAt: str
    running: bool
    success: bool
    captureErrorBehaviour: Literal["rollback", "proceed"]
    accepted: int = Field(ge=0)
    rejected: int = Field(ge=0)
    rolled_back: int = Field(ge=0, description="good events that were not taken, because others were refused")
    errors: list[CaptureError]
    results: list[Verdict] = Field(default=[], description="of POST only")


class CaptureJobs(RootModel[list[CaptureJob]]):
    """Capture jobs, newest first; the header Link leads to older ones."""


class PlantInForce(Answer):
    """The plant model by which events are judged."""

    version: int = Field(ge=1)
    created_by: str
    model: dict[str, Any] = Field(description="the canonical plant document, all defaults filled in")


class PlantTaken(Answer):
    """The version in force now; with ?validate=true the newest one, nothing is changed."""

    version: int = Field(ge=0)
    changed: bool | None = Field(description="false: the same model was in force already; null: only judged")


class Orders(Answer):
    """Orders by order_id, a page of them."""

    orders: list[Order]
    after: str | None = Field(description="ask again with it for the next page; null: this is the last one")


class OrderVerdict(Answer):
    """What became of one order of a request."""

    index: int = Field(ge=0, description="place of the item in the request, from 0")
    order_id: str | None = Field(description="null where it cannot be read")
    status: Literal["accepted", "refused"]
    changed: bool = Field(description="false: it was as it was sent, or was refused")
    revision: int | None = Field(description="the one that holds now; null: refused")
    reason: Literal["malformed", "version-conflict", "not-found"] | None = Field(description="null: accepted")
    detail: str | None = Field(description="which field, what is expected; null: accepted")


class OrderVerdicts(Answer):
    """The verdict of every order, in the order in which they were sent."""

    accepted: int = Field(ge=0)
    rejected: int = Field(ge=0)
    results: list[OrderVerdict]


class RequestVerdict(OrderVerdict):
    """What became of one request of a B2MML schedule; a request is an order."""

    path: str = Field(description="where its element stands: XPath without prefixes")
    line: int = Field(ge=1)
    notes: list[str] = Field(description="what was read and is not kept")


class ScheduleVerdicts(Answer):
    """The verdict of every request of a B2MML schedule, in the order of the document."""

    version: str = Field(description="of B2MML, by the document's namespace", examples=["V0700"])
    notes: list[str] = Field(description="what holds for the whole document")
    accepted: int = Field(ge=0)
    rejected: int = Field(ge=0)
    results: list[RequestVerdict]


class OrderSent(Answer):
    """A production order as it is sent: what is left out is filled in here."""

    order_id: Id | None = Field(default=None, description="that of the address, or left out")
    revision: int | None = Field(default=None, ge=1, description="the highest one holds; left out: the next")
    change: OrderChange | None = None
    changed_by: str | None = None
    changed: Instant | None = None
    product_id: Id
    quantity: Quantity = Field(description="planned pieces")
    due: Instant | None = Field(default=None, description="when it is due")
    release: Instant | None = Field(default=None, description="when it may enter the floor")
    sequence: int | None = Field(default=None, description="planned place on its line; lower is earlier")
    priority: SignedQuantity | None = Field(default=None, description="as the planning system counts it; kept only")


class StoredMachineEvent(Answer):
    """A machine event as it was stored."""

    event_time: str
    work_unit_id: str
    state: MachineState | None
    counter: PartCounter | None
    recorded_time: str
    source: str


class MachineEvents(Answer):
    """Stored machine events, newest first."""

    machine_events: list[StoredMachineEvent]


class Health(Answer):
    """The process is alive."""

    status: Literal["ok"]


class Readiness(Answer):
    """Does this process take work?"""

    ready: bool
    missing: list[str] = Field(description="what has to come first")


class SchemaFiles(Answer):
    """Names of the files that describe the messages."""

    files: list[str]
