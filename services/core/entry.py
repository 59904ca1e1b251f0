"""What happens to an event where it enters: its time is read, its clock corrected, its id made, its meaning checked.

The same at every entrance (HTTP, devices); records straight to Kafka and files are never corrected and do not pass.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from services.core.equipment import PlantModel
from services.core.errors import BadScan, Reason
from services.core.identity import made_event_id, transform_event_id
from services.core.instant import EARLIEST_US, LATEST_US
from services.core.resolve import clock_ahead, instant_of, resolve, source_clock

Time = str | int | float


class EnteringEvent(Protocol):
    """An event as it was sent, cleaned; `enter` fills in what the system adds."""

    event_id: str | None
    event_time: Time | None
    unit_id: str | None
    read_point_id: str | None
    operation_id: str | None
    action: str | None
    quantity: Decimal | None
    scrap_quantity: Decimal | None
    quantity_delta: Decimal | None
    order_id: str | None
    product_id: str | None
    work_unit_id: str | None
    operator_id: str | None
    parent_ids: list[str] | None
    voids: str | None
    sent_time: Time | None
    device_time: Time | None


class Timed(Protocol):
    """Anything with a time and, perhaps, the source's clock when it was sent."""

    event_time: Time | None
    sent_time: Time | None


class Part(Protocol):
    """A unit that goes into a split or merge, or comes out of it."""

    @property
    def unit_id(self) -> str: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def product_id(self) -> str | None: ...


class Transform(Protocol):
    """A split or merge, cleaned."""

    @property
    def event_id(self) -> str: ...
    @property
    def event_time(self) -> Time: ...
    @property
    def operation_id(self) -> str: ...
    @property
    def parents(self) -> Sequence[Part]: ...
    @property
    def children(self) -> Sequence[Part]: ...


Made = TypeVar("Made", bound=EnteringEvent)


def enter(event: EnteringEvent, model: PlantModel, source: str, recorded: int) -> str:
    """Make the event canonical, in place, and return its unit. `recorded` in µs. Raises BadScan.

    Times are read as the source declares and written as RFC 3339; where the source's clock at sending is further
    from ours than `max_clock_skew`, event_time is moved by the difference and device_time keeps what was sent.
    """
    clock = source_clock(model, source)
    time = instant_of("event_time", event.event_time, clock, source)
    if time is None:
        raise BadScan(Reason.MALFORMED, "event_time is missing", "缺少 event_time")
    device = instant_of("device_time", event.device_time, clock, source)
    sent = instant_of("sent_time", event.sent_time, clock, source)
    if event.event_id is None:
        event.event_id = _made_id(event, source, time if device is None else device)
    if sent is not None:
        event.sent_time = clock.write(sent)
        corrected = time if device is not None else corrected_time(time, sent, recorded, model)
        if corrected != time:
            time, device = corrected, time
    event.event_time = clock.write(time)
    if device is not None:
        event.device_time = clock.write(device)
    return resolve(event, model, source, recorded)[0]


def enter_machine(event: Timed, model: PlantModel, source: str, recorded: int) -> None:
    """Read and correct the time of a machine's message, in place. Raises BadScan."""
    clock = source_clock(model, source)
    time = instant_of("event_time", event.event_time, clock, source)
    if time is None:
        raise BadScan(Reason.MALFORMED, "event_time is missing", "缺少 event_time")
    sent = instant_of("sent_time", event.sent_time, clock, source)
    if sent is not None:
        event.sent_time = clock.write(sent)
        time = corrected_time(time, sent, recorded, model)
    if time > recorded + model.tracking.max_clock_ahead:
        raise clock_ahead(time, recorded, source)
    event.event_time = clock.write(time)


def corrected_time(time: int, sent: int, recorded: int, model: PlantModel) -> int:
    """The event's time by our clock; all in µs. Unchanged while the clocks differ by at most `max_clock_skew`."""
    offset = recorded - sent
    if abs(offset) <= model.tracking.max_clock_skew:
        return time
    corrected = time + offset
    if not EARLIEST_US <= corrected <= LATEST_US:
        raise BadScan(
            Reason.MALFORMED,
            f"event_time corrected by the clock of sent_time ({offset / 1e6:+.0f} s) is not in the years 2000 to 9999",
            f"按 sent_time 时钟校正（{offset / 1e6:+.0f} 秒）后的事件时间不在 2000 年至 9999 年之间",
        )
    return corrected


def _made_id(event: EnteringEvent, source: str, device_us: int) -> str:
    delta = event.quantity_delta
    place = event.operation_id if event.read_point_id is None else event.read_point_id
    return made_event_id(
        source,
        place,
        event.unit_id or "",
        event.action,
        device_us,
        event.voids,
        None if delta is None else f"{delta:f}",
    )


def expand(transform: Transform, make: Callable[..., Made]) -> list[Made]:
    """The events of a split or merge: an adjust per parent, then an arrive per child. `make` takes fields by name."""
    parents = [part.unit_id for part in transform.parents]
    common: dict[str, Any] = {"event_time": transform.event_time}
    taken = [
        make(
            event_id=transform_event_id(transform.event_id, "parent", part.unit_id), unit_id=part.unit_id,
            action="adjust", quantity_delta=-part.quantity, product_id=part.product_id, **common,
        )
        for part in transform.parents
    ]  # fmt: skip
    made = [
        make(
            event_id=transform_event_id(transform.event_id, "child", part.unit_id), unit_id=part.unit_id,
            action="arrive", operation_id=transform.operation_id, quantity=part.quantity,
            product_id=part.product_id, parent_ids=list(parents), **common,
        )
        for part in transform.children
    ]  # fmt: skip
    return taken + made
