"""READ FIRST: every topic, what its records hold, who writes them, and where their examples are.

A topic's examples are in `examples/<topic>/`. A file is named after its model (`unit-changed-….json`); for the first
model of a topic `valid-….json` are accepted and `invalid-….json` refused as `expected.json` beside them says.
Partitions and retention are documentation here; the running system sets them.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from schemas.alert_request import AlertRequest
from schemas.alerts import Alert, AlertAction, AlertPending
from schemas.event import BarrierMarker, ModelMarker, ScanEvent, SubmittedEvent, Transform
from schemas.machine import MachineEvent
from schemas.master import Order, PlantVersion
from schemas.message import Message
from schemas.operations import OperationState, PlantState
from schemas.partials import CounterPartial, OperationPartial, PlantPartial, SlotPartial
from schemas.rejects import Reject
from schemas.visits import FrameMark, UnitChanged
from schemas.work_units import MachinesMark, WorkUnitHistory, WorkUnitState

EXAMPLES = Path(__file__).parent / "examples"


@dataclass(frozen=True, slots=True)
class Topic:
    """One Kafka topic (or HTTP request body) and its messages."""

    name: str
    purpose: str
    key: str
    partitions: str
    retention: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    models: tuple[type[Message], ...]

    @property
    def examples(self) -> Path:
        """The folder with one example per case."""
        return EXAMPLES / self.name

    def model_of(self, example: str) -> type[Message]:
        """The model an example file is for, by its name; KeyError where no model has that name."""
        if example.startswith(("valid-", "invalid-")):
            return self.models[0]
        for model in self.models:
            if example.removesuffix(".json").startswith(kebab(model.__name__)):
                return model
        raise KeyError(
            f"{example}: name it valid-, invalid- or after one of {[kebab(m.__name__) for m in self.models]}"
        )


def kebab(name: str) -> str:
    """`UnitChanged` → `unit-changed`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


TOPICS = (
    Topic(
        name="floor.scans",
        purpose="One real-world read of a unit per record; markers stand between them. LogAppendTime. Headers: "
        "`source` (UTF-8), `recorded` (ASCII µs), `first` (ASCII partition:offset, only when forwarded).",
        key="unit_id in UTF-8; `\\0marker` with header marker=1 for markers",
        partitions="N (embedded 4, compose 8); partition = murmur2(key) mod N, as Kafka's default partitioner",
        retention="at least 7 days; the stored raw records are the archive",
        writers=("ingest", "collect", "any Kafka producer"),
        readers=("track", "store"),
        models=(ScanEvent, ModelMarker, BarrierMarker),
    ),
    Topic(
        name="floor.machines",
        purpose="State and part counters of machines; markers stand between them.",
        key="work_unit_id in UTF-8; `\\0marker` with header marker=1 for markers",
        partitions="N",
        retention="at least 7 days",
        writers=("ingest", "collect"),
        readers=("aggregate", "store"),
        models=(MachineEvent, ModelMarker),
    ),
    Topic(
        name="floor.visits",
        purpose="What each unit became by a frame, then the mark up to which the partition is told.",
        key="unit_id in UTF-8; `\\0mark` for marks",
        partitions="N; partition = that of the scans",
        retention="at least 7 days",
        writers=("track",),
        readers=("store", "notify", "any Kafka consumer"),
        models=(UnitChanged, FrameMark),
    ),
    Topic(
        name="floor.partials",
        purpose="What one partition of the scans, or of the machine events, adds to each operation.",
        key="op|<partition>|<operation_id>, sl|<partition>|<width_min>|<ring position>|<operation_id>, "
        "pt|<partition>, ct|<partition of floor.machines>|<operation_id>",
        partitions="M (embedded 2); partition = murmur2(operation_id) mod M, pt in all of them",
        retention="compacted",
        writers=("track", "aggregate"),
        readers=("aggregate",),
        models=(OperationPartial, SlotPartial, PlantPartial, CounterPartial),
    ),
    Topic(
        name="floor.operations",
        purpose="The live state of every operation and of the plant.",
        key="operation_id in UTF-8; `\\0plant` for the plant",
        partitions="M",
        retention="compacted",
        writers=("aggregate",),
        readers=("alert", "show", "store", "any Kafka consumer"),
        models=(OperationState, PlantState),
    ),
    Topic(
        name="floor.work_units",
        purpose="What every machine is doing, and its counted parts; beside that what the next owner goes on with.",
        key="work_unit_id in UTF-8; `\\0history|<work_unit_id>`; `\\0mark`",
        partitions="N; partition = that of floor.machines",
        retention="compacted",
        writers=("aggregate",),
        readers=("aggregate", "alert", "show", "store", "any Kafka consumer"),
        models=(WorkUnitState, WorkUnitHistory, MachinesMark),
    ),
    Topic(
        name="floor.alerts",
        purpose="Every version of every alert; and which limits are passed, but not for long enough yet.",
        key="alert_id in UTF-8; `\\0pending|<alert_id>`; `\\0epoch` for the owner's claim (8 bytes or empty); "
        "`\\0alive` without a value, every 5 s: all that came is judged up to header `as_of` (ASCII µs), under `epoch`",
        partitions="M; partition = murmur2(subject_id) mod M",
        retention="compacted",
        writers=("alert",),
        readers=("alert", "notify", "show", "store", "any Kafka consumer"),
        models=(AlertPending, Alert),
    ),
    Topic(
        name="floor.alert_actions",
        purpose="What people do about alerts: acknowledge, shelve, unshelve.",
        key="alert_id in UTF-8",
        partitions="M; partition = that of floor.alerts",
        retention="at least 30 days",
        writers=("show",),
        readers=("alert", "store"),
        models=(AlertAction,),
    ),
    Topic(
        name="floor.rejects",
        purpose="Refused events with reason and original bytes; they can be replayed after the cause is mended.",
        key="unit_id in UTF-8, or empty",
        partitions="N",
        retention="at least 30 days",
        writers=("track", "ingest"),
        readers=("store", "any Kafka consumer"),
        models=(Reject,),
    ),
    Topic(
        name="floor.master",
        purpose="Plant models by version, and orders.",
        key="plant/<version>; order/<order_id>",
        partitions="1",
        retention="compacted",
        writers=("ingest", "collect"),
        readers=("every stage",),
        models=(PlantVersion, Order),
    ),
)

REQUESTS = (
    Topic(
        name="http.scans",
        purpose="Body of POST /v1/scans: an event; without event_id the system makes one.",
        key="",
        partitions="",
        retention="",
        writers=("any HTTP client",),
        readers=("ingest",),
        models=(SubmittedEvent,),
    ),
    Topic(
        name="http.transforms",
        purpose="Body of POST /v1/transforms: a split or merge.",
        key="",
        partitions="",
        retention="",
        writers=("any HTTP client",),
        readers=("ingest",),
        models=(Transform,),
    ),
    Topic(
        name="http.alert_actions",
        purpose="Body of POST /v1/alerts/ALERT_ID/acknowledge, /shelve or /unshelve.",
        key="",
        partitions="",
        retention="",
        writers=("any HTTP client",),
        readers=("show",),
        models=(AlertRequest,),
    ),
)

BY_NAME = {topic.name: topic for topic in (*TOPICS, *REQUESTS)}
