"""The wire of the machine lane: floor.machines in; states, histories and counted partials out (see machines.Wire)."""

from hashlib import blake2b
from typing import Any

import msgspec

from services.adapters.wire import UNREADABLE, decode_marker, encode
from services.core.counter import Counter
from services.core.instant import parse_instant
from services.core.machines import Course, History, Reading, ShiftTimes
from services.core.packml import Condition, State

__all__ = [
    "counter_partial", "decode_history", "decode_machine", "decode_mark", "history", "mark", "marker_model",
    "work_unit_state",
]  # fmt: skip

ID_BYTES = 8
"""Of the hash that stands for an event's id among the few that are kept."""


class _Counter(msgspec.Struct, gc=False):
    good: int | None = None
    reject: int | None = None
    rollover: int | None = None


class _Machine(msgspec.Struct, gc=False):
    work_unit_id: str
    event_time: str
    event_id: str | None = None
    state: State | None = None
    counter: _Counter | None = None


class _History(msgspec.Struct):
    work_unit_id: str
    generation: int
    partition: int
    offset: int
    late: int
    head: Course
    kept: list[Reading]


class _Mark(msgspec.Struct):
    generation: int
    partition: int
    mark: int
    model: int


_machine = msgspec.json.Decoder(_Machine).decode
_history = msgspec.json.Decoder(_History).decode
_mark = msgspec.json.Decoder(_Mark).decode


def decode_machine(value: bytes) -> tuple[str, Reading]:
    """The work unit and what it says. Raises ValueError. An event without id is known again by what it says."""
    try:
        read = _machine(value)
    except UNREADABLE as bad:
        raise ValueError(f"not a machine event: {bad}") from None
    time, counter = parse_instant(read.event_time), read.counter or _Counter()
    said = read.event_id or f"{time}\x1f{read.state}\x1f{counter.good}\x1f{counter.reject}"
    name = blake2b(said.encode(), digest_size=ID_BYTES).hexdigest()
    return read.work_unit_id, Reading(time, name, read.state, counter.good, counter.reject, counter.rollover)


def marker_model(value: bytes | None) -> int | None:
    """The plant-model version a marker brings into force."""
    return decode_marker(value).model


def work_unit_state(
    work_unit: str, generation: int, partition: int, offset: int, as_of: int, model: int, found: History, course: Course
) -> bytes:
    """A work unit as it is published."""
    return encode(
        {
            "work_unit_id": work_unit, "generation": generation, "partition": partition, "offset": offset,
            "as_of_us": as_of, "model": model, "state": course.state, "condition": course.condition,
            "since_us": course.since, "newest_event_us": found.newest,
            "changes": course.changes, "shifts": [_shift(shift, as_of) for shift in course.shifts],
            "good": _parts(course.good), "reject": _parts(course.reject), "late": found.late,
        }
    )  # fmt: skip


def _shift(shift: ShiftTimes, as_of: int) -> dict[str, Any]:
    times = {f"{condition}_us": time for condition, time in zip(Condition, shift.times, strict=True)}
    return {
        "plant_date": shift.plant_date, "shift_id": shift.shift_id, "start_us": shift.start, "end_us": shift.end,
        **times, "unknown_us": shift.unknown(as_of),
    }  # fmt: skip


def _parts(counter: Counter) -> dict[str, int] | None:
    if counter.reading is None:
        return None
    return {"total": counter.total, "reading": counter.reading, "resets": counter.resets}


def history(work_unit: str, generation: int, partition: int, offset: int, found: History) -> bytes:
    """What the next owner goes on with."""
    return encode(_History(work_unit, generation, partition, offset, found.late, found.head, found.kept))


def decode_history(value: bytes) -> tuple[str, int, int, History]:
    """The work unit, generation and offset of a history, and the history. Raises ValueError."""
    try:
        read = _history(value)
    except UNREADABLE as bad:
        raise ValueError(f"not a history: {bad}") from None
    return read.work_unit_id, read.generation, read.offset, History(read.head, read.kept, read.late)


def mark(generation: int, partition: int, offset: int, model: int) -> bytes:
    """That all up to an offset is in the histories."""
    return encode(_Mark(generation, partition, offset, model))


def decode_mark(value: bytes) -> tuple[int, int, int]:
    """Generation, offset and plant-model version of a mark. Raises ValueError."""
    try:
        read = _mark(value)
    except UNREADABLE as bad:
        raise ValueError(f"not a mark: {bad}") from None
    return read.generation, read.mark, read.model


def counter_partial(
    operation: str, generation: int, partition: int, offset: int, model: int, counters: int, came_in: int,
    went_out: int, baseline: int,
) -> bytes:  # fmt: skip
    """What the counters of one partition of floor.machines add to an operation."""
    return encode(
        {
            "operation_id": operation, "generation": generation, "partition": partition, "offset": offset,
            "model": model, "counters": counters, "came_in": came_in, "went_out": went_out, "baseline": baseline,
        }
    )  # fmt: skip
