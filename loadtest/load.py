"""The load of the benchmarks: one seed, one list of scans, in the order in which they are recorded.

Units go through the routing of their product, three or four scans an operation; some scans come late, some twice.
Times in µs.
"""

import heapq
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import yaml

from schemas.plant import load_plant
from services.core.equipment import PlantModel
from services.core.identity import partition_of
from services.core.instant import format_instant
from services.topology import MARKER_HEADER, MARKER_KEY, RECORDED_HEADER, SOURCE_HEADER

PROFILE = Path(__file__).with_name("profile.yaml")
START_US = 1_795_413_600_000_000
SECOND = 1_000_000
SCANS_OF_A_VISIT = (("arrive", "start", "finish"), ("arrive", "start", "finish", "depart"), ("arrive", "finish"))
MARKER = b'{"model":1}'


@dataclass(frozen=True)
class Profile:
    """profile.yaml with one of its sizes chosen."""

    seed: int
    partitions: int
    operations: int
    routing: int
    events_per_unit: tuple[int, int]
    in_process: int
    gap: float
    late: float
    late_by: tuple[float, float]
    duplicates: float
    quantities: float
    events: int
    rounds: int

    @classmethod
    def read(cls, size: str, changes: Mapping[str, int]) -> "Profile":
        """The profile of this size, with what the command line says otherwise."""
        values: dict[str, Any] = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
        values |= values.pop("sizes")[size]["track"] | changes
        ranges: dict[str, Any] = {name: tuple(values.pop(name)) for name in ("events_per_unit", "late_by")}
        return cls(**ranges, **values)

    def sized(self, events: int) -> "Profile":
        """The same with so many events."""
        return replace(self, events=events)

    @property
    def hash(self) -> str:
        """Names the load: equal hashes are equal lists of scans."""
        return sha256(repr(self).encode()).hexdigest()[:12]

    @property
    def products(self) -> int:
        """How many products share the operations."""
        return self.operations // self.routing


@dataclass(frozen=True, slots=True)
class ScanRecord:
    """A record of floor.scans, as the handler of track reads it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


class _Read(NamedTuple):
    time: int
    unit: int
    step: int
    event: dict[str, Any]


def plant_text(profile: Profile) -> str:
    """A plant file with as many lines as products, each with its operations and read points. Presence single."""
    lines, points, products = [], [], []
    for line in range(profile.products):
        names = [f"L{line:02d}.OP{10 * step:03d}" for step in range(1, profile.routing + 1)]
        operations = ", ".join(f"{{id: {name}}}" for name in names)
        points = [
            f"          - {{id: {name}.{action}, operation: {name}, action: {action}, work_unit: L{line:02d}-W}}"
            for name in names for action in ("arrive", "start", "finish", "depart")
        ]  # fmt: skip
        lines.append(
            f"      - id: L{line:02d}\n        work_units: [L{line:02d}-W]\n        operations: [{operations}]\n"
            "        read_points:\n" + "\n".join(points)
        )
        products.append(f"  - {{id: P{line:02d}, unit_cost: 12.5, routing: [{', '.join(names)}]}}")
    return (
        "site: {id: BENCH}\nareas:\n  - id: A\n    work_centers:\n" + "\n".join(lines) + "\nproducts:\n"
        + "\n".join(products) + "\n"
    )  # fmt: skip


def plant_document(profile: Profile) -> dict[str, Any]:
    """The plant as floor.master carries it."""
    return load_plant(plant_text(profile))


def plant_model(profile: Profile) -> PlantModel:
    """The plant as the rules see it, version 1."""
    return PlantModel.from_document(plant_document(profile), 1)


def _life(profile: Profile, rng: random.Random, unit: int) -> Iterator[dict[str, Any]]:
    """The scans of one unit in order, without their times."""
    line = unit % profile.products
    least, most = profile.events_per_unit
    count = rng.randint(least, most)
    scans = [
        (f"L{line:02d}.OP{10 * step:03d}", action)
        for step in range(1, profile.routing + 1)
        for action in rng.choice(SCANS_OF_A_VISIT)
    ][: count - 1]
    for number, (operation, action) in enumerate(scans):
        event = _named(rng, unit) | {"read_point_id": f"{operation}.{action}"}
        if number == 0:
            event["product_id"] = f"P{line:02d}"
        if rng.random() < profile.quantities:
            event["quantity"] = str(rng.randint(1, 9))
        yield event
    yield _named(rng, unit) | {"action": "complete"}


def _named(rng: random.Random, unit: int) -> dict[str, Any]:
    return {"event_id": str(UUID(int=rng.getrandbits(128))), "unit_id": f"SN20261123-{unit:07d}"}


def _reads(profile: Profile, rng: random.Random) -> Iterator[_Read]:
    """All scans in order of time: as many units side by side as the profile says, each followed by a new one."""
    gap = profile.gap * SECOND
    lives = [_life(profile, rng, unit) for unit in range(profile.in_process)]
    due = [(int(START_US + rng.random() * gap), unit, 0) for unit in range(profile.in_process)]
    heapq.heapify(due)
    while True:
        time, unit, step = due[0]
        event = next(lives[unit], None)
        if event is None:
            heapq.heapreplace(due, (time + 1, len(lives), 0))
            lives.append(_life(profile, rng, len(lives)))
            continue
        yield _Read(time, unit, step, event)
        heapq.heapreplace(due, (time + int(gap * rng.uniform(0.2, 1.8)), unit, step + 1))


def scans(profile: Profile) -> list[ScanRecord]:
    """Every record of floor.scans, in the order in which they come; each partition begins with the plant's marker."""
    rng = random.Random(profile.seed)
    coming: list[tuple[int, str, bytes]] = []
    for read in _reads(profile, rng):
        value = json.dumps(read.event | {"event_time": format_instant(read.time)}).encode()
        late = rng.uniform(*profile.late_by) if rng.random() < profile.late else rng.random()
        recorded = read.time + int(late * SECOND)
        coming.append((recorded, read.event["unit_id"], value))
        if rng.random() < profile.duplicates:
            coming.append((recorded + int(rng.uniform(0.5, 30) * SECOND), read.event["unit_id"], value))
        if len(coming) >= profile.events:
            break
    coming.sort()
    offsets = [1] * profile.partitions
    records = [
        ScanRecord(p, 0, START_US // 1000, MARKER_KEY, MARKER, [(MARKER_HEADER, b"1")])
        for p in range(profile.partitions)
    ]
    for recorded, unit_id, value in coming[: profile.events]:
        partition = partition_of(unit_id, profile.partitions)
        headers = [(SOURCE_HEADER, b"mes"), (RECORDED_HEADER, str(recorded).encode())]
        records.append(ScanRecord(partition, offsets[partition], recorded // 1000, unit_id.encode(), value, headers))
        offsets[partition] += 1
    return records


def by_partition(profile: Profile, records: Sequence[ScanRecord]) -> list[list[ScanRecord]]:
    """The records of each partition, in its order."""
    found: list[list[ScanRecord]] = [[] for _ in range(profile.partitions)]
    for record in records:
        found[record.partition].append(record)
    return found
