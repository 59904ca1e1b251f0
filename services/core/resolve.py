"""From an event as it was sent to an event the fold can read: what it means in this plant, at what instant.

Every refusal of the contract but the late ones is decided here, with the same answer at the front door, in the
stream and offline.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, Protocol
from zlib import crc32

from services.core.equipment import PlantModel
from services.core.errors import BadScan, Reason
from services.core.instant import AmbiguousTime, SourceClock
from services.core.scan import ACTIONS, OPERATION_OPTIONAL, WITHOUT_OPERATION, Action, Scan
from services.core.text import clean

LIMITS: Mapping[str, int] = {"event_id": 128, "voids": 128, "unit_id": 256}
"""Characters at most; every other text has `OTHER_LIMIT`."""
OTHER_LIMIT = 256
MOST_DIGITS = 18
"""Of a decimal, up to 6 of them after the point."""
MOST_SAID = 40
"""Characters of a wrong value that a refusal repeats."""

_NOTHING_MORE = (None, None, None, None, None, None, None)


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
    def operator_id(self) -> str | None: ...
    @property
    def parent_ids(self) -> Sequence[str] | None: ...
    @property
    def voids(self) -> str | None: ...
    @property
    def sent_time(self) -> str | int | float | None: ...
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
    time = instant_of("event_time", event.event_time, clock, source)
    if time is None:
        raise _missing("event_time")
    if recorded is not None and time > recorded + model.tracking.max_clock_ahead:
        raise clock_ahead(time, recorded, source)
    meaning = _meaning(model, event.read_point_id, event.operation_id, event.action, event.work_unit_id)
    scan = Scan(event_id, time, meaning.action, meaning.operation, model.version, 0, meaning.work_unit)
    if event.product_id is not None:
        scan.product = _text("product_id", event.product_id)
    _numbers(event, scan)
    voids = None if event.voids is None else _text("voids", event.voids)
    if scan.action is Action.VOID:
        if voids is None:
            raise _missing("voids")
        scan.voids = voids
    device_time = time if event.device_time is None else instant_of("device_time", event.device_time, clock, source)
    if event.sent_time is not None:
        instant_of("sent_time", event.sent_time, clock, source)
    if event.operator_id is not None:
        _text("operator_id", event.operator_id)
    order = None if event.order_id is None else _text("order_id", event.order_id)
    parents = _parents(event.parent_ids) if event.parent_ids else None
    # Over what a repeat must repeat. The device's time, so that a retry whose clock was corrected is a repeat.
    rest = (scan.quantity, scan.scrap_quantity, scan.quantity_delta, order, scan.product, parents, voids)
    said = str(device_time) if rest == _NOTHING_MORE else "\x1f".join(map(str, (device_time, *rest)))
    scan.content = crc32(said.encode(), meaning.said)
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
            Reason.MALFORMED, f"{field} has a control character ({bad})", f"{field} 含有控制字符（{bad}）"
        ) from None
    limit = LIMITS.get(field, OTHER_LIMIT)
    if len(text) > limit:
        raise BadScan(Reason.MALFORMED, f"{field} is longer than {limit} characters", f"{field} 超过 {limit} 个字符")
    return text or None


def _missing(field: str) -> BadScan:
    return BadScan(Reason.MALFORMED, f"{field} is missing", f"缺少 {field}")


def instant_of(field: str, value: str | int | float | None, clock: SourceClock, source: str) -> int | None:
    """µs since the epoch of a time as its source writes it, None where left out. Raises BadScan."""
    if value is None:
        return None
    try:
        return clock.parse(value if isinstance(value, str) else str(value))
    except AmbiguousTime as bad:
        raise BadScan(
            Reason.AMBIGUOUS_TIME,
            f"{field} {value!r}: {bad}; send it with its offset, or set sources.{source}.time_zone / time_format",
            f"{field} {value!r} 有歧义：请带时区偏移发送，或在工厂模型中设置 sources.{source}.time_zone / time_format",
        ) from None
    except ValueError as bad:
        raise BadScan(
            Reason.MALFORMED,
            f"{field} {value!r}: {bad} (for source {source!r} see sources.{source}.time_zone / time_format)",
            f"{field} {value!r} 无法识别：需要带时区的 RFC 3339 时间，或在工厂模型中设置 "
            f"sources.{source}.time_zone / time_format",
        ) from None


def clock_ahead(time: int, recorded: int, source: str) -> BadScan:
    """The refusal of an event of a time further ahead than the plant allows; both in µs."""
    return BadScan(
        Reason.CLOCK_AHEAD,
        f"event_time is {(time - recorded) / 1e6:.0f} s after it was recorded: set the clock of {source!r}",
        f"事件时间比接收时间晚 {(time - recorded) / 1e6:.0f} 秒：请校准来源 {source!r} 的时钟",
    )


class _Meaning(NamedTuple):
    """What a read means in a plant; `said`: a checksum over the words it was said in."""

    operation: str | None
    action: Action
    work_unit: str | None
    said: int


@lru_cache(maxsize=65_536)
def _meaning(
    model: PlantModel, read_point_id: str | None, operation_id: str | None, action_name: str | None, at: str | None
) -> _Meaning:
    """Operation, action and work unit (`at`): what is said explicitly wins over the read point's mapping.

    A plant has few ways of saying where something happens, and says them all day: each is understood once.
    """
    read_point_id, named = _text("read_point_id", read_point_id), _text("operation_id", operation_id)
    operation, work_unit, action = named, _text("work_unit_id", at), None
    if action_name is not None:
        action = ACTIONS.get(action_name)
        if action is None:
            raise BadScan(
                Reason.MALFORMED,
                f"action {action_name!r} is none of {', '.join(ACTIONS)}",
                f"动作 {action_name!r} 不在以下之列：{'、'.join(ACTIONS)}",
            )
    if read_point_id is not None:
        read_point = model.read_points.get(read_point_id)
        if read_point is None:
            raise BadScan(
                Reason.UNKNOWN_READ_POINT,
                f"read point {read_point_id!r} is not in plant model version {model.version}: add it, then replay",
                f"采集点 {read_point_id!r} 不在工厂模型第 {model.version} 版中：请先添加，再重放",
            )
        operation = operation or read_point.operation
        action = read_point.action if action is None else action
        work_unit = work_unit or read_point.work_unit
    if action is None:
        raise BadScan(Reason.MALFORMED, "neither read_point_id nor action is given", "read_point_id 与 action 均未给出")
    said = crc32(f"{read_point_id}\x1f{named}\x1f{action_name}\x1f".encode())
    return _Meaning(_operation(operation, action, model), action, work_unit, said)


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
            f"工序 {operation!r} 不在工厂模型第 {model.version} 版中：请先添加，再重放",
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


def _parents(parent_ids: Sequence[str]) -> str:
    """The parents, which only tell a repeat from a conflict."""
    parents = []
    for parent in parent_ids:
        text = _text("parent_ids", parent)
        if text is None:
            raise BadScan(
                Reason.MALFORMED, "parent_ids has an empty text: leave it out", "parent_ids 含有空文本：请去掉"
            )
        parents.append(text)
    return "\x1e".join(parents)


def _millionths(field: str, value: Decimal, least: int | None) -> int:
    _, digits, exponent = value.as_tuple()
    if isinstance(exponent, int) and -6 <= exponent <= 0 and len(digits) <= MOST_DIGITS:
        number = int(value.scaleb(6))
    else:
        number = _long_millionths(field, value)
    if least is not None and number < least:
        least_text = "more than 0" if least else "0 or more"
        raise BadScan(
            Reason.MALFORMED,
            f"{field} {value} must be {least_text}",
            f"{field} {value} 必须{'大于' if least else '不小于'} 0",
        )
    return number


def _long_millionths(field: str, value: Decimal) -> int:
    """As `_millionths` of a decimal however it is written: zeros at its end are no digits, nothing is rounded."""
    sign, digits, exponent = value.as_tuple()
    if isinstance(exponent, int):
        end = len(digits)
        while end and not digits[end - 1]:
            end -= 1
        exponent += len(digits) - end
        if not end:
            return 0
        if exponent >= -6 and end + max(0, exponent) <= MOST_DIGITS:
            number = int("".join(map(str, digits[:end]))) * int(10 ** (exponent + 6))
            return -number if sign else number
    text = str(value)
    said = text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]}…"
    raise BadScan(
        Reason.MALFORMED,
        f"{field} {said} has more than {MOST_DIGITS} digits or more than 6 after the point",
        f"{field} {said} 超过 {MOST_DIGITS} 位数字或 6 位小数",
    )
