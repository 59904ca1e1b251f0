"""A floor whose log is folded by the stream's own lanes and stored by the store's own lanes, without a broker.

put records ─► track() frames of floor.visits and floor.rejects ─► store() transactions of the database
"""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from services import topology
from services.adapters import track_wire
from services.adapters.timescale_pool import open_pool
from services.adapters.timescale_write import Claim, SinkWriter, make_staging
from services.core.equipment import PlantModel
from services.core.identity import partition_of
from services.store.lanes import Lanes
from services.track.handler import Effects, Lane
from tests.parts import SCAN_PARTITIONS

T0_MS = 1_795_400_000_000
SCANS, VISITS, REJECTS = topology.SCANS.name, topology.VISITS.name, topology.REJECTS.name
MASTER = topology.MASTER.name
Headers = Sequence[tuple[str, Any]]


@dataclass
class Record:
    """A record as the Kafka client gives it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int = T0_MS


class StoredFloor:
    """floor.scans of some partitions, what track makes of it, and a database that is given all of it."""

    def __init__(self, documents: Mapping[int, dict[str, Any]], seed: int = 0, generation: int = 1) -> None:
        """`documents`: the plant's versions as canonical documents."""
        self._random = random.Random(seed)
        self._generation = generation
        self.logs: dict[tuple[str, int], list[Record]] = {}
        self._documents = documents
        models = {version: PlantModel.from_document(document, version) for version, document in documents.items()}
        self._lanes = [
            Lane(p, lambda unit: partition_of(unit, SCAN_PARTITIONS), generation, models, {}, track_wire)
            for p in range(SCAN_PARTITIONS)
        ]  # fmt: skip
        self._tracked = [0] * SCAN_PARTITIONS

    def put(self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers = ()) -> int:
        """Append a record; its offset."""
        log = self.logs.setdefault((topic, partition), [])
        log.append(Record(topic, partition, len(log), key, value, headers, T0_MS + len(log)))
        return len(log) - 1

    def put_marker(self, version: int) -> None:
        """Bring a plant model into force in every partition."""
        for partition in range(SCAN_PARTITIONS):
            value = json.dumps({"model": version}).encode()
            self.put(SCANS, partition, topology.MARKER_KEY, value, [(topology.MARKER_HEADER, b"1")])

    def put_event(self, event: Mapping[str, Any], partition: int | None = None, **headers: bytes) -> tuple[int, int]:
        """Append an event where its unit belongs, or elsewhere; its coordinates."""
        unit = str(event["unit_id"])
        at = partition_of(unit, SCAN_PARTITIONS) if partition is None else partition
        value = json.dumps(event, ensure_ascii=False).encode()
        return at, self.put(SCANS, at, unit.encode(), value, list(headers.items()))

    def put_all(self, events: Iterable[Mapping[str, Any]], misrouted: float = 0.0) -> None:
        """Append events, a share of them to some partition or other."""
        for event in events:
            astray = self._random.randrange(SCAN_PARTITIONS) if self._random.random() < misrouted else None
            self.put_event(event, astray)

    def track(self) -> None:
        """Fold everything in frames of any size; what is forwarded is folded as well."""
        while behind := [p for p in range(SCAN_PARTITIONS) if self._tracked[p] < len(self.logs[SCANS, p])]:
            partition = self._random.choice(behind)
            start = self._tracked[partition]
            frame = self.logs[SCANS, partition][start : start + self._random.randint(1, 200)]
            effects, at = self._lanes[partition].fold(frame, 0, frame[-1].offset)
            self._tracked[partition] += at
            self._send(partition, effects)

    def _send(self, partition: int, effects: Effects) -> None:
        for topic, items in ((VISITS, effects.outputs), (REJECTS, effects.rejects)):
            for key, value, headers in items:
                self.put(topic, partition, key, value, headers)
        for target, (key, value, headers) in effects.forwards:
            self.put(SCANS, target, key, value, headers)

    async def store(self, dsn: str, without: frozenset[str] = frozenset()) -> None:
        """Write all that there is (but for topics in `without`), as the store does."""
        if (MASTER, 0) not in self.logs:
            for version, document in self._documents.items():
                plant = {"version": version, "created_us": 0, "created_by": "test", "model": document}
                self.put(MASTER, 0, f"plant/{version}".encode(), json.dumps(plant).encode())
        pool = await open_pool(dsn, application="test", setup=make_staging)
        try:
            await self._write(pool, without)
        finally:
            await pool.close()

    async def _write(self, pool: asyncpg.Pool, without: frozenset[str]) -> None:
        writer = SinkWriter(pool, self._generation)
        wanted = {(topic, p) for topic in (SCANS, VISITS, REJECTS) for p in range(SCAN_PARTITIONS)}
        claims: dict[tuple[str, int], Claim] = await writer.claim(sorted(wanted | self.logs.keys()))
        lanes = Lanes(self._generation, claims, {place: claim.position for place, claim in claims.items()})
        for (topic, partition), log in self.logs.items():
            if topic not in without:
                lanes.take(topic, partition, log)
        await writer.write(lanes.cut())
