"""A floor whose scans and frames are written to a broker, and what the database must hold of them in the end."""

import random
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer

from services.topology import SCANS, VISITS
from tests.parts import SCAN_PARTITIONS, ask, until
from tests.store_frames import Events, Said, published
from tests.store_messages import T0, change, encoded, key_of, mark, scan, visit

Rows = set[tuple[object, ...]]


@dataclass
class Floor:
    """Per partition a random log, and what track workers say of it."""

    seed: int
    events: int = 400
    longest_frame: int = 40
    logs: list[Events] = field(init=False)
    visits: list[list[Said | int]] = field(init=False)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        units = [tuple(f"p{p}-u{n}" for n in range(20)) for p in range(SCAN_PARTITIONS)]
        self.logs = [Events.random(rng, self.events, names) for names in units]
        self.visits = [published(rng, log, self.longest_frame) for log in self.logs]

    async def produce(self, broker: str, part: int = 0, parts: int = 1) -> None:
        """Write one of several equal parts of everything, partition by partition."""
        producer = AIOKafkaProducer(bootstrap_servers=broker, linger_ms=5)
        await producer.start()
        try:
            for partition in range(SCAN_PARTITIONS):
                for offset, (unit, _) in share(list(enumerate(self.logs[partition].touched)), part, parts):
                    headers = [("source", b"mes"), ("recorded", str(T0 + offset).encode())]
                    value = scan(unit, f"e{partition}-{offset}")
                    await producer.send(SCANS.name, value, unit.encode(), partition=partition, headers=headers)
                for said in share(self.visits[partition], part, parts):
                    message = message_of(said, partition)
                    await producer.send(VISITS.name, encoded(message), key_of(message), partition=partition)
            await producer.flush()
        finally:
            await producer.stop()

    async def stored(self, dsn: str, seconds: float = 120) -> None:
        """Wait until the database has everything up to the last mark."""
        query = "SELECT partition FROM sink_positions WHERE topic = $1 AND mark = $2 AND position = ANY ($3)"
        ends = [len(said) for said in self.visits]

        async def all_there() -> bool:
            return len(await ask(dsn, query, VISITS.name, self.events - 1, ends)) == SCAN_PARTITIONS

        await until(all_there, "every frame is in the database", seconds)

    async def check(self, dsn: str) -> None:
        """The database holds exactly the raw scans and the newest rows."""
        raw = await ask(dsn, 'SELECT partition, "offset", unit_id, event_id, source, key FROM raw_scans')
        assert {tuple(row) for row in raw} == self.raw_rows()
        assert len(raw) == SCAN_PARTITIONS * self.events
        units = await ask(dsn, "SELECT unit_id, partition, revision FROM units WHERE NOT deleted")
        assert {tuple(row) for row in units} == self.unit_rows()
        visits = await ask(dsn, "SELECT unit_id, visit_seq, visit_id FROM visits WHERE NOT deleted")
        assert {tuple(row) for row in visits} == self.visit_rows()

    def raw_rows(self) -> Rows:
        """(partition, offset, unit_id, event_id, source, key) of every scan."""
        return {
            (partition, offset, unit, f"e{partition}-{offset}", "mes", unit.encode())
            for partition, log in enumerate(self.logs)
            for offset, (unit, _) in enumerate(log.touched)
        }

    def unit_rows(self) -> Rows:
        """(unit_id, partition, revision) at the end."""
        return {
            (unit, partition, accepted)
            for partition, log in enumerate(self.logs)
            for unit, (accepted, _) in log.truth.items()
        }

    def visit_rows(self) -> Rows:
        """(unit_id, visit_seq, visit_id) at the end."""
        truths = [log.truth for log in self.logs]
        return {(u, seq, text) for truth in truths for u, (_, visits) in truth.items() for seq, text in visits.items()}


def share(of: list[Any], part: int, parts: int) -> list[Any]:
    """One of several consecutive parts."""
    return of[len(of) * part // parts : len(of) * (part + 1) // parts]


def message_of(said: Said | int, partition: int) -> dict[str, Any]:
    """The record of floor.visits."""
    if isinstance(said, int):
        return mark(said, partition=partition)
    rows = [visit(seq, visit_id=text) for seq, text in said.visits.items()]
    return change(said.unit, said.accepted, said.offset, rows, deleted=said.deleted, partition=partition)
