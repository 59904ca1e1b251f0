"""Show put together over a log in memory instead of a broker, and the states its tests speak of."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.adapters.alerts_read import AlertRows
from services.adapters.api_access import Access
from services.adapters.api_keys import Keys
from services.adapters.kafka_whole_log import LogRecord
from services.adapters.metrics import Metrics
from services.adapters.operations_feed import deliver
from services.adapters.plant_master import PlantMaster, PlantRecord, plant_key, plant_value
from services.adapters.show_read import DatabaseRows
from services.adapters.wire import encode
from services.core.equipment import PlantModel
from services.ports import BrokerAway, Outgoing
from services.show.alert_acts import Acts
from services.show.alerts import Alerts
from services.show.app import ShowDeps
from services.show.handler import Board
from services.show.live import Live
from services.show.rights import Rights
from services.show.routes_alerts import AlertDeps
from services.show.screens import Phone, Wall
from services.topology import PLANT_KEY

T0 = 1_795_413_600_000_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
PARTITIONS = 2


@dataclass
class SetClock:
    """A clock that a test sets."""

    now: int = T0

    def now_us(self) -> int:
        """µs since the epoch."""
        return self.now


@dataclass
class MemoryFeed:
    """No broker: what is delivered is there. `caught_up` as a test wants it."""

    caught_up: bool = True

    async def run(self) -> None:
        """Nothing comes by itself."""
        await asyncio.Event().wait()


@dataclass
class MemoryLog:
    """floor.master in memory."""

    records: list[LogRecord] = field(default_factory=list)
    at_end: bool = True
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def write(self, record: PlantRecord) -> None:
        """Append a version of the plant model."""
        self.records.append(LogRecord(len(self.records), plant_key(record.version), plant_value(record)))
        self._more.set()

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to disconnect from."""

    async def read(self, timeout_s: float) -> list[LogRecord]:
        """What has been written since the last call."""
        await self._more.wait()
        self._more.clear()
        taken, self.records = self.records, []
        return taken


@dataclass
class MemoryOutbox:
    """floor.alert_actions in memory: what was sent, by partition. `away`: the broker does not answer."""

    sent: list[Outgoing] = field(default_factory=list)
    away: bool = False

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to disconnect from."""

    async def reachable(self) -> bool:
        """Does it answer?"""
        return not self.away

    async def send(self, records: Sequence[Outgoing]) -> list[int]:
        """Keep them; offsets count per partition."""
        if self.away:
            raise BrokerAway("away")
        offsets = []
        for record in records:
            offsets.append(sum(kept.partition == record.partition for kept in self.sent))
            self.sent.append(record)
        return offsets


def deps(
    rows: DatabaseRows | None = None, clock: Any = None, *, keys: Keys | None = None, link_key: bytes | None = None,
    outbox: MemoryOutbox | None = None, alert_rows: AlertRows | None = None, wait_s: float = 0.05, **live: Any,
) -> ShowDeps:  # fmt: skip
    """Show without a broker."""
    board, alerts, metrics = Board(PARTITIONS), Alerts(PARTITIONS), Metrics()
    shown_clock, box = clock or SetClock(), outbox or MemoryOutbox()
    rights = Rights(Access(keys, "127.0.0.1", shown_clock), link_key)
    acting = AlertDeps(
        alerts, Acts(alerts, box, shown_clock, encode, PARTITIONS, wait_s), rights,
        Live(Phone(board, alerts), shown_clock, encode, **live), shown_clock, metrics, alert_rows,
    )  # fmt: skip
    return ShowDeps(
        board, Live(Wall(board, alerts), shown_clock, encode, **live), acting, shown_clock, MemoryFeed(),
        PlantMaster(MemoryLog()), box, metrics, rows,
    )  # fmt: skip


def give(board: Board, state: Mapping[str, Any], partition: int = 0) -> None:
    """A state as the feed brings it."""
    key = state["operation_id"].encode() if "operation_id" in state else PLANT_KEY
    deliver(board, partition, key, json.dumps(state).encode())


def operation(operation_id: str = "A", as_of_us: int = T0, **changed: Any) -> dict[str, Any]:
    """An OperationState; `wip` follows from the phases."""
    phases = {name: changed.get(name, 0) for name in ("queued", "running", "finished", "held")}
    counts = {"arrivals": sum(phases.values()), "departures": 0, "completed": 0, "scrapped": 0, "rework": 0}
    return {
        "operation_id": operation_id, "as_of_us": as_of_us, "wip": sum(phases.values()), **phases,
        "quantity": str(sum(phases.values())), "value": "0", **counts, "oldest": [], "over_dwell_limit": None,
        "windows": {}, "coverage": {"0": [1, as_of_us - T0]}, "newest_event_us": as_of_us, **changed,
    }  # fmt: skip


def plant(as_of_us: int = T0, wip: int = 0, **changed: Any) -> dict[str, Any]:
    """A PlantState."""
    units = {"entered": 9, "completed": 4, "scrapped": 1, "in_process": 3, "in_transit": 1}
    coverage = {"0": [1, as_of_us - T0]}
    return {
        "as_of_us": as_of_us,
        "units": units,
        "wip": wip,
        "coverage": coverage,
        "newest_event_us": as_of_us,
        **changed,
    }


def window(departures: int = 8, p50: int = 5 * MINUTE, p85: int = 9 * MINUTE, hours: float = 1) -> dict[str, Any]:
    """A window of an OperationState."""
    percentiles = {"p50": p50, "p85": p85, "p95": round(p85 * 1.4)}
    durations = dict.fromkeys(("dwell_us", "queue_us", "process_us"), percentiles)
    return {"departures": departures, "throughput_per_h": departures / hours, **durations}


def document(operations: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A canonical plant document: operation_id → what differs from an operation without limits in area X, center X1."""
    known = [
        {
            "id": operation_id, "name": {"en": operation_id, "zh": operation_id}, "area": "X", "work_center": "X1",
            "wip_limit": None, "wip_min": None, "dwell_limit_us": None, "dwell_limit_clock": "wall",
            "standard_time_us": None, **differs,
        }
        for operation_id, differs in operations.items()
    ]  # fmt: skip
    areas = dict.fromkeys(entry["area"] for entry in known)
    centers = dict.fromkeys((entry["work_center"], entry["area"]) for entry in known)
    return {
        "tracking": {
            "presence": "single", "max_clock_ahead_us": 300 * SECOND, "max_clock_skew_us": 2 * SECOND,
            "history_events": 32, "history_horizon_us": 86_400 * SECOND, "unit_retention_us": 2_592_000 * SECOND,
        },
        "site": {"id": "SH1", "name": {"en": "Shanghai", "zh": "上海"}, "time_zone": "Asia/Shanghai"},
        "sources": {}, "calendars": {}, "operations": known, "work_units": [], "read_points": [], "products": [],
        "areas": [{"id": area, "name": {"en": area, "zh": area}} for area in areas],
        "work_centers": [
            {"id": center, "name": {"en": center, "zh": center}, "area": area, "calendar": None}
            for center, area in centers
        ],
    }  # fmt: skip


def model(operations: Mapping[str, Mapping[str, Any]], version: int = 1) -> PlantModel:
    """The plant model of such a document."""
    return PlantModel.from_document(document(operations), version)
