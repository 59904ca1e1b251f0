"""From a canonical event (a plain dict) to what the fold reads, or to the reason why it is refused."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from .instant import microseconds
from .plant import Plant

RANK = {
    "arrive": 0,
    "start": 1,
    "hold": 2,
    "release": 3,
    "finish": 4,
    "depart": 5,
    "scrap": 6,
    "complete": 7,
    "adjust": 8,
}
NEEDS_OPERATION = {"arrive", "start", "finish", "depart"}
HAS_NO_OPERATION = {"adjust", "void"}
TEXTS = ("read_point_id", "operation_id", "order_id", "product_id", "work_unit_id", "operator_id", "voids")
INSTANTS = ("event_time", "device_time", "recorded_time", "sent_time")
AMOUNTS = ("quantity", "scrap_quantity", "quantity_delta")


class Refused(Exception):
    """The event is not accepted; the only argument is the reason."""


@dataclass(frozen=True)
class Event:
    """An event that is well-formed and resolved against the plant model in force."""

    event_id: str
    unit_id: str
    time: int
    action: str
    operation_id: str | None
    work_unit_id: str | None
    product_id: str | None
    quantity: Decimal | None
    scrap_quantity: Decimal | None
    quantity_delta: Decimal | None
    voids: str | None
    version: int
    content: tuple[Any, ...]

    @property
    def rank(self) -> int:
        """The contract's rank; a void has none and never takes part in a fold."""
        return RANK[self.action]


def admit(raw: dict[str, Any], plant: Plant | None, version: int) -> Event:
    """The event as version `version` of the plant reads it; raises Refused."""
    try:
        times = {key: microseconds(raw[key]) for key in INSTANTS if raw.get(key) is not None}
        amounts = {key: _decimal(raw.get(key)) for key in AMOUNTS}
        _check_texts(raw)
    except (ValueError, InvalidOperation) as error:
        raise Refused("malformed") from error
    if "event_time" not in times:
        raise Refused("malformed")
    place = raw.get("operation_id") or raw.get("read_point_id")
    _check_shape(raw, raw.get("action"), place, amounts)
    action, operation_id, work_unit_id = _resolve(raw, plant)
    _check_shape(raw, action, operation_id, amounts)
    assert plant is not None
    if operation_id is not None and operation_id not in plant.operations:
        raise Refused("unknown_operation")
    if "recorded_time" in times and times["event_time"] - times["recorded_time"] > plant.max_clock_ahead:
        raise Refused("clock_ahead")
    parents = tuple(raw.get("parent_ids") or ())
    content = (
        raw.get("read_point_id"), raw.get("operation_id"), raw.get("action"),
        times.get("device_time", times["event_time"]), *amounts.values(),
        raw.get("order_id"), raw.get("product_id"), parents, raw.get("voids"),
    )  # fmt: skip
    return Event(
        raw["event_id"], raw["unit_id"], times["event_time"], action, operation_id, work_unit_id,
        raw.get("product_id"), amounts["quantity"], amounts["scrap_quantity"], amounts["quantity_delta"],
        raw.get("voids") if action == "void" else None, version, content,
    )  # fmt: skip


def _decimal(value: object) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise ValueError(f"not a decimal: {value!r}")
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError(f"not a number: {value!r}")
    _, digits, exponent = number.normalize().as_tuple()
    assert isinstance(exponent, int)
    after = max(0, -exponent)
    before = max(0, len(digits) + exponent)
    if after > 6 or before + after > 18:
        raise ValueError(f"more than 18 digits or more than 6 after the point: {value!r}")
    return number


def _check_texts(raw: dict[str, Any]) -> None:
    for key, longest in (("event_id", 128), ("unit_id", 256)):
        if not isinstance(raw.get(key), str) or not 1 <= len(raw[key]) <= longest:
            raise ValueError(f"{key} must be text of 1 to {longest} characters")
    for key in TEXTS:
        if raw.get(key) is not None and (not isinstance(raw[key], str) or not raw[key]):
            raise ValueError(f"{key} must be text")
    parents = raw.get("parent_ids") or []
    if not isinstance(parents, (list, tuple)) or not all(isinstance(parent, str) for parent in parents):
        raise ValueError("parent_ids must be a list of unit ids")


def _resolve(raw: dict[str, Any], plant: Plant | None) -> tuple[str, str | None, str | None]:
    """(action, operation, work unit): what the event says, else what its read point stands for."""
    action, operation_id = raw.get("action"), raw.get("operation_id")
    if action is not None and action not in RANK and action != "void":
        raise Refused("malformed")
    point_id = raw.get("read_point_id")
    if point_id is None and action is None:
        raise Refused("malformed")
    if plant is None:
        raise Refused("unknown_operation" if point_id is None else "unknown_read_point")
    work_unit_id = raw.get("work_unit_id")
    if point_id is not None:
        point = plant.read_points.get(point_id)
        if point is None:
            raise Refused("unknown_read_point")
        action = action or point.action
        operation_id = operation_id or point.operation_id
        work_unit_id = work_unit_id or point.work_unit_id
    if action is None:
        raise Refused("malformed")
    return action, None if action in HAS_NO_OPERATION else operation_id, work_unit_id


def _check_shape(
    raw: dict[str, Any], action: str | None, place: str | None, amounts: dict[str, Decimal | None]
) -> None:
    quantity, scrapped = amounts["quantity"], amounts["scrap_quantity"]
    malformed = (
        (quantity is not None and quantity < 0)
        or (scrapped is not None and (scrapped < 0 or (scrapped == 0 and action == "scrap")))
        or (action == "adjust" and amounts["quantity_delta"] is None)
        or (action == "void" and raw.get("voids") is None)
        or (action in NEEDS_OPERATION and place is None)
    )
    if malformed:
        raise Refused("malformed")
