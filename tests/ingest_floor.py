"""The real ingest application on a log of one's choice, with a plant in force, and words for what tests say to it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx

from services.adapters.api_access import Access
from services.adapters.api_keys import Keys
from services.adapters.capture_jobs import CaptureJobs
from services.adapters.metrics import Metrics
from services.adapters.plant_master import Feed, PlantMaster
from services.adapters.plant_publish import PlantPublisher, PlantTable
from services.core.instant import parse_instant
from services.ingest.app import application, run
from services.ingest.deps import Deps, MachineReader
from services.ports import Outbox, Outgoing
from tests.fake_log import FakeLog, FixedClock, MasterFeed

NOW = "2026-11-23T06:00:00Z"
PARTITIONS = 4
PLANT = """
tracking: {max_clock_ahead: 5m, max_clock_skew: 2s}
site: {id: SH1, name: {en: Shanghai, zh: 上海}, time_zone: Asia/Shanghai}
sources:
  mes: {time_zone: Europe/Berlin, time_format: "%Y-%m-%d %H:%M:%S"}
areas:
  - id: SMT
    work_centers:
      - id: L1
        operations:
          - {id: OP10, name: {en: Print, zh: 印刷}}
          - {id: OP20, name: {en: Place, zh: 贴片}}
        read_points:
          - {id: OP10-IN, operation: OP10, action: arrive}
          - {id: OP20-IN, operation: OP20, action: arrive}
"""
EVENT = {"event_id": "e1", "event_time": NOW, "unit_id": "U1", "read_point_id": "OP10-IN"}

Records = Callable[[str], Awaitable[list[Outgoing]]]


@dataclass
class Floor:
    """An ingest to talk to, and its log. `records` gives a topic's records, per partition in order."""

    client: httpx.AsyncClient
    clock: FixedClock
    records: Records
    log: Any = None

    async def post(self, *items: object, path: str = "/v1/scans", **options: Any) -> httpx.Response:
        """Send items: one as it is, several as a list."""
        body = items[0] if len(items) == 1 else list(items)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.client.post(path, content=content, **options)

    async def scans(self) -> list[Outgoing]:
        """The records of floor.scans that are events."""
        return [record for record in await self.records("floor.scans") if not is_marker(record)]

    async def values(self, topic: str) -> list[dict[str, Any]]:
        """The records of a topic as JSON, markers left out."""
        return [json.loads(r.value or b"{}") for r in await self.records(topic) if not is_marker(r)]


def is_marker(record: Outgoing) -> bool:
    """Is this a plant-model marker?"""
    return ("marker", b"1") in record.headers


def event(**changes: object) -> dict[str, object]:
    """A scan that is accepted, but for the changes; None leaves a field out."""
    return {key: value for key, value in {**EVENT, **changes}.items() if value is not None}


@contextlib.asynccontextmanager
async def floor_on(
    outbox: Outbox, feed: Feed, records: Records, *, plant: str | None = PLANT, keys: Keys | None = None,
    table: PlantTable | None = None, machines: MachineReader | None = None, captures: CaptureJobs | None = None,
    public_url: str = "",
) -> AsyncIterator[Floor]:  # fmt: skip
    """The application, running, on this log; `plant` is in force, None: none is."""
    clock, metrics, master = FixedClock(parse_instant(NOW)), Metrics(), PlantMaster(feed)
    publisher = PlantPublisher(master, outbox, PARTITIONS, table, clock, metrics)
    access = Access(keys, "127.0.0.1", clock)
    deps = Deps(
        PARTITIONS, 1, access, clock, outbox, master, publisher, metrics, machines, captures=captures or CaptureJobs()
    )
    working = asyncio.create_task(run(deps))
    transport = httpx.ASGITransport(application(deps, public_url))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", timeout=30) as client:
        floor = Floor(client, clock, records, outbox)
        await asyncio.wait_for(master.wait_for(lambda: master.complete), 30)
        if plant is not None:
            (await client.put("/v1/plant", content=plant.encode())).raise_for_status()
        yield floor
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


@contextlib.asynccontextmanager
async def memory_floor(log: FakeLog | None = None, **options: Any) -> AsyncIterator[Floor]:
    """On a log in memory."""
    kept = FakeLog() if log is None else log

    async def records(topic: str) -> list[Outgoing]:
        return sorted(kept.of(topic), key=lambda record: record.partition)

    async with floor_on(kept, MasterFeed(kept), records, **options) as floor:
        yield floor
