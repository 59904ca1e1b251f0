"""What becomes of the items of a request: for each a verdict, and the records that make it true.

    item ─► read (contract) ─► enter (time, clock, id, meaning) ─► floor.scans or floor.machines
                └──────────────────┴─ BadScan ─► floor.rejects, with the original bytes

Plain synchronous code: nothing is awaited, no clock is read, nothing is sent here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from services.core.entry import EnteringEvent, Timed, Transform, enter, enter_machine, expand
from services.core.epcis_floor import floor_events
from services.core.epcis_hash import event_hash
from services.core.epcis_names import STANDARD
from services.core.equipment import PlantModel
from services.core.errors import BadScan, Reason
from services.core.identity import partition_of
from services.ports import Outgoing
from services.topology import MACHINES, RECORDED_HEADER, REJECTS, SCANS, SOURCE_HEADER

MOST_PARTS = 500
"""Parents and children of one split or merge; every child names all parents."""


class Kind(StrEnum):
    """What the items of a request are."""

    SCAN = "scan"
    MACHINE = "machine"
    TRANSFORM = "transform"
    EPCIS = "epcis"


class MachineMessage(Timed, Protocol):
    """A machine's message."""

    event_id: str | None
    work_unit_id: str


class Wire(Protocol):
    """Bytes ↔ rules; services.adapters.ingest_wire in the product."""

    def read_scan(self, raw: bytes) -> EnteringEvent: ...
    def gs1_named(self, raw: bytes) -> bytes: ...
    def read_machine(self, raw: bytes) -> MachineMessage: ...
    def read_epcis(self, raw: bytes) -> dict[str, Any]: ...
    def read_transform(self, raw: bytes) -> Transform: ...
    def submitted_event(self, **fields: Any) -> EnteringEvent: ...
    def canonical(self, message: Any) -> bytes: ...
    def glimpse(self, raw: bytes) -> tuple[str | None, str | None]: ...
    def reject_id(self, source: str, index: int, raw: bytes) -> str: ...
    def http_reject(
        self, generation: int, reject: str, refusal: BadScan, recorded: int, source: str, unit_id: str | None,
        event_id: str | None, raw: bytes,
    ) -> bytes: ...  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entrance:
    """Whose request it is, when it came (µs), and what is in force. `partitions` of floor.scans."""

    model: PlantModel
    source: str
    recorded: int
    partitions: int
    generation: int

    @property
    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """What every record of this request carries."""
        return (SOURCE_HEADER, self.source.encode()), (RECORDED_HEADER, str(self.recorded).encode())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one item: accepted, or refused and why. `parts`: ids of the events that it became, if others."""

    index: int
    event_id: str | None
    refusal: BadScan | None = None
    parts: tuple[str, ...] = ()


@dataclass(slots=True)
class Taken:
    """A request decided: the verdicts come true when all records are in the log."""

    records: list[Outgoing] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    accepted: int = 0

    @property
    def rejected(self) -> int:
        """How many items were refused."""
        return len(self.verdicts) - self.accepted


Admitted = tuple[str | None, list[Outgoing], tuple[str, ...]]


def take(wire: Wire, kind: Kind, items: Sequence[bytes], entrance: Entrance) -> Taken:
    """Decide every item of a request; one that is refused hinders no other."""
    admit = _ADMIT[kind]
    headers = entrance.headers
    taken = Taken()
    for index, raw in enumerate(items):
        try:
            event_id, records, parts = admit(wire, raw, entrance, headers)
        except BadScan as refusal:
            _refuse(wire, taken, index, raw, refusal, entrance)
        else:
            taken.records += records
            taken.verdicts.append(Verdict(index, event_id, None, parts))
            taken.accepted += 1
    return taken


def _admit_scan(wire: Wire, raw: bytes, entrance: Entrance, headers: Any) -> Admitted:
    event = wire.read_scan(wire.gs1_named(raw) if entrance.model.reads_gs1(entrance.source) else raw)
    record = _scan_record(wire, event, entrance, headers)
    return event.event_id, [record], ()


def _scan_record(wire: Wire, event: EnteringEvent, entrance: Entrance, headers: Any) -> Outgoing:
    unit_id = enter(event, entrance.model, entrance.source, entrance.recorded)
    partition = partition_of(unit_id, entrance.partitions)
    return Outgoing(SCANS.name, partition, unit_id.encode(), wire.canonical(event), headers)


def _admit_machine(wire: Wire, raw: bytes, entrance: Entrance, headers: Any) -> Admitted:
    message = wire.read_machine(raw)
    enter_machine(message, entrance.model, entrance.source, entrance.recorded)
    work_unit = message.work_unit_id
    partition = partition_of(work_unit, entrance.partitions)
    record = Outgoing(MACHINES.name, partition, work_unit.encode(), wire.canonical(message), headers)
    return message.event_id, [record], ()


def _admit_transform(wire: Wire, raw: bytes, entrance: Entrance, headers: Any) -> Admitted:
    transform = wire.read_transform(raw)
    if len(transform.parents) + len(transform.children) > MOST_PARTS:
        raise BadScan(
            Reason.MALFORMED,
            f"parents and children are more than {MOST_PARTS} together: split it into several",
            f"父件与子件合计超过 {MOST_PARTS} 个：请分成多次发送",
        )
    events = expand(transform, wire.submitted_event)
    records = [_scan_record(wire, event, entrance, headers) for event in events]
    return transform.event_id, records, tuple([event.event_id or "" for event in events])


def _admit_epcis(wire: Wire, raw: bytes, entrance: Entrance, headers: Any) -> Admitted:
    event = wire.read_epcis(raw)
    event_id = event_hash(event, STANDARD)
    events = floor_events(event, event_id, STANDARD, entrance.model, wire.submitted_event)
    records = [_scan_record(wire, each, entrance, headers) for each in events]
    return event_id, records, tuple(dict.fromkeys([each.event_id or "" for each in events]))


_ADMIT: Mapping[Kind, Callable[[Wire, bytes, Entrance, Any], Admitted]] = {
    Kind.SCAN: _admit_scan,
    Kind.MACHINE: _admit_machine,
    Kind.TRANSFORM: _admit_transform,
    Kind.EPCIS: _admit_epcis,
}


def _refuse(wire: Wire, taken: Taken, index: int, raw: bytes, refusal: BadScan, entrance: Entrance) -> None:
    unit_id, event_id = wire.glimpse(raw)
    reject = wire.reject_id(entrance.source, index, raw)
    value = wire.http_reject(
        entrance.generation, reject, refusal, entrance.recorded, entrance.source, unit_id, event_id, raw
    )
    key = (unit_id or "").encode()
    partition = partition_of(unit_id or reject, entrance.partitions)
    taken.records.append(Outgoing(REJECTS.name, partition, key, value, entrance.headers))
    taken.verdicts.append(Verdict(index, event_id, refusal))
