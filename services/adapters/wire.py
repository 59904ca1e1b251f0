"""Bytes ↔ rules, on the hot road: the messages of schemas/ read and written with msgspec.

The contract itself is pydantic (schemas/); a contract test shows that both accept and refuse the same messages.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from services.core.errors import BadScan, Reason
from services.core.history import History
from services.core.instant import parse_instant
from services.core.ledger import Counts, OperationLedger, Totals
from services.core.resolve import OTHER_LIMIT
from services.core.text import clean
from services.core.unit import Outcome, Phase, Status, UnitState, Visit, flag_names
from services.core.windows import Slot


class EventMessage(msgspec.Struct, gc=False):
    """An event as it stands in floor.scans; fields nobody knows are passed over.

    `recorded_time` and `source` are the system's: on Kafka whatever stands there is ignored, see decode_line.
    """

    event_id: str | None = None
    event_time: str | int | float | None = None
    unit_id: str | None = None
    read_point_id: str | None = None
    operation_id: str | None = None
    action: str | None = None
    quantity: Decimal | None = None
    scrap_quantity: Decimal | None = None
    quantity_delta: Decimal | None = None
    order_id: str | None = None
    product_id: str | None = None
    work_unit_id: str | None = None
    operator_id: str | None = None
    parent_ids: list[str] | None = None
    voids: str | None = None
    sent_time: str | int | float | None = None
    device_time: str | int | float | None = None
    recorded_time: Any = None
    source: Any = None


class Marker(msgspec.Struct, gc=False):
    """A record of floor.scans that is no event: a plant-model version comes into force, or a drain waits."""

    model: int | None = None
    barrier: str | None = None


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises for bytes that are not the message: no JSON, no UTF-8, nested without end."""

_AMOUNTS = ("quantity", "scrap_quantity", "quantity_delta")
_AMOUNT = re.compile(rb"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?").fullmatch
_amounts_as_text = re.compile(rb'quantity(?:_delta)?"\s*:\s*"([^"]*)"').findall
_LONGEST_AMOUNT = 1000

_decode_event = msgspec.json.Decoder(EventMessage).decode
_decode_marker = msgspec.json.Decoder(Marker).decode
_decode_any = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder(decimal_format="string").encode
"""Any message as JSON bytes."""


def decode_event(value: bytes | None) -> EventMessage:
    """The event in a record. Raises BadScan(malformed)."""
    if value is None:
        raise BadScan(Reason.MALFORMED, "the record has no value", "记录内容为空")
    try:
        event = _decode_event(value)
        if not value.isascii():
            value.decode()  # the decoder does not look into what it passes over
    except UNREADABLE as bad:
        raise BadScan(Reason.MALFORMED, f"not an event: {bad}", f"无法解析为事件:{bad}") from None
    if event.quantity is not None or event.scrap_quantity is not None or event.quantity_delta is not None:
        _check_amounts(value)
    return event


def decode_line(value: bytes) -> EventMessage:
    """The event in a line of an event file; `source` is text and `recorded_time` int µs there. Raises BadScan."""
    event = decode_event(value)
    try:
        if event.source is not None:
            event.source = _source(event.source)
        if event.recorded_time is not None:
            event.recorded_time = parse_instant(str(event.recorded_time))
    except ValueError as bad:
        raise BadScan(Reason.MALFORMED, f"source or recorded_time: {bad}", f"source 或 recorded_time：{bad}") from None
    return event


def _source(value: object) -> str:
    text = clean(value) if isinstance(value, str) else ""
    if not 0 < len(text) <= OTHER_LIMIT:
        raise ValueError(f"expected text of 1 to {OTHER_LIMIT} characters")
    return text


def _check_amounts(value: bytes) -> None:
    """The decoder takes what Python's Decimal takes, blanks, underscores and all digits of Unicode; we do not."""
    if b"\\" not in value and all(map(_is_amount, _amounts_as_text(value))):
        return
    document = _decode_any(value)  # what was found may stand in a field that nobody knows
    for name in _AMOUNTS:
        amount = document.get(name)
        if isinstance(amount, str) and not _is_amount(amount.encode()):
            raise BadScan(
                Reason.MALFORMED,
                f"{name} {amount[:40]!r}: expected a decimal such as 12 or 0.5",
                f"{name} {amount[:40]!r}：应为十进制数，例如 12 或 0.5",
            )


def _is_amount(text: bytes) -> bool:
    return len(text) <= _LONGEST_AMOUNT and _AMOUNT(text) is not None


def decode_marker(value: bytes | None) -> Marker:
    """What a marker says; one that cannot be read says nothing."""
    try:
        return _decode_marker(value or b"{}")
    except UNREADABLE:
        return Marker()


class VisitRow(msgspec.Struct, gc=False):
    """A visit in floor.visits."""

    visit_seq: int
    visit_id: str
    operation_id: str
    work_unit_id: str | None
    product_id: str | None
    arrived_us: int
    started_us: int | None
    finished_us: int | None
    departed_us: int | None
    outcome: str
    flags: list[str]
    repeats: int
    runs: int
    dwell_us: int | None
    queue_us: int | None
    process_us: int | None
    wait_us: int | None
    hold_us: int | None
    quantity: str
    position: int | None
    phase: str
    held: bool
    model: int


class UnitRow(msgspec.Struct, gc=False):
    """A unit in floor.visits."""

    status: str
    operation_id: str
    phase: str
    visits: int
    strays: int
    quantity: str
    product_id: str | None
    events: int


class UnitChanged(msgspec.Struct, gc=False):
    """What a frame changed of one unit."""

    generation: int
    accepted: int
    partition: int
    offset: int
    unit_id: str
    unit: UnitRow
    visits: list[VisitRow]
    deleted: list[int]


STATUS_NAMES = tuple(status.name.lower() for status in Status)
OUTCOME_NAMES = tuple(outcome.name.lower() for outcome in Outcome)
PHASE_NAMES = tuple(phase.name.lower() for phase in Phase)
_flag_names = lru_cache(maxsize=1024)(flag_names)


@lru_cache(maxsize=4096)
def decimal_text(millionths: int) -> str:
    """Millionths as a plain decimal: 1500000 → `1.5`."""
    sign = "-" if millionths < 0 else ""
    whole, fraction = divmod(abs(millionths), 1_000_000)
    return f"{sign}{whole}" if not fraction else f"{sign}{whole}.{fraction:06d}".rstrip("0")


def visit_row(visit: Visit) -> VisitRow:
    """A visit as it is published; an open one has no durations yet."""
    closed = visit.departed is not None
    return VisitRow(
        visit.seq, visit.visit_id, visit.operation, visit.work_unit, visit.product,
        visit.arrived, visit.started, visit.finished, visit.departed,
        OUTCOME_NAMES[visit.outcome], _flag_names(visit.flags), visit.repeats, visit.runs,
        visit.dwell if closed else None, visit.queue if closed else None, visit.process if closed else None,
        visit.wait if closed else None, visit.hold if closed else None,
        decimal_text(visit.quantity), visit.position, PHASE_NAMES[visit.phase], visit.held, visit.model,
    )  # fmt: skip


def unit_row(state: UnitState, product: str | None) -> UnitRow:
    """A unit as it is published: its open visits joined in order of operation_id."""
    stays = state.open
    if len(stays) > 1:
        stays = sorted(stays, key=lambda visit: visit.operation)
    return UnitRow(
        STATUS_NAMES[state.status],
        "|".join([visit.operation for visit in stays]),
        "|".join(["held" if visit.held else PHASE_NAMES[visit.phase] for visit in stays]),
        state.visits, state.strays, decimal_text(state.quantity), product, state.events,
    )  # fmt: skip


def unit_changed(
    generation: int, partition: int, offset: int, unit_id: str, history: History, changed: Mapping[int, Visit | None]
) -> bytes:
    """The message of one unit and frame."""
    return encode(
        UnitChanged(
            generation, history.accepted, partition, offset, unit_id,
            unit_row(history.now, history.product),
            [visit_row(visit) for visit in changed.values() if visit is not None],
            [seq for seq, visit in changed.items() if visit is None],
        )
    )  # fmt: skip


def operation_partial(
    generation: int,
    partition: int,
    offset: int,
    operation: str,
    books: OperationLedger,
    oldest: list[Any],
    newest: int | None,
) -> bytes:
    """The absolute state of one operation in one partition."""
    counts = books.counts
    return encode(
        {
            "generation": generation, "partition": partition, "offset": offset, "operation_id": operation,
            "queued": counts.queued, "running": counts.running, "finished": counts.finished, "held": counts.held,
            "quantity": decimal_text(counts.quantity), "value": value_text(counts.value),
            "arrivals": counts.arrivals, "departures": counts.departures, "completed": counts.completed,
            "scrapped": counts.scrapped, "rework": counts.rework, "backfilled": books.backfilled, "oldest": oldest,
            "newest_event_us": newest,
        }
    )  # fmt: skip


def slot_partial(generation: int, partition: int, offset: int, operation: str, slot: Slot) -> bytes:
    """The absolute content of one slot of one operation in one partition."""
    return encode(
        {
            "generation": generation, "partition": partition, "offset": offset, "operation_id": operation,
            "start_us": slot.start_us, "width_us": slot.width_us, "n": slot.n,
            "dwell": slot.dwell.pairs(), "queue": slot.queue.pairs(), "process": slot.process.pairs(),
        }
    )  # fmt: skip


def totals_partial(
    generation: int, partition: int, offset: int, totals: Totals, wip: int, single: bool, newest: int | None
) -> bytes:
    """How far a partition has come, and its units."""
    return encode(
        {
            "generation": generation, "partition": partition, "offset": offset,
            "entered": totals.entered, "completed": totals.completed, "scrapped": totals.scrapped,
            "in_process": totals.in_process, "in_transit": totals.in_transit, "wip": wip, "single": single,
            "newest_event_us": newest,
        }
    )  # fmt: skip


def value_text(value: int) -> str:
    """A value in 10⁻¹² as a decimal of at most 12 places."""
    sign = "-" if value < 0 else ""
    whole, fraction = divmod(abs(value), 10**12)
    return f"{sign}{whole}" if not fraction else f"{sign}{whole}.{fraction:012d}".rstrip("0")


def counts_tuple(counts: Counts) -> tuple[int, ...]:
    """All of `Counts` in order of its fields."""
    return (
        counts.queued, counts.running, counts.finished, counts.held, counts.quantity, counts.value,
        counts.arrivals, counts.departures, counts.completed, counts.scrapped, counts.rework,
    )  # fmt: skip
