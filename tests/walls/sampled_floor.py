"""The simulated plant in a database, with its live state: what walls read.

plant ─► reads ─► track's lanes ─► floor.visits, floor.rejects ──────────────► store's lanes ─► database
                       └─► partials ─► aggregate's lanes ─► floor.operations ─────┤
machines ─► states, counters ─► aggregate's machine lane ─► floor.work_units ─────┘
"""

import json
from dataclasses import dataclass
from pathlib import Path

from loadtest.machines import Machines
from loadtest.plant import Plant
from loadtest.reads import event
from loadtest.shifts import SECOND
from schemas.plant import load_plant
from services import topology
from services.adapters import aggregate_wire, machines_wire
from services.aggregate.handler import Lane
from services.aggregate.machines import MachineLane, Place
from services.core.identity import partition_of
from services.core.machine_plant import MachinePlant
from tests.parts import OPERATION_PARTITIONS
from tests.stored_floor import StoredFloor

DEMO_PLANT = Path(__file__).parents[2] / "loadtest" / "demo_plant.yaml"
OPERATIONS, WORK_UNITS = topology.OPERATIONS.name, topology.WORK_UNITS.name
STEP = 5 * SECOND


@dataclass
class Given:
    """A record as a lane of aggregate takes it."""

    offset: int
    key: bytes
    value: bytes


class SampledFloor(StoredFloor):
    """A stored floor whose operation states are summed up every five seconds of the plant's time."""

    def __init__(self) -> None:
        """The plant of the demo, in force."""
        super().__init__({1: load_plant(DEMO_PLANT.read_text("utf-8"))})
        self.products: dict[str, str] = {}
        """What every unit is, as its first scan says."""
        self._sums = [Lane(p, 1, 1 << 62, aggregate_wire) for p in range(OPERATION_PARTITIONS)]
        self._plants = {1: MachinePlant(self._lanes[0].models[1])}
        self._machines = MachineLane(Place(0, 1, OPERATION_PARTITIONS), 1, 1 << 62, machines_wire)
        self._machines.take([Given(0, topology.MARKER_KEY, b'{"model": 1}')], self._plants)
        self._told = 1
        self.put_marker(1)

    def work(self, plant: Plant, begin: int, end: int) -> None:
        """Let the plant work until `end` (µs): fold and sum up as time goes by."""
        for lane in self._sums:
            lane.begin(begin)
        machines = Machines(plant)
        self._machines.begin(begin)
        for now in range(begin + STEP, end + 1, STEP):
            for read in plant.reads(now):
                if read.product_id is not None:
                    self.products[read.unit_id] = read.product_id
                self.put_event(json.loads(event(read)), recorded=str(read.time).encode())
            self.track()
            self._machines_say(machines, now)
            self._sum_up(now)

    def refuse(self, unit_id: str, recorded: int) -> None:
        """A scan of a reader nobody knows."""
        scan = {"event_id": "x", "unit_id": unit_id, "read_point_id": "NOWHERE", "event_time": "2025-01-01T00:00:00Z"}
        self.put_event(scan, recorded=str(recorded).encode())

    def _machines_say(self, machines: Machines, now: int) -> None:
        said = [Given(self._told + n, b"", each.message()) for n, each in enumerate(machines.take())]
        self._told += len(said)
        self._machines.take(said, self._plants)
        for key, value, _ in self._machines.states(now, 1 << 30):
            self.put(WORK_UNITS, 0, key, value)

    def _sum_up(self, now: int) -> None:
        given: list[list[Given]] = [[] for _ in self._sums]
        for lane in self._lanes:
            for operation, key, value in lane.partials(1 << 30):
                given[partition_of(operation, OPERATION_PARTITIONS)].append(Given(0, key, value))
            totals = Given(0, f"pt|{lane.partition}".encode(), lane.totals_partial())
            for records in given:
                records.append(totals)
        for sums, records in zip(self._sums, given, strict=True):
            sums.take(records, now)
            for key, value, _ in [*sums.states(now, 1 << 30), *sums.plant(now)]:
                self.put(OPERATIONS, sums.partition, key, value)
