"""floor.master: plant models by version (key `plant/<version>`) and orders (key `order/<order_id>`)."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from schemas.instant import Instant
from schemas.message import Id, Message, Micros, Quantity, SignedQuantity


class PlantVersion(Message):
    """One version of the plant model; it holds from its marker in each partition of floor.scans on."""

    version: int = Field(ge=1, description="counts up by one")
    created_us: Micros = Field(description="when it was pushed")
    created_by: str = Field(description="who pushed it")
    model: dict[str, Any] = Field(description="canonical plant document (schemas/plant.py: load_plant)")


class OrderChange(StrEnum):
    """What a revision of an order does."""

    NEW = "new"
    RUSH = "rush"
    RESEQUENCED = "resequenced"
    CANCELLED = "cancelled"


class Order(Message):
    """One revision of a production order. An order_id alone names no product of a unit."""

    order_id: Id
    revision: int = Field(ge=1, description="the highest one holds")
    change: OrderChange = Field(description="what this revision does")
    changed_by: str = Field(description="who")
    changed: Instant = Field(description="when")
    product_id: Id
    quantity: Quantity = Field(description="planned pieces")
    due: Instant | None = Field(default=None, description="when it is due")
    release: Instant | None = Field(default=None, description="when it may enter the floor")
    sequence: int | None = Field(
        default=None, description="planned place among the orders of its line; lower is earlier"
    )
    priority: SignedQuantity | None = Field(
        default=None, description="as the planning system counts it; kept, not evaluated"
    )
