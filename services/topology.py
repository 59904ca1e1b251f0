"""READ FIRST: the road of a scan as data. Topics, who writes and reads them, and the stages in order.

    reader / MES ─► ingest ─► floor.scans ─► track ─► floor.visits ─► store ─► database
                      │                        └────► floor.partials ─► aggregate ─► floor.operations ─► show
                      │                                               notify ◄─ floor.alerts ◄─ alert ◄─┘
                      └─────► floor.machines ─► aggregate ─► floor.work_units ─► alert, show
                                                    └──────► floor.partials (counted parts)

Stages meet only in topics. Everything else imports the names from here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

MARKER_KEY = b"\x00marker"
"""Key of a plant-model marker in floor.scans and floor.machines, or a drain barrier; its header is `MARKER_HEADER`."""
MARK_KEY = b"\x00mark"
"""Key of an end-of-frame mark in floor.visits, and of how far floor.work_units has come."""
HISTORY_PREFIX = b"\x00history|"
"""Before the work unit in the key of a history in floor.work_units."""
PLANT_KEY = b"\x00plant"
"""Key of the plant's totals in floor.operations."""
EPOCH_KEY = b"\x00epoch"
"""Key of an epoch record in floor.alerts: its offset is the epoch under which the owner of the partition writes."""
ALIVE_KEY = b"\x00alive"
"""Key of the sign of life of whoever judges a partition of floor.alerts; no value, headers `epoch` and `as_of`."""
PENDING_PREFIX = b"\x00pending|"
"""Begin of the key of what is pending in floor.alerts; the alert_id follows."""

MARKER_HEADER = "marker"
SOURCE_HEADER = "source"
RECORDED_HEADER = "recorded"
FIRST_HEADER = "first"

DAY_MS = 86_400_000
MEGABYTE = 1 << 20

LOG = {"cleanup.policy": "delete"}
COMPACTED = {"cleanup.policy": "compact", "min.compaction.lag.ms": str(DAY_MS)}
"""A day's lag: what a writer left behind that lost its partition is found, and written over, before compaction."""

WRITTEN_AGAIN_S = 600
"""So often the owner of a partition writes all its absolute values again, changed or not."""
ABSOLUTE = {
    "cleanup.policy": "compact", "min.compaction.lag.ms": "900000", "segment.ms": "300000",
    "min.cleanable.dirty.ratio": "0.1",
}  # fmt: skip
"""Absolute values: whoever starts reads all that is not compacted, so it has to be little.

Compaction keeps the value written last, readers the greatest (generation, offset). The two differ where a writer that
lost its partition wrote late, until the owner has written again. So the lag is longer than `WRITTEN_AGAIN_S` and as
long as an owner may be held up and still be one: a session and a produce request, a minute at most. What lies in a
segment that is written to is never compacted, hence its short life.
"""


@dataclass(frozen=True)
class Topic:
    """One topic. `per` says which count of partitions it has: scans (N), operations (M), or one."""

    name: str
    key: str
    schema: str
    per: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    config: Mapping[str, str] = field(default_factory=dict)


LARGEST_SCAN = 1_048_588
"""What a broker takes by its own default. Said here all the same: refused, a record goes into floor.rejects in base64,
and one that does not fit there would stop track for ever."""
SCANS = Topic(
    "floor.scans", "unit_id", "event", "scans", ("ingest", "track (forwards)", "any producer"), ("track", "store"),
    {**LOG, "message.timestamp.type": "LogAppendTime", "retention.ms": str(30 * DAY_MS),
     "max.message.bytes": str(LARGEST_SCAN)},
)  # fmt: skip
VISITS = Topic(
    "floor.visits", "unit_id", "visits", "scans", ("track",), ("store", "notify"),
    {**LOG, "retention.ms": str(30 * DAY_MS), "max.message.bytes": str(8 * MEGABYTE)},
)  # fmt: skip
REJECTS = Topic(
    "floor.rejects", "unit_id", "rejects", "scans", ("track", "ingest"), ("store",),
    {**LOG, "retention.ms": str(30 * DAY_MS), "max.message.bytes": str(8 * MEGABYTE)},
)  # fmt: skip
PARTIALS = Topic(
    "floor.partials",
    "kind|partition|…|operation_id",
    "partials",
    "operations",
    ("track", "aggregate (counters)"),
    ("aggregate",),
    ABSOLUTE,
)
OPERATIONS = Topic(
    "floor.operations",
    "operation_id",
    "operations",
    "operations",
    ("aggregate",),
    ("alert", "show", "store"),
    ABSOLUTE,
)
WORK_UNITS = Topic(
    "floor.work_units", "work_unit_id", "work_units", "scans", ("aggregate",),
    ("aggregate", "alert", "show", "store"), COMPACTED,
)  # fmt: skip
ALERTS = Topic(
    "floor.alerts", "alert_id", "alerts", "operations", ("alert",), ("alert", "notify", "show", "store"), COMPACTED
)
ALERT_ACTIONS = Topic(
    "floor.alert_actions", "alert_id", "alerts", "operations", ("show",), ("alert", "store"),
    {**LOG, "retention.ms": str(30 * DAY_MS)},
)  # fmt: skip
MACHINES = Topic(
    "floor.machines", "work_unit_id", "machines", "scans", ("ingest",), ("aggregate", "store"),
    {**LOG, "retention.ms": str(30 * DAY_MS)},
)  # fmt: skip
LARGEST_MASTER = 16 * MEGABYTE
"""A plant model of 10,000 operations with their routings takes 7."""
MASTER = Topic(
    "floor.master", "plant/<version> or order/<id>", "master", "one", ("ingest",),
    ("ingest", "track", "aggregate", "alert", "store", "notify", "show"),
    {"cleanup.policy": "compact", "max.message.bytes": str(LARGEST_MASTER)},
)  # fmt: skip

TOPICS: tuple[Topic, ...] = (
    SCANS, VISITS, REJECTS, PARTIALS, OPERATIONS, MACHINES, WORK_UNITS, ALERTS, ALERT_ACTIONS, MASTER
)  # fmt: skip
SENT: tuple[Topic, ...] = (SCANS, MACHINES, MASTER)
"""What was sent to us and nothing else says: what is of it in no row is lost with the log."""

STAGES: tuple[str, ...] = ("ingest", "track", "aggregate", "alert", "store", "notify", "show")
"""In the order of the road; each is a folder, a process and a consumer group of its own."""

TRACK_GROUP = "floor-track"
UNITS_TABLE = "units"
UNITS_CHANGELOG = f"{TRACK_GROUP}-{UNITS_TABLE}-changelog"
UNITS_CHANGELOG_CONFIG = {**COMPACTED, "max.message.bytes": str(8 * MEGABYTE)}
STORE_GROUP = "floor-store"
AGGREGATE_GROUP = "floor-aggregate"
ALERT_GROUP = "floor-alert"
NOTIFY_GROUP = "floor-notify"
SUBSCRIBER_GROUP = "floor-visits-"
"""Before the name of a subscriber to visits: each has a group of its own, so none waits for another."""


def partitions(topic: Topic, scans: int, operations: int) -> int:
    """How many partitions a topic has, given the two counts that are chosen."""
    return {"scans": scans, "operations": operations, "one": 1}[topic.per]


class Origin(NamedTuple):
    """Where a record of floor.scans first came from: source, when recorded (µs), first coordinates if forwarded."""

    source: str
    recorded: int
    first: tuple[int, int] | None


LONGEST_NUMBER = 18
"""Digits of a header that is a number: anybody may write headers, and int() raises beyond a limit of its own."""


def origin_of(headers: Iterable[tuple[str, bytes | None]], recorded: int) -> Origin:
    """What the headers say; `recorded` stands where they do not say it. Never raises."""
    source, first = "kafka", None
    for name, value in headers:
        if value is None:
            continue
        if name == SOURCE_HEADER:
            source = value.decode("utf-8", "replace")
        elif name == RECORDED_HEADER:
            recorded = _number(value, recorded)
        elif name == FIRST_HEADER:
            partition, _, offset = value.partition(b":")
            first = (_number(partition, -1), _number(offset, -1))
    return Origin(source, recorded, first if first is not None and min(first) >= 0 else None)


def _number(value: bytes, otherwise: int) -> int:
    return int(value) if value.isdigit() and len(value) <= LONGEST_NUMBER else otherwise
