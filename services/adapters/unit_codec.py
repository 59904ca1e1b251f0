"""State ↔ changelog bytes: units, and the pieces of a partition's ledger, as MessagePack arrays.

A unit is kept as these bytes and nothing else; it becomes objects only while a frame touches it. So a million live
units are a million byte strings that the garbage collector never walks, and what is in memory is what was written.
Numbers beyond 64 bits (18 digits in millionths are 80) travel as text.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec

from services.adapters.wire import counts_tuple
from services.core import kept as kept_events
from services.core.errors import BrokenGuarantee, Guarantee
from services.core.history import NEVER, History
from services.core.ledger import Counts, OperationLedger, Totals
from services.core.short_id import short, text_of
from services.core.sketch import Sketch
from services.core.unit import UnitState, Visit
from services.core.windows import Slot

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode
_HUGE = 1 << 63
_FORM = b"\x02"
"""In front of a unit: the form of what follows. In the first form there was no such byte, and kept ids were text."""
_FIRST_FORM = 0x9B  # an array of the eleven fields
_COUNTS = len(counts_tuple(Counts()))

_VISIT_FIELDS = (
    "seq", "visit_id", "operation", "arrived", "since", "model", "quantity", "work_unit", "product", "position",
    "started", "finished", "departed", "outcome", "flags", "repeats", "runs", "phase", "held",
    "queue", "process", "wait", "hold",
)  # fmt: skip
_visit_fields = attrgetter(*_VISIT_FIELDS)
_VISIT_ID = _VISIT_FIELDS.index("visit_id")
_QUANTITY = _VISIT_FIELDS.index("quantity")


def encode_unit(history: History) -> bytes:
    """One unit's history as bytes; what is not yet published (`changed`) is not part of it.

    Of a unit that keeps no events the head is what it is now, and written once.
    """
    head = history.head
    # The packer's bytes hold on to the room they were made in; joined to something they are as large as they say.
    return _FORM + _pack(
        (
            history.accepted, history.first_model, history.edge, history.newest, history.count, history.has_voids,
            history.product, history.head_product, _state(history.now),
            None if head is None else _state(head) if history.count else True, history.kept,
        )
    )  # fmt: skip


def decode_unit(data: bytes) -> History:
    """The history `encode_unit` wrote, in this form or the first. BrokenGuarantee where it is of a later one."""
    is_first = data[0] == _FIRST_FORM
    if not is_first and data[:1] != _FORM:
        raise BrokenGuarantee(
            Guarantee.ONE_STATE, f"a unit's state is of form {data[0]}, and this version knows up to {_FORM[0]}"
        )
    fields = _unpack(data if is_first else data[1:])
    accepted, first_model, edge, newest, count, has_voids, product, head_product, state, head, kept = fields
    now = _read_state(state)
    return History(
        accepted, first_model, edge, newest, count, has_voids, product, head_product,
        now, None if head is None else now.copy() if head is True else _read_state(head),
        kept_events.repacked(kept) if is_first else kept,
    )  # fmt: skip


def encode_books(books: OperationLedger) -> bytes:
    """An operation's counts, and how many events came in as history."""
    return _pack([_number(count) for count in (*counts_tuple(books.counts), books.backfilled)])


def decode_books(data: bytes) -> OperationLedger:
    """The counts `encode_books` wrote, without open stays and slots; written before there was `backfilled`, it is 0."""
    numbers = [int(number) for number in _unpack(data)]
    return OperationLedger(Counts(*numbers[:_COUNTS]), sum(numbers[_COUNTS:]))


def encode_totals(totals: Totals, newest: int | None, model: int, horizon: int) -> bytes:
    """A partition's totals, newest event time, plant-model version in force, and how far back units are remembered."""
    numbers = (totals.entered, totals.completed, totals.scrapped, totals.in_process, totals.in_transit)
    return _pack((numbers, newest, model, horizon))


def decode_totals(data: bytes) -> tuple[Totals, int | None, int, int]:
    """What `encode_totals` wrote; written before units were forgotten, all are remembered."""
    numbers, newest, model, *horizon = _unpack(data)
    return Totals(*numbers), newest, model, horizon[0] if horizon else NEVER


def encode_slot(slot: Slot) -> bytes:
    """A slot with its three sketches."""
    sketches = (slot.dwell.buckets, slot.queue.buckets, slot.process.buckets)
    return _pack((slot.start_us, slot.width_us, slot.n, *sketches))


def decode_slot(data: bytes) -> Slot:
    """The slot `encode_slot` wrote."""
    start, width, n, dwell, queue, process = _unpack(data)
    return Slot(start, width, n, Sketch(dwell), Sketch(queue), Sketch(process))


def _number(number: int) -> int | str:
    return number if -_HUGE <= number < _HUGE else str(number)


def _state(state: UnitState) -> Sequence[Any]:
    return (
        state.status, state.visits, state.strays, state.events, _number(state.quantity), state.position,
        state.entries, state.completions, state.scraps, state.last_departed, state.visited,
        [_visit(visit) for visit in state.open], state.left,
    )  # fmt: skip


def _visit(visit: Visit) -> Sequence[Any]:
    fields = list(_visit_fields(visit))
    fields[_VISIT_ID] = short(visit.visit_id)
    fields[_QUANTITY] = _number(visit.quantity)
    return fields


def _read_state(fields: list[Any]) -> UnitState:
    fields[4] = int(fields[4])
    fields[10] = tuple(fields[10])
    visits = []
    for visit in fields[11]:
        visit[_QUANTITY] = int(visit[_QUANTITY])
        visit_id = visit[_VISIT_ID]
        if isinstance(visit_id, bytes):  # in the first form it is text
            visit[_VISIT_ID] = text_of(visit_id)
        visits.append(Visit(*visit))
    fields[11] = visits
    return UnitState(*fields)
