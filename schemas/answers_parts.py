"""Products, routings, calendars and targets as they are sent and answered, for the description of the API.

What a value may be is said by the plant file (plant_document.py); there they are judged.
"""

from typing import Any, Literal

from pydantic import BaseModel, Field

from schemas.answers import Answer

PRODUCT = {"unit_cost": "12.50", "currency": "CNY"}
ROUTING = {"operations": ["MY-OPERATION"]}
CALENDAR = {
    "week": "mon-sat",
    "shifts": [{"id": "A", "name": {"en": "Day", "zh": "白班"}, "from": "08:00", "to": "20:00"}],
    "exceptions": [{"date": "2026-10-01", "off": True}],
}
TARGET = {"wip_limit": 40, "dwell_limit": "15m", "standard_time": "45s"}


class ProductSent(BaseModel):
    """A product; a `routing` that is left out stays as it is."""

    id: str | None = Field(default=None, description="that of the address, or left out")
    unit_cost: str | float | None = Field(default=None, description="cost of quantity 1, for WIP in money")
    currency: str | None = Field(default=None, description="ISO 4217 code of unit_cost")
    routing: list[str] | None = Field(default=None, description="operation ids in order; [] takes it away")
    presence: Literal["single", "multiple"] | None = None


class RoutingSent(BaseModel):
    """The way of a product. Its id is the product's."""

    id: str | None = Field(default=None, description="product_id: that of the address, or left out")
    operations: list[str] = Field(description="operation ids in order; []: any may follow any other")


class CalendarSent(BaseModel):
    """When a work center works."""

    id: str | None = Field(default=None, description="that of the address, or left out")
    week: str | list[str] | None = Field(default=None, description="weekdays worked, such as mon-fri; default all")
    shifts: list[dict[str, Any]] = Field(min_length=1, description="`id`, `name`, `from`, `to`, `breaks`")
    exceptions: list[dict[str, Any]] | None = Field(default=None, description="`date` with `off`, `as` or `add`")


class TargetsSent(BaseModel):
    """The targets of an operation; one that is left out is none."""

    id: str | None = Field(default=None, description="operation_id: that of the address, or left out")
    wip_limit: int | None = Field(default=None, description="most units that should be here")
    wip_min: int | None = Field(default=None, description="fewest units that should be here")
    dwell_limit: str | None = Field(default=None, description="longest time a unit should stay, such as 15m")
    dwell_limit_clock: Literal["wall", "working"] | None = None
    standard_time: str | None = Field(default=None, description="planned process time of one unit, such as 45s")


class PlantPart(Answer):
    """A part of the plant model, as the plant file has it."""

    id: str


class Page(Answer):
    """Parts by id, a page of them."""

    version: int = Field(ge=1, description="of the plant model")
    after: str | None = Field(description="ask again with it for the next page; null: this is the last one")


class Products(Page):
    """Products, a page of them."""

    products: list[PlantPart]


class Routings(Page):
    """Routings of products that have one, a page of them."""

    routings: list[PlantPart]


class Calendars(Page):
    """Calendars, a page of them."""

    calendars: list[PlantPart]


class Targets(Page):
    """Targets of operations, a page of them."""

    targets: list[PlantPart]


class PartVerdict(Answer):
    """What became of one part of a request."""

    index: int = Field(ge=0, description="place of the item in the request, from 0")
    id: str | None = Field(description="null where it cannot be read")
    status: Literal["accepted", "refused"]
    reason: Literal["malformed", "not-found"] | None = Field(description="null: accepted")
    detail: str | None = Field(description="which key, what is expected; null: accepted")


class PartVerdicts(Answer):
    """The verdict of every part, in the order in which they were sent; those accepted make one version."""

    version: int = Field(ge=1, description="of the plant model that holds them")
    changed: bool | None = Field(description="false: they were so already; null: only judged")
    accepted: int = Field(ge=0)
    rejected: int = Field(ge=0)
    results: list[PartVerdict]
