"""The wire of the track stage: everything its handler reads and writes, by name (see services/track/wire.Wire)."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Protocol

from services.adapters.unit_codec import (
    decode_books,
    decode_slot,
    decode_totals,
    decode_unit,
    encode_books,
    encode_slot,
    encode_totals,
    encode_unit,
)
from services.adapters.wire import (
    decode_event,
    decode_marker,
    encode,
    operation_partial,
    slot_partial,
    totals_partial,
    unit_changed,
)
from services.core.errors import BadScan

__all__ = [
    "decode_books", "decode_event", "decode_slot", "decode_totals", "decode_unit", "encode_books", "encode_slot",
    "encode_totals", "encode_unit", "forwarded", "frame_mark", "marker_model", "operation_partial", "reject",
    "slot_partial", "totals_partial", "unit_changed",
]  # fmt: skip


class _Record(Protocol):
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


def marker_model(value: bytes | None) -> int | None:
    """The plant-model version a marker brings into force; None for a barrier."""
    return decode_marker(value).model


def frame_mark(generation: int, partition: int, mark: int, epoch: int) -> bytes:
    """The last record of a frame: every effect of source offsets up to `mark` precedes it."""
    return encode({"generation": generation, "partition": partition, "mark": mark, "epoch": epoch})


def forwarded(generation: int, partition: int, offsets: list[int]) -> bytes:
    """Which records of this partition were sent on to their own."""
    return encode({"generation": generation, "partition": partition, "offset": offsets[-1], "forwarded": offsets})


def reject(
    generation: int, partition: int, record: _Record, came: Sequence[Any], event: Any, refusal: BadScan
) -> bytes:
    """A refused event with its original bytes, under its first coordinates."""
    source, recorded, first = came
    offset = record.offset
    if first is not None:
        partition, offset = first
    return encode(
        {
            "generation": generation, "partition": partition, "offset": offset, "reason": refusal.reason,
            "detail": {"en": refusal.en, "zh": refusal.zh}, "recorded_us": recorded, "source": source,
            "unit_id": None if event is None else event.unit_id,
            "event_id": None if event is None else event.event_id,
            "key": _base64(record.key), "value": _base64(record.value), "origin": "kafka",
        }
    )  # fmt: skip


def _base64(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode("ascii")
