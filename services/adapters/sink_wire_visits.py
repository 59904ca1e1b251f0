"""Bytes of floor.visits → rows of units and visits, packed as COPY's binary format has them; see sink_wire.

Most rows of the database are made here. They are packed from the message at once, in the column order of
timescale_write.COLUMNS: the driver takes three times as long to encode values of Python, and while the database waits.
"""

import struct
from decimal import Decimal, InvalidOperation
from functools import lru_cache

import msgspec

from services import topology
from services.adapters.sink_wire import JSON_NUL, Record, not_ours, of_this_life, strictly
from services.adapters.timescale_pool import POSTGRES_EPOCH_US
from services.adapters.timescale_write import COLUMNS
from services.core.errors import BrokenGuarantee, Guarantee
from services.core.stored import Forwarded, FrameMark, UnitChange

_count = struct.Struct(">h").pack
_length = struct.Struct(">i").pack
_int4 = struct.Struct(">ii").pack
_int8 = struct.Struct(">iq").pack
_array = struct.Struct(">iii").pack
_revision = struct.Struct(">iiiqii").pack
_NULL = _length(-1)
_BOOL = (_length(1) + b"\x00", _length(1) + b"\x01")
_UNIT = _count(len(COLUMNS["units"]))
_VISIT = _count(len(COLUMNS["visits"]))
_TEXT_OID = 25
_NO_TEXTS = _array(0, 0, _TEXT_OID)


class _Unit(msgspec.Struct, gc=False):
    status: str
    operation_id: str
    phase: str
    visits: int
    strays: int
    quantity: str
    product_id: str | None
    events: int


class _Visit(msgspec.Struct, gc=False):
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


class _Change(msgspec.Struct):
    """A UnitChanged, or a list of forwarded offsets; which one is told by `forwarded`."""

    generation: int
    partition: int
    forwarded: list[int] | None = None
    accepted: int = -1
    offset: int = -1
    unit_id: str = ""
    unit: _Unit | None = None
    visits: list[_Visit] = []
    deleted: list[int] = []


class _Mark(msgspec.Struct):
    generation: int
    partition: int
    mark: int


_change = msgspec.json.Decoder(_Change).decode
_mark = msgspec.json.Decoder(_Mark).decode


def visits_record(record: Record, generation: int) -> UnitChange | Forwarded | FrameMark | None:
    """A record of floor.visits; None is one of an earlier life of the log. Raises BrokenGuarantee."""
    if record.key == topology.MARK_KEY:
        mark = strictly(_mark, record)
        return FrameMark(mark.mark) if of_this_life(mark.generation, generation, record) else None
    change = strictly(_change, record)
    if not of_this_life(change.generation, generation, record):
        return None
    if change.forwarded is not None:
        return Forwarded(change.forwarded)
    if change.unit is None or change.accepted < 0 or change.offset < 0:
        raise BrokenGuarantee(
            Guarantee.OWN_TOPICS,
            f"{record.topic}/{record.partition} offset {record.offset} is neither a change of a unit nor a list of "
            "forwarded scans",
        )
    try:
        return _packed(change, change.unit, JSON_NUL in (record.value or b""))
    except (msgspec.ValidationError, struct.error) as error:
        raise not_ours(record, error) from error


def _packed(change: _Change, unit: _Unit, has_nul: bool) -> UnitChange:
    if has_nul:
        change.unit_id = change.unit_id.replace("\x00", "")
        for told in (unit, *change.visits):
            _drop_nul(told)
    unit_id = _text(change.unit_id)
    revision = _revision(4, change.generation, 8, change.accepted, 4, change.partition)
    visits = [(visit.visit_seq, _visit(visit, unit_id, revision)) for visit in change.visits]
    row = _unit(unit, unit_id, revision)
    return UnitChange(change.offset, change.unit_id, change.accepted, row, visits, change.deleted)


def _drop_nul(told: msgspec.Struct) -> None:
    for name in told.__struct_fields__:
        value = getattr(told, name)
        if isinstance(value, str):
            setattr(told, name, value.replace("\x00", ""))
        elif isinstance(value, list):
            setattr(told, name, [text.replace("\x00", "") for text in value])


def _unit(u: _Unit, unit_id: bytes, revision: bytes) -> bytes:
    return b"".join((
        _UNIT, unit_id, revision, _word(u.status), _word(u.operation_id), _word(u.phase), _integer(u.visits),
        _integer(u.strays), _quantity(u.quantity), _word(u.product_id), _int8(8, u.events), _BOOL[u.events == 0],
    ))  # fmt: skip


def _visit(v: _Visit, unit_id: bytes, revision: bytes) -> bytes:
    return b"".join((
        _VISIT, unit_id, _integer(v.visit_seq), revision, _text(v.visit_id), _word(v.operation_id),
        _word(v.work_unit_id), _word(v.product_id), _int8(8, v.arrived_us - POSTGRES_EPOCH_US),
        _NULL if v.started_us is None else _int8(8, v.started_us - POSTGRES_EPOCH_US),
        _NULL if v.finished_us is None else _int8(8, v.finished_us - POSTGRES_EPOCH_US),
        _NULL if v.departed_us is None else _int8(8, v.departed_us - POSTGRES_EPOCH_US),
        _word(v.outcome), _texts(tuple(v.flags)), _integer(v.repeats), _integer(v.runs),
        _NULL if v.dwell_us is None else _int8(8, v.dwell_us), _NULL if v.queue_us is None else _int8(8, v.queue_us),
        _NULL if v.process_us is None else _int8(8, v.process_us), _NULL if v.wait_us is None else _int8(8, v.wait_us),
        _NULL if v.hold_us is None else _int8(8, v.hold_us), _quantity(v.quantity), _integer(v.position),
        _word(v.phase), _BOOL[v.held], _integer(v.model),
    ))  # fmt: skip


def _text(text: str) -> bytes:
    raw = text.encode()
    return _length(len(raw)) + raw


@lru_cache(maxsize=16_384)
def _word(text: str | None) -> bytes:
    """A text that comes again and again."""
    return _NULL if text is None else _text(text)


@lru_cache(maxsize=4_096)
def _integer(number: int | None) -> bytes:
    return _NULL if number is None else _int4(4, number)


@lru_cache(maxsize=1_024)
def _texts(texts: tuple[str, ...]) -> bytes:
    raw = _array(1, 0, _TEXT_OID) + _int4(len(texts), 1) + b"".join(map(_text, texts)) if texts else _NO_TEXTS
    return _length(len(raw)) + raw


@lru_cache(maxsize=4_096)
def _quantity(text: str) -> bytes:
    """The text of a decimal, which the database makes a number of. ValidationError where it is none."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise msgspec.ValidationError(f"{text!r} is no quantity")
    return _text(str(value))
