"""From an event as it was sent to an event the fold can read: what it means in this plant, at what instant.

Every refusal of the contract but the late ones is decided here, with the same answer at the front door, in the
stream and offline.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Protocol
from zlib import crc32

from services.core.equipment import PlantModel
from services.core.errors import BadScan, Reason
from services.core.instant import AmbiguousTime, SourceClock
from services.core.scan import ACTIONS, OPERATION_OPTIONAL, WITHOUT_OPERATION, Action, Scan
from services.core.text import clean

LIMITS: Mapping[str, int] = {"event_id": 128, "voids": 128, "unit_id": 256}
"""Characters at most; every other text has `OTHER_LIMIT`."""
OTHER_LIMIT = 256


class Event(Protocol):
    """The fields of an event as sent; None where left out."""

    @property
    def event_id(self) -> str | None: ...
    @property
    def event_time(self) -> str | int | float | None: ...
    @property
    def unit_id(self) -> str | None: ...
    @property
    def read_point_id(self) -> str | None: ...
    @property
    def operation_id(self) -> str | None: ...
    @property
    def action(self) -> str | None: ...
    @property
    def quantity(self) -> Decimal | None: ...
    @property
    def scrap_quantity(self) -> Decimal | None: ...
    @property
    def quantity_delta(self) -> Decimal | None: ...
    @property
    def order_id(self) -> str | None: ...
    @property
    def product_id(self) -> str | None: ...
    @property
    def work_unit_id(self) -> str | None: ...
    @property
    def parent_ids(self) -> Sequence[str] | None: ...
    @property
    def voids(self) -> str | None: ...
    @property
    def device_time(self) -> str | int | float | None: ...


def resolve(event: Event, model: PlantModel, source: str, recorded: int | None) -> tuple[str, Scan]:
    """The unit and its resolved event under this plant model.

    `recorded`: when the system first saw it, µs, None where unknown (a file): then it is never clock_ahead.
    Raises BadScan with the one reason for which the event is refused.
    """
    unit_id = _text("unit_id", event.unit_id)
    event_id = _text("event_id", event.event_id)
    if unit_id is None:
        raise _missing("unit_id")
    if event_id is None:
        raise _missing("event_id")
    clock = source_clock(model, source)
    time = _instant("event_time", event.event_time, clock, source)
    if time is None:
        raise _missing("event_time")
    if recorded is not None and time > recorded + model.tracking.max_clock_ahead:
        raise BadScan(
            Reason.CLOCK_AHEAD,
            f"event_time is {(time - recorded) / 1e6:.0f} s after it was recorded: set the clock of {source!r}",
            f"事件时间比接收时间晚 {(time - recorded) / 1e6:.0f} 秒:请校准来源 {source!r} 的时钟",
        )
    operation, action, work_unit = _meaning(event, model)
    scan = Scan(event_id, time, action, operation, model.version, 0, work_unit)
    scan.product = _text("product_id", event.product_id)
    _numbers(event, scan)
    if action is Action.VOID:
        scan.voids = _text("voids", event.voids)
        if scan.voids is None:
            raise _missing("voids")
    device_time = _instant("device_time", event.device_time, clock, source)
    scan.content = _content(event, scan, time if device_time is None else device_time)
    return unit_id, scan


@lru_cache(maxsize=256)
def _clock(time_zone: str | None, time_format: str) -> SourceClock:
    return SourceClock(time_zone, time_format)


def source_clock(model: PlantModel, source: str) -> SourceClock:
    """How this source writes its times, as the plant model declares it."""
    declared = model.sources.get(source)
    if declared is None:
        return _clock(None, "rfc3339")
    return _clock(declared.get("time_zone"), declared.get("time_format") or "rfc3339")


def _text(field: str, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        text = clean(value)
    except ValueError as bad:
        raise BadScan(
            Reason.MALFORMED, f"{field} has a control character ({bad})", f"{field} 含有控制字符({bad})"
        ) from None
    limit = LIMITS.get(field, OTHER_LIMIT)
    if len(text) > limit:
        raise BadScan(
            Reason.MALFORMED, f"{field} is longer than {limit} characters", f"{field} 超过 {limit} 个字符"
        )
    return text or None


def _missing(field: str) -> BadScan:
    return BadScan(Reason.MALFORMED, f"{field} is missing", f"缺少 {field}")


def _instant(field: str, value: str | int | float | None, clock: SourceClock, source: str) -> int | None:
    if value is None:
        return None
    try:
        return clock.parse(value if isinstance(value, str) else str(value))
    except AmbiguousTime as bad:
        raise BadScan(
            Reason.AMBIGUOUS_TIME,
            f"{field} {value!r}: {bad}; send it with its offset, or set sources.{source}.time_zone / time_format",
            f"{field} {value!r} 有歧义:请带时区偏移发送,或在工厂模型中设置 sources.{source}.time_zone / time_format",
        ) from None
    except ValueError as bad:
        raise BadScan(
            Reason.MALFORMED,
            f"{field} {value!r}: {bad} (for source {source!r} see sources.{source}.time_zone / time_format)",
            f"{field} {value!r} 无法识别:需要带时区的 RFC 3339 时间,或在工厂模型中设置 "
            f"sources.{source}.time_zone / time_format",
        ) from None


def _meaning(event: Event, model: PlantModel) -> tuple[str | None, Action, str | None]:
    """Operation, action and work unit: what is said explicitly wins over the read point's mapping."""
    operation = _text("operation_id", event.operation_id)
    work_unit = _text("work_unit_id", event.work_unit_id)
    action = None
    if event.action is not None:
        action = ACTIONS.get(event.action)
        if action is None:
            raise BadScan(
                Reason.MALFORMED,
                f"action {event.action!r} is none of {', '.join(ACTIONS)}",
                f"动作 {event.action!r} 不在以下之列:{'、'.join(ACTIONS)}",
            )
    name = _text("read_point_id", event.read_point_id)
    if name is not None:
        read_point = model.read_points.get(name)
        if read_point is None:
            raise BadScan(
                Reason.UNKNOWN_READ_POINT,
                f"read point {name!r} is not in plant model version {model.version}: add it, then replay",
                f"采集点 {name!r} 不在工厂模型第 {model.version} 版中:请先添加,再重放",
            )
        operation = operation or read_point.operation
        action = read_point.action if action is None else action
        work_unit = work_unit or read_point.work_unit
    if action is None:
        raise BadScan(
            Reason.MALFORMED, "neither read_point_id nor action is given", "read_point_id 与 action 均未给出"
        )
    return _operation(operation, action, model), action, work_unit


def _operation(operation: str | None, action: Action, model: PlantModel) -> str | None:
    if action in WITHOUT_OPERATION:
        return None
    if operation is None:
        if action in OPERATION_OPTIONAL:
            return None
        raise _missing("operation_id")
    if operation not in model.operations:
        raise BadScan(
            Reason.UNKNOWN_OPERATION,
            f"operation {operation!r} is not in plant model version {model.version}: add it, then replay",
            f"工序 {operation!r} 不在工厂模型第 {model.version} 版中:请先添加,再重放",
        )
    return operation


def _numbers(event: Event, scan: Scan) -> None:
    if event.quantity is not None:
        scan.quantity = _millionths("quantity", event.quantity, 0)
    if event.scrap_quantity is not None:
        least = 1 if scan.action is Action.SCRAP else 0
        scan.scrap_quantity = _millionths("scrap_quantity", event.scrap_quantity, least)
    if event.quantity_delta is not None:
        scan.quantity_delta = _millionths("quantity_delta", event.quantity_delta, None)
    elif scan.action is Action.ADJUST:
        raise _missing("quantity_delta")


def _millionths(field: str, value: Decimal, least: int | None) -> int:
    digits, exponent = value.normalize().as_tuple()[1:] if value.is_finite() else ((), -7)
    if not isinstance(exponent, int) or exponent < -6 or max(len(digits), len(digits) + exponent) > 18:
        raise BadScan(
            Reason.MALFORMED,
            f"{field} {value} has more than 18 digits or more than 6 after the point",
            f"{field} {value} 超过 18 位数字或 6 位小数",
        )
    number = int(value.scaleb(6))
    if least is not None and number < least:
        least_text = "more than 0" if least else "0 or more"
        raise BadScan(
            Reason.MALFORMED, f"{field} {value} must be {least_text}", f"{field} {value} 必须{'大于' if least else '不小于'} 0"
        )
    return number


def _content(event: Event, scan: Scan, device_time: int) -> int:
    """Over what a repeat must repeat. The device's time, so that a retry whose clock was corrected is a repeat."""
    parents = event.parent_ids
    return crc32(
        f"{event.read_point_id}\x1f{event.operation_id}\x1f{event.action}\x1f{device_time}\x1f{scan.quantity}\x1f"
        f"{scan.scrap_quantity}\x1f{scan.quantity_delta}\x1f{event.order_id}\x1f{scan.product}\x1f"
        f"{'' if not parents else chr(30).join(parents)}\x1f{event.voids}".encode("utf-8", "surrogatepass")
    )
