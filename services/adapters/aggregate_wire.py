"""The wire of the aggregate stage: partials from floor.partials, states to floor.operations (see handler.Wire).

Numbers that may exceed 64 bits (quantity, value) are decimals in text on the wire and scaled integers inside.
"""

import re
from typing import Any

import msgspec

from services.adapters.wire import decimal_text, encode, value_text
from services.core.ledger import Counts, Totals
from services.core.operations import OperationState, PlantState, throughput_per_h
from services.core.partials import CounterPartial, Coverage, OperationPartial, Partial, SlotPartial, Stay, TotalsPartial
from services.core.sketch import Sketch
from services.core.windows import Percentiles, Slot, Window

__all__ = ["decode_partial", "operation_state", "plant_state"]

QUANTITY_PLACES, VALUE_PLACES = 6, 12
_DECIMAL = re.compile(r"(-?)(\d+)(?:\.(\d+))?", re.ASCII)


class _Operation(msgspec.Struct, gc=False):
    generation: int
    partition: int
    offset: int
    operation_id: str
    queued: int
    running: int
    finished: int
    held: int
    quantity: str
    value: str
    arrivals: int
    departures: int
    completed: int
    scrapped: int
    rework: int
    oldest: list[tuple[str, int, str]]
    newest_event_us: int | None = None
    backfilled: int = 0


class _Slot(msgspec.Struct, gc=False):
    generation: int
    partition: int
    offset: int
    operation_id: str
    start_us: int
    width_us: int
    n: int
    dwell: list[tuple[int, int]]
    queue: list[tuple[int, int]]
    process: list[tuple[int, int]]


class _Totals(msgspec.Struct, gc=False):
    generation: int
    partition: int
    offset: int
    entered: int
    completed: int
    scrapped: int
    in_process: int
    in_transit: int
    newest_event_us: int | None = None
    wip: int | None = None
    single: bool = False


class _Counters(msgspec.Struct, gc=False):
    operation_id: str
    generation: int
    partition: int
    offset: int
    model: int
    counters: int
    came_in: int
    went_out: int
    baseline: int


_operation = msgspec.json.Decoder(_Operation).decode
_slot = msgspec.json.Decoder(_Slot).decode
_totals = msgspec.json.Decoder(_Totals).decode
_counters = msgspec.json.Decoder(_Counters).decode


def decode_partial(key: bytes | None, value: bytes) -> Partial:
    """The partial in a record of floor.partials; the key's beginning says which kind. Raises ValueError."""
    kind = (key or b"").partition(b"|")[0]
    try:
        if kind == b"op":
            return _read_operation(_operation(value))
        if kind == b"sl":
            return _read_slot(_slot(value))
        if kind == b"pt":
            return _read_totals(_totals(value))
        if kind == b"ct":
            return _read_counters(_counters(value))
    except (msgspec.DecodeError, UnicodeDecodeError) as bad:
        raise ValueError(f"not a partial: {bad}") from None
    raise ValueError("the key begins with none of op|, sl|, pt| and ct|")


def _read_operation(read: _Operation) -> OperationPartial:
    counts = Counts(
        read.queued, read.running, read.finished, read.held,
        scaled(read.quantity, QUANTITY_PLACES), scaled(read.value, VALUE_PLACES),
        read.arrivals, read.departures, read.completed, read.scrapped, read.rework,
    )  # fmt: skip
    oldest = tuple(Stay(arrived, unit_id, visit_id) for unit_id, arrived, visit_id in read.oldest)
    return OperationPartial(
        read.generation, read.partition, read.offset, read.operation_id, counts, oldest, read.newest_event_us,
        read.backfilled,
    )  # fmt: skip


def _read_slot(read: _Slot) -> SlotPartial:
    dwell, queue, process = (Sketch.from_pairs(pairs) for pairs in (read.dwell, read.queue, read.process))
    slot = Slot(read.start_us, read.width_us, read.n, dwell, queue, process)
    return SlotPartial(read.generation, read.partition, read.offset, read.operation_id, slot)


def _read_totals(read: _Totals) -> TotalsPartial:
    totals = Totals(read.entered, read.completed, read.scrapped, read.in_process, read.in_transit)
    return TotalsPartial(
        read.generation, read.partition, read.offset, totals, read.wip, read.single, read.newest_event_us
    )


def _read_counters(read: _Counters) -> CounterPartial:
    return CounterPartial(
        read.generation, read.partition, read.offset, read.operation_id, read.model, read.counters, read.came_in,
        read.went_out, read.baseline,
    )  # fmt: skip


def scaled(text: str, places: int) -> int:
    """A plain decimal as an integer of 10^-places: `1.5`, 6 → 1500000. Raises ValueError where it does not fit."""
    found = _DECIMAL.fullmatch(text)
    if found is None or len(found[3] or "") > places:
        raise ValueError(f"{text!r} is not a decimal of at most {places} places")
    return int(f"{found[1]}{found[2]}{(found[3] or '').ljust(places, '0')}")


def operation_state(state: OperationState) -> bytes:
    """One operation as it is published."""
    counts = state.counts
    return encode(
        {
            "operation_id": state.operation, "as_of_us": state.as_of,
            "wip": counts.wip, "queued": counts.queued, "running": counts.running, "finished": counts.finished,
            "held": counts.held, "quantity": decimal_text(counts.quantity), "value": value_text(counts.value),
            "arrivals": counts.arrivals, "departures": counts.departures, "completed": counts.completed,
            "scrapped": counts.scrapped, "rework": counts.rework,
            "oldest": [
                {
                    "unit_id": aging.stay.unit_id, "visit_id": aging.stay.visit_id,
                    "arrived_us": aging.stay.arrived, "over_p85_in_us": aging.over_p85_in,
                }
                for aging in state.oldest
            ],
            "over_dwell_limit": state.over_limit, "over_dwell_limit_is_least": state.over_limit_is_least,
            "last_departure_us": state.last_departure, "backfilled": state.backfilled,
            "counted": None if state.counted is None else state.counted._asdict(),
            "windows": {name: _window(found) for name, found in state.windows.items()},
            "coverage": _coverage(state.coverage), "newest_event_us": state.newest,
        }
    )  # fmt: skip


def plant_state(state: PlantState) -> bytes:
    """The plant as it is published."""
    totals = state.totals
    return encode(
        {
            "as_of_us": state.as_of,
            "units": {
                "entered": totals.entered, "completed": totals.completed, "scrapped": totals.scrapped,
                "in_process": totals.in_process, "in_transit": totals.in_transit,
            },
            "wip": state.wip, "coverage": _coverage(state.coverage), "newest_event_us": state.newest,
        }
    )  # fmt: skip


def _window(found: Window) -> dict[str, Any]:
    return {
        "departures": found.n, "throughput_per_h": throughput_per_h(found),
        "dwell_us": _percentiles(found.dwell), "queue_us": _percentiles(found.queue),
        "process_us": _percentiles(found.process),
    }  # fmt: skip


def _percentiles(found: Percentiles) -> dict[str, int | None]:
    return {name: None if us is None else round(us) for name, us in found._asdict().items()}


def _coverage(found: Coverage) -> dict[str, tuple[int, int]]:
    return {str(partition): where for partition, where in found.items()}
