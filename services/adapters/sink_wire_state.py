"""Bytes of operations, work units, master data and machine events → rows of the store; see sink_wire for the rules."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from services import topology
from services.adapters.plant_master import ORDER_PREFIX, PLANT_PREFIX
from services.adapters.sink_wire import UNREADABLE, Record, clamp_us, of_this_life, recorded_us, source_of, strictly
from services.core.resolve import LIMITS
from services.core.stored import Row, TableRow

SECOND_US = 1_000_000
SAMPLED_WINDOW = "8h"
"""The window whose dwell percentiles a sample keeps: the one that ageing is judged against."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class _Percentiles(msgspec.Struct):
    p50: float | None = None
    p85: float | None = None
    p95: float | None = None


class _Window(msgspec.Struct):
    dwell_us: _Percentiles | None = None


class _Counted(msgspec.Struct):
    wip: int
    came_in: int
    went_out: int


class _Operation(msgspec.Struct):
    operation_id: str
    as_of_us: int
    wip: int
    queued: int
    running: int
    finished: int
    held: int
    quantity: Decimal
    value: Decimal
    arrivals: int
    departures: int
    completed: int
    scrapped: int
    rework: int
    windows: dict[str, _Window] = {}
    counted: _Counted | None = None


class _Units(msgspec.Struct):
    entered: int
    completed: int
    scrapped: int
    in_process: int
    in_transit: int


class _Totals(msgspec.Struct):
    as_of_us: int
    units: _Units
    wip: int
    newest_event_us: int | None = None


class _Parts(msgspec.Struct):
    total: int
    resets: int


class _WorkUnit(msgspec.Struct):
    work_unit_id: str
    generation: int
    partition: int
    offset: int
    as_of_us: int
    model: int
    newest_event_us: int
    state: str | None = None
    condition: str | None = None
    since_us: int | None = None
    good: _Parts | None = None
    reject: _Parts | None = None
    late: int = 0
    changes: list[tuple[int, str]] = []
    shifts: list[dict[str, Any]] = []


class _Plant(msgspec.Struct):
    version: int
    created_us: int
    created_by: str
    model: dict[str, Any]


class _Order(msgspec.Struct):
    order_id: str
    revision: int


class _Machine(msgspec.Struct):
    work_unit_id: str | None = None
    event_time: datetime | None = None
    state: str | None = None
    counter: Any = None
    event_id: str | None = None


_operation = msgspec.json.Decoder(_Operation).decode
_totals = msgspec.json.Decoder(_Totals).decode
_work_unit = msgspec.json.Decoder(_WorkUnit).decode
_plant = msgspec.json.Decoder(_Plant).decode
_order = msgspec.json.Decoder(_Order).decode
_machine = msgspec.json.Decoder(_Machine).decode


def sample_row(record: Record) -> TableRow | None:
    """A row of operation_samples or plant_samples: the state as of its second. None for deleted keys."""
    if record.value is None:
        return None
    if record.key == topology.PLANT_KEY:
        return "plant_samples", _totals_row(strictly(_totals, record))
    return "operation_samples", _operation_row(strictly(_operation, record))


def _operation_row(s: _Operation) -> Row:
    window = s.windows.get(SAMPLED_WINDOW)
    dwell = (window.dwell_us if window else None) or _Percentiles()
    return (
        s.as_of_us - s.as_of_us % SECOND_US, s.operation_id.replace("\x00", ""), s.as_of_us, s.wip, s.queued,
        s.running, s.finished, s.held, s.quantity, s.value, s.arrivals, s.departures, s.completed, s.scrapped,
        s.rework, _whole(dwell.p50), _whole(dwell.p85), _whole(dwell.p95), s.counted and s.counted.wip,
        s.counted and s.counted.came_in, s.counted and s.counted.went_out,
    )  # fmt: skip


def _totals_row(s: _Totals) -> Row:
    units, newest = s.units, s.newest_event_us
    return (
        s.as_of_us - s.as_of_us % SECOND_US, s.as_of_us, units.entered, units.completed, units.scrapped,
        units.in_process, units.in_transit, s.wip, None if newest is None else clamp_us(newest),
    )  # fmt: skip


def work_unit_row(record: Record, generation: int) -> TableRow | None:
    """A row of work_units; None for what aggregate goes on with, deleted keys, and an earlier life of the log."""
    if record.value is None or (record.key or b"").startswith(b"\x00"):
        return None
    s = strictly(_work_unit, record)
    if not of_this_life(s.generation, generation, record):
        return None
    counters = [each for each in (s.good, s.reject) if each is not None]
    return "work_units", (
        s.work_unit_id.replace("\x00", ""), s.generation, s.partition, s.offset, clamp_us(s.as_of_us), s.model, s.state,
        s.condition, s.since_us, clamp_us(s.newest_event_us), s.good and s.good.total, s.reject and s.reject.total,
        sum(each.resets for each in counters), s.late, msgspec.json.encode(s.changes).decode(),
        msgspec.json.encode(s.shifts).decode(),
    )  # fmt: skip


def master_row(record: Record) -> TableRow | None:
    """A row of plant_models or of orders; None for keys of neither kind."""
    key = record.key or b""
    if record.value is None:
        return None
    if key.startswith(PLANT_PREFIX):
        plant = strictly(_plant, record)
        return "plant_models", (
            plant.version, clamp_us(plant.created_us), plant.created_by.replace("\x00", ""), _json(plant.model)
        )  # fmt: skip
    if key.startswith(ORDER_PREFIX):
        order = strictly(_order, record)
        document = _json(msgspec.json.decode(record.value))
        return "orders", (order.order_id.replace("\x00", ""), order.revision, record.offset, document)
    return None


def machine_row(record: Record, generation: int) -> Row | None:
    """A row of machine_events from any record: what cannot be read is null, its time then when it was recorded.

    None for markers.
    """
    headers = dict(record.headers or ())
    if headers.get(topology.MARKER_HEADER) == b"1":
        return None
    try:
        event = _machine(record.value or b"")
    except UNREADABLE:
        event = _Machine()
    recorded = recorded_us(headers.get(topology.RECORDED_HEADER), record.timestamp)
    work_unit = event.work_unit_id or (record.key or b"").decode("utf-8", "replace")
    counter = None if event.counter is None else _json(event.counter)
    return (
        _instant(event.event_time, recorded), work_unit.replace("\x00", ""), recorded, record.partition,
        record.offset, generation, source_of(headers), (event.state or "").replace("\x00", "") or None,
        counter, record.value, _sender_id(event.event_id),
    )  # fmt: skip


def _sender_id(text: str | None) -> str | None:
    """None where it is longer than an id may be: an index could not hold it."""
    return text.replace("\x00", "") if text and len(text) <= LIMITS["event_id"] else None


def _instant(time: datetime | None, otherwise: int) -> int:
    """µs since the epoch; a time without offset is not one."""
    if time is None or time.tzinfo is None:
        return otherwise
    return clamp_us((time - _EPOCH) // _MICROSECOND)


def _whole(us: float | None) -> int | None:
    return None if us is None else round(us)


def _json(value: Any) -> str:
    """A document as the database takes it."""
    return msgspec.json.encode(_clean_json(value)).decode()


def _clean_json(value: Any) -> Any:
    """The same document with NUL taken out of its texts, which jsonb cannot hold."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, dict):
        return {_clean_json(k): _clean_json(v) for k, v in value.items()}
    return [_clean_json(item) for item in value] if isinstance(value, list) else value
