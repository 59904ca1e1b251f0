"""floor.scans: one real-world read of a unit, as it enters; and the markers that stand between the reads.

Say where by `read_point_id` (the plant model knows what a read there means) or by `operation_id` and `action`; what
is said explicitly wins. `source` and `recorded_time` are the system's: on Kafka they come from the record, and only
lines of event files carry them as fields.
"""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from schemas.instant import Instant, ReadTime, SourceInstant, instant_us
from schemas.message import (
    EventId,
    Id,
    Message,
    PositiveQuantity,
    Quantity,
    SignedQuantity,
    UnitId,
    first_twice,
    read_json,
    validated,
)
from schemas.text import bilingual, clean


class Action(StrEnum):
    """What happened to the unit."""

    ARRIVE = "arrive"
    START = "start"
    FINISH = "finish"
    DEPART = "depart"
    HOLD = "hold"
    RELEASE = "release"
    SCRAP = "scrap"
    COMPLETE = "complete"
    ADJUST = "adjust"
    VOID = "void"


NEEDS_OPERATION = frozenset({Action.ARRIVE, Action.START, Action.FINISH, Action.DEPART})
"""Actions that mean nothing without knowing where."""

EMPTY_IS_LEFT_OUT = frozenset(
    {"event_id", "read_point_id", "operation_id", "order_id", "product_id", "work_unit_id", "operator_id", "voids"}
)
"""Ids whose empty text says nothing."""


class ScanFields(Message):
    """What a read says, but for its identity."""

    event_time: SourceInstant = Field(
        description="when it happened: RFC 3339 with offset, or as the source declares in the plant model"
    )
    unit_id: UnitId = Field(description="what was read: a serial number, carrier, EPC or lot; 1 to 256 characters")
    read_point_id: Id | None = Field(default=None, description="scanner, portal or tag that read it")
    operation_id: Id | None = Field(default=None, description="operation; wins over the read point's")
    action: Action | None = Field(default=None, description="what happened; wins over the read point's")
    quantity: Quantity | None = Field(
        default=None, description="pieces of the unit from now on; a decimal of at most 18 digits, 6 after the point"
    )
    scrap_quantity: Quantity | None = Field(
        default=None,
        description="on scrap: pieces lost (more than 0; default all); on finish and depart: recorded only",
    )
    quantity_delta: SignedQuantity | None = Field(default=None, description="on adjust: change of the quantity")
    order_id: Id | None = Field(default=None, description="order the unit belongs to")
    product_id: Id | None = Field(
        default=None, description="what the unit is; the earliest event that names one decides"
    )
    work_unit_id: Id | None = Field(default=None, description="station or machine; wins over the read point's")
    operator_id: Id | None = Field(default=None, description="who did it; never used in rankings")
    parent_ids: list[UnitId] | None = Field(default=None, description="units this one was made from")
    voids: EventId | None = Field(
        default=None, description="on void: event_id of this unit's event that never happened"
    )
    sent_time: SourceInstant | None = Field(default=None, description="the source's clock when it sent the event")
    device_time: SourceInstant | None = Field(
        default=None,
        description="what the device said before its clock was corrected; such an event is not corrected again",
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_left_out(cls, value: object) -> object:
        """Many systems write an empty text for a value they do not have."""
        if not isinstance(value, dict):
            return value
        return {
            key: item
            for key, item in value.items()
            if key not in EMPTY_IS_LEFT_OUT or not isinstance(item, str) or clean(item)
        }

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        found = self._contradictions()
        if found:
            en = "; ".join(f"{field}: {en}" for field, en, _ in found)
            zh = "；".join(f"{field}：{zh}" for field, _, zh in found)
            raise bilingual("combination", en, zh)
        return self

    def _contradictions(self) -> list[tuple[str, str, str]]:
        action = self.action
        found: list[tuple[str, str, str]] = []
        if self.read_point_id is None and action is None:
            found.append(
                (
                    "action",
                    "is required: expected read_point_id, or operation_id and action",
                    "为必填项：应有 read_point_id，或 operation_id 与 action",
                )
            )
        if self.read_point_id is None and self.operation_id is None and action in NEEDS_OPERATION:
            found.append(
                (
                    "operation_id",
                    f"{action} needs operation_id or read_point_id",
                    f"{action} 需要 operation_id 或 read_point_id",
                )
            )
        if action is Action.ADJUST and self.quantity_delta is None:
            found.append(("quantity_delta", "adjust needs quantity_delta", "adjust 需要 quantity_delta"))
        if action is Action.VOID and self.voids is None:
            found.append(
                ("voids", "void needs voids, the event_id to take back", "void 需要 voids，即要撤销的 event_id")
            )
        if action is Action.SCRAP and self.scrap_quantity == 0:
            found.append(("scrap_quantity", "expected more than 0 on scrap", "scrap 时应大于 0"))
        return found


class ScanEvent(ScanFields):
    """The canonical event: what a record of floor.scans holds."""

    event_id: EventId = Field(
        description="one real-world read; a retry repeats it. With unit_id it is the identity; 1 to 128 characters"
    )


class SubmittedEvent(ScanFields):
    """An event as HTTP takes it: without event_id the system makes one from what the event says."""

    event_id: EventId | None = Field(default=None, description="one real-world read; a retry repeats it")


class RecordedEvent(ScanEvent):
    """A line of an event file: the event with what the system added when it first saw it."""

    recorded_time: Instant | None = Field(default=None, description="when the system first saw it")
    source: Id | None = Field(default=None, description="who sent it")


class ModelMarker(Message):
    """From here on in this partition the plant model of this version holds. Key `\\0marker`, header `marker` = 1."""

    model: int = Field(ge=1, description="version of the plant model")


class BarrierMarker(Message):
    """A mark that `drain` waits for; no fold reads it. Key `\\0marker`, header `marker` = 1."""

    barrier: Id = Field(description="id of the wait")


class TransformedUnit(Message):
    """A unit that goes into a split or merge, or comes out of it."""

    unit_id: UnitId = Field(description="the unit")
    quantity: PositiveQuantity = Field(description="pieces that leave this parent or make this child; more than 0")
    product_id: Id | None = Field(default=None, description="what the unit is")


class Transform(Message):
    """A split or merge. Where it enters it becomes an adjust per parent and an arrive per child."""

    event_id: EventId = Field(description="identity of the split or merge; a retry repeats it")
    event_time: SourceInstant = Field(description="when it happened")
    operation_id: Id = Field(description="where the children arrive")
    parents: list[TransformedUnit] = Field(min_length=1, description="units that give pieces")
    children: list[TransformedUnit] = Field(min_length=1, description="units that are made")

    @model_validator(mode="after")
    def _each_unit_once(self) -> Self:
        ids = [unit.unit_id for unit in (*self.parents, *self.children)]
        if len(set(ids)) < len(ids):
            twice = first_twice(ids)
            raise bilingual(
                "combination",
                f"unit_id: {twice!r} is there twice; expected every unit once, as a parent or as a child",
                f"unit_id：{twice!r} 出现两次；每个单元只能作为父件或子件出现一次",
            )
        return self


def parse_event(data: bytes, read_time: ReadTime = instant_us) -> ScanEvent:
    """The event in a record of floor.scans; raises Malformed. `read_time` reads the source's way of writing time."""
    return validated(ScanEvent, read_json(data, keys_once=False), read_time)


def parse_line(data: bytes, read_time: ReadTime = instant_us) -> RecordedEvent:
    """The event in one line of an event file; raises Malformed."""
    return validated(RecordedEvent, read_json(data, keys_once=False), read_time)
