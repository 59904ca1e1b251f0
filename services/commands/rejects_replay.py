"""Which refused events can be sent again, and sending them.

Each is judged first as it would be judged now, under the newest plant model and with its original source and recorded
time; only what would be accepted is sent. So replaying twice fills no table with the same refusals:

    malformed            local times are readable once the plant model declares their source's time_zone / time_format
    unknown_read_point   once the plant model has it
    unknown_operation    once the plant model has it
    ambiguous_time       once its source declares a time_zone or time_format under which it is one instant
    clock_ahead          judged by the original recorded time: once tracking.max_clock_ahead allows it
    too_late             never here: what is final stays final in this life of the log
    conflicting_duplicate  never here: the first under this id has won

An event of HTTP passes the front door's rules again (clock correction, made id); a record of the log is written as it
was. Whatever is sent twice is recognised by its event_id.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.adapters import ingest_wire
from services.adapters.rejects_read import Rejected
from services.adapters.wire import UNREADABLE, decode_event
from services.core.equipment import PlantModel
from services.core.errors import BadScan, Reason
from services.core.identity import partition_of
from services.core.resolve import resolve
from services.ingest.handler import Entrance, Kind, take
from services.ports import Outgoing
from services.topology import RECORDED_HEADER, SCANS, SOURCE_HEADER

AT_ONCE = 2_000
"""Records sent and not yet acknowledged."""

NEVER: Mapping[str, str] = {
    Reason.TOO_LATE: "a replay cannot mend it: raise tracking.history_events / history_horizon and rebuild",
    Reason.CONFLICTING_DUPLICATE: "a replay cannot mend it: send the event under an event_id of its own",
}
"""Reasons that the same bytes meet again in this life of the log."""


class NotSent(Exception):
    """The broker did not take them; the message says why."""


@dataclass(slots=True)
class Again:
    """What a replay does: sent by former reason; not sent by reason, with an example of what would mend it."""

    sent: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    example: dict[str, str] = field(default_factory=dict)

    def keep(self, reason: str, why: str) -> None:
        """Count one that is not sent."""
        self.kept[reason] += 1
        self.example.setdefault(reason, why)


def judged_again(item: Rejected, model: PlantModel, partitions: int) -> list[Outgoing]:
    """The records that the refused event becomes now. Raises BadScan where it would be refused again."""
    if item.reason in NEVER:
        raise BadScan(Reason(item.reason), NEVER[item.reason], "")
    if item.origin == "http":
        return _by_the_front_door(item, model, partitions)
    unit_id, _ = resolve(decode_event(item.value), model, item.source, item.recorded)
    headers = ((SOURCE_HEADER, item.source.encode()), (RECORDED_HEADER, str(item.recorded).encode()))
    return [Outgoing(SCANS.name, partition_of(unit_id, partitions), unit_id.encode(), item.value, headers)]


def _by_the_front_door(item: Rejected, model: PlantModel, partitions: int) -> list[Outgoing]:
    raw = item.value or b""
    entrance = Entrance(model, item.source, item.recorded, partitions, 0)
    taken = take(ingest_wire, _kind(raw), [raw], entrance)
    refusal = taken.verdicts[0].refusal
    if refusal is not None:
        raise refusal
    return taken.records


def _kind(raw: bytes) -> Kind:
    """What the item was sent as: that is not kept, but no two kinds have the same fields."""
    try:
        value: Any = msgspec.json.decode(raw)
    except UNREADABLE:
        return Kind.SCAN
    if isinstance(value, dict) and "unit_id" not in value:
        if "eventTime" in value:
            return Kind.EPCIS
        if "children" in value:
            return Kind.TRANSFORM
        if "work_unit_id" in value:
            return Kind.MACHINE
    return Kind.SCAN


class Sender:
    """A producer that writes what is to be sent again."""

    def __init__(self, brokers: str) -> None:
        """Connects in start()."""
        self._brokers = brokers
        # Not idempotent: the embedded broker cannot, and a repeat is recognised by its event_id.
        self._producer = AIOKafkaProducer(bootstrap_servers=brokers, client_id="floorstream-rejects", acks="all")
        self._waiting: list[asyncio.Future[Any]] = []

    async def start(self) -> int:
        """Connect; how many partitions floor.scans has. Raises NotSent."""
        try:
            await self._producer.start()
            return len(await self._producer.partitions_for(SCANS.name))
        except (KafkaError, OSError) as error:
            raise NotSent(f"the broker at {self._brokers}: {type(error).__name__} {error}") from error

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Send; waits now and then for the acknowledgements. Raises NotSent."""
        try:
            for topic, partition, key, value, headers in records:
                self._waiting.append(
                    await self._producer.send(topic, value, key=key, partition=partition, headers=list(headers))
                )
        except KafkaError as error:
            raise NotSent(f"the broker at {self._brokers}: {type(error).__name__} {error}") from error
        if len(self._waiting) >= AT_ONCE:
            await self.settle()

    async def settle(self) -> None:
        """Wait for every acknowledgement. Raises NotSent."""
        waiting, self._waiting = self._waiting, []
        try:
            await asyncio.gather(*waiting)
        except KafkaError as error:
            raise NotSent(f"the broker at {self._brokers}: {type(error).__name__} {error}") from error

    async def stop(self) -> None:
        """Disconnect."""
        await self._producer.stop()
