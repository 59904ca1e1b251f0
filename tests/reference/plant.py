"""Reads a plant model (the parsed YAML, a plain dict) and answers the few questions the fold asks of it."""

import re
from dataclasses import dataclass
from typing import Any

MICROSECONDS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
SINGLE, MULTIPLE = "single", "multiple"


def duration_us(text: str | int | float) -> int:
    """Microseconds of `15m`, `1h30m`, `2s`; a bare number is seconds. ValueError otherwise."""
    if isinstance(text, (int, float)):
        return round(text * 1_000_000)
    parts = re.findall(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"not a duration: {text!r}")
    return round(sum(float(number) * MICROSECONDS[unit] for number, unit in parts))


@dataclass(frozen=True)
class ReadPoint:
    """What a read point stands for: any of the three may be missing and then comes from the event."""

    operation_id: str | None
    action: str | None
    work_unit_id: str | None


class Plant:
    """One version of the plant model."""

    def __init__(self, model: dict[str, Any]) -> None:
        tracking = model.get("tracking") or {}
        self.default_presence: str = tracking.get("presence", SINGLE)
        self.max_clock_ahead: int = duration_us(tracking.get("max_clock_ahead", "5m"))
        self.history_events: int = int(tracking.get("history_events", 32))
        self.history_horizon: int = duration_us(tracking.get("history_horizon", "24h"))
        self.unit_retention: int = duration_us(tracking.get("unit_retention", "30d"))
        self.operations: list[str] = []
        self.read_points: dict[str, ReadPoint] = {}
        for area in model.get("areas") or []:
            for work_center in area.get("work_centers") or []:
                self._read_work_center(work_center)
        self.products: dict[str, dict[str, Any]] = {p["id"]: p for p in model.get("products") or []}

    def _read_work_center(self, work_center: dict[str, Any]) -> None:
        self.operations += [operation["id"] for operation in work_center.get("operations") or []]
        for point in work_center.get("read_points") or []:
            self.read_points[point["id"]] = ReadPoint(
                point.get("operation"), point.get("action"), point.get("work_unit")
            )

    def presence(self, product_id: str | None) -> str:
        """`single` or `multiple`: the product's own, else the plant-wide one."""
        product = self.products.get(product_id or "", {})
        return str(product.get("presence") or self.default_presence)

    def routing(self, product_id: str | None) -> list[str]:
        """The ordered operations of the product; empty where it has no routing."""
        return list(self.products.get(product_id or "", {}).get("routing") or [])

    def position(self, product_id: str | None, operation_id: str) -> int | None:
        """Place of the operation on the routing, from 0; None where it is not on it."""
        routing = self.routing(product_id)
        return routing.index(operation_id) if operation_id in routing else None

    def is_last(self, product_id: str | None, operation_id: str) -> bool:
        """Whether the routing ends with this operation."""
        return self.routing(product_id)[-1:] == [operation_id]
