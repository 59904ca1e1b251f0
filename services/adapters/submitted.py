"""Bytes ↔ rules at the front door: what HTTP clients send, and what is produced from it.

An event is read twice over only where that is needed: the quick reading (msgspec) is kept if it certainly equals what
the contract (schemas/, pydantic) would read; whatever it is not sure of, the contract reads. So both accept and refuse
the same, and a refusal has the contract's words.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from schemas.event import NEEDS_OPERATION, SubmittedEvent, Transform
from schemas.instant import EARLIEST_US
from schemas.machine import MachineEvent
from schemas.message import Malformed, Message, decimal_of, decimal_text, read_json, validated
from services.adapters.wire import EventMessage, encode
from services.core.entry import Time
from services.core.errors import BadScan, Reason
from services.core.resolve import LIMITS, OTHER_LIMIT
from services.core.scan import ACTIONS
from services.core.text import clean

MOST_DEPTH = 5
"""Levels of nesting of one item; ours have two."""


class Submitted(EventMessage, omit_defaults=True, gc=False):
    """An event on its way in; written, it is canonical."""


class SubmittedMachine(msgspec.Struct, omit_defaults=True, gc=False):
    """A machine's message on its way in."""

    work_unit_id: str
    event_time: Time | None = None
    event_id: str | None = None
    state: str | None = None
    counter: dict[str, int] | None = None
    sent_time: Time | None = None


class SubmittedPart(msgspec.Struct, gc=False):
    """A unit of a split or merge."""

    unit_id: str
    quantity: Decimal
    product_id: str | None = None


class SubmittedTransform(msgspec.Struct, gc=False):
    """A split or merge on its way in."""

    event_id: str
    event_time: Time
    operation_id: str
    parents: list[SubmittedPart]
    children: list[SubmittedPart]


_decode = msgspec.json.Decoder(Submitted).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TEXTS = (
    "event_id", "unit_id", "read_point_id", "operation_id", "order_id", "product_id", "work_unit_id", "operator_id",
    "voids",
)  # fmt: skip
_STRINGS_AND_BRACKETS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{\]}]', re.DOTALL).findall
"""A string that is never closed goes to the end: else every quote in it would be tried as the beginning of one."""
_AMOUNTS = ("quantity", "scrap_quantity", "quantity_delta")
_AMOUNT_AS_TEXT = re.compile(rb'quantity(?:_delta)?"\s*:\s*"([^"]*)"').findall
_AMOUNT = re.compile(rb"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?").fullmatch
_NEEDS_OPERATION = frozenset(action.value for action in NEEDS_OPERATION)


def split(body: bytes, lines: bool) -> list[bytes]:
    """The items of a body: each line, each element of a list, or the one thing it is.

    `lines`: the sender says these are JSON Lines; else they are recognised where the first line is whole in itself.
    What cannot be split is one item, and it is refused as such: nothing that was sent vanishes.
    """
    if not lines and body.lstrip(b" \t\r\n")[:1] == b"[":
        try:
            return [bytes(raw) for raw in _decode_list(body)]
        except _UNREADABLE:
            return [body]
    whole = [line for line in body.split(b"\n") if line.strip()]
    return whole if lines or (len(whole) > 1 and _is_whole(whole[0])) else [body]


def _is_whole(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except _UNREADABLE:
        return False
    return True


def read_scan(raw: bytes) -> Submitted:
    """The event in an item, cleaned, its times still as sent. Raises BadScan."""
    require_shallow(raw)
    return _quick(raw) or _by_contract(raw)


def _quick(raw: bytes) -> Submitted | None:
    """The event if it is certain that the contract reads the same; None where it would have to be asked."""
    if b"\\" in raw:
        return None
    try:
        if not raw.isascii():
            raw.decode("utf-8")
        event = _decode(raw)
        if not _every_key_once_and_known(event, raw):
            return None
        _clean_texts(event)
        if event.quantity is not None or event.scrap_quantity is not None or event.quantity_delta is not None:
            _plain_amounts(event, raw)
    except (*_UNREADABLE, ValueError):
        return None
    event.source = event.recorded_time = None
    return event if _hangs_together(event) else None


def _every_key_once_and_known(event: Submitted, raw: bytes) -> bool:
    """Without escapes every colon is that of a key or stands in a text: more of them are keys twice or unknown."""
    known = 0
    for value in msgspec.structs.astuple(event):
        if value is not None:
            known += 1
            if type(value) is str:
                known += value.count(":")
            elif type(value) is list:
                if not all(type(text) is str for text in value):
                    return False
                known += sum([text.count(":") for text in value])
    return known == raw.count(b":")


def _clean_texts(event: Submitted) -> None:
    for field in _TEXTS:
        value = getattr(event, field)
        if value is not None:
            text = clean(value)
            if len(text) > LIMITS.get(field, OTHER_LIMIT):
                raise ValueError(field)
            if text is not value or not text:
                setattr(event, field, text or None)
    if event.parent_ids is not None:
        event.parent_ids = [clean(parent) for parent in event.parent_ids]
        if not all(0 < len(parent) <= LIMITS["unit_id"] for parent in event.parent_ids):
            raise ValueError("parent_ids")


def _plain_amounts(event: Submitted, raw: bytes) -> None:
    if not all(_AMOUNT(text) for text in _AMOUNT_AS_TEXT(raw)):
        raise ValueError("amount")
    for field in _AMOUNTS:
        value = getattr(event, field)
        if value is not None:
            setattr(event, field, _plain(decimal_of(value)))


def _plain(value: Decimal) -> Decimal:
    """The same number so that it is written without an exponent."""
    return Decimal(decimal_text(value))


def _hangs_together(event: Submitted) -> bool:
    """Nothing missing, no contradiction: what the contract checks of an event as a whole."""
    action = event.action
    if event.event_time is None or event.unit_id is None:
        return False
    for time in (event.event_time, event.sent_time, event.device_time):
        if type(time) is float or (type(time) is str and not time[:1].isdigit()):
            return False  # digits to be kept exactly; perhaps a blank text, which is as good as none
    if action is None:
        if event.read_point_id is None:
            return False
    elif action not in ACTIONS or (
        action in _NEEDS_OPERATION and event.read_point_id is None and event.operation_id is None
    ):
        return False
    if (action == "adjust" and event.quantity_delta is None) or (action == "void" and event.voids is None):
        return False
    if action == "scrap" and event.scrap_quantity == 0:
        return False
    return not any(amount is not None and amount < 0 for amount in (event.quantity, event.scrap_quantity))


Kind = TypeVar("Kind", bound=Message)


def _contract(kind: type[Kind], raw: bytes) -> tuple[Kind, dict[str, Any]]:
    """The message by the contract and the JSON it stands in; times are only checked to be something like one."""
    require_shallow(raw)
    try:
        value = read_json(raw)
        return validated(kind, value, _some_time), value
    except Malformed as bad:
        raise BadScan(Reason.MALFORMED, bad.en, bad.zh) from None


def _some_time(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise ValueError("expected an instant with offset such as 2026-11-23T14:00:00+08:00")
    return EARLIEST_US


def _time(value: Any) -> Time:
    return str(value) if isinstance(value, Decimal) else value


def _by_contract(raw: bytes) -> Submitted:
    model, value = _contract(SubmittedEvent, raw)
    event = Submitted(action=model.action and model.action.value, parent_ids=model.parent_ids)
    for field in _TEXTS:
        setattr(event, field, getattr(model, field))
    for field in _AMOUNTS:
        amount = getattr(model, field)
        setattr(event, field, None if amount is None else _plain(amount))
    for field in ("event_time", "sent_time", "device_time"):
        if getattr(model, field) is not None:
            setattr(event, field, _time(value[field]))
    return event


def read_machine(raw: bytes) -> SubmittedMachine:
    """The machine's message in an item, its times still as sent. Raises BadScan."""
    model, value = _contract(MachineEvent, raw)
    return SubmittedMachine(
        work_unit_id=model.work_unit_id,
        event_time=_time(value["event_time"]),
        event_id=model.event_id,
        state=model.state and model.state.value,
        counter=None if model.counter is None else model.counter.model_dump(exclude_none=True),
        sent_time=None if model.sent_time is None else _time(value["sent_time"]),
    )


def read_transform(raw: bytes) -> SubmittedTransform:
    """The split or merge in an item, its time still as sent. Raises BadScan."""
    model, value = _contract(Transform, raw)
    parents, children = (
        [SubmittedPart(part.unit_id, _plain(part.quantity), part.product_id) for part in parts]
        for parts in (model.parents, model.children)
    )
    return SubmittedTransform(model.event_id, _time(value["event_time"]), model.operation_id, parents, children)


def require_shallow(raw: bytes) -> None:
    """Raises BadScan where brackets nest deeper than any message of ours could."""
    if is_deeper(raw, MOST_DEPTH):
        raise BadScan(Reason.MALFORMED, f"nested more than {MOST_DEPTH} levels deep", f"嵌套超过 {MOST_DEPTH} 层")


def is_deeper(raw: bytes, most: int) -> bool:
    """Do brackets nest deeper than so many levels? In time that grows with the length alone, whatever the bytes are."""
    if raw.count(b"{") + raw.count(b"[") <= most:
        return False
    depth = 0
    for mark in _STRINGS_AND_BRACKETS(raw):
        depth += (mark in b"[{") - (mark in b"]}")
        if depth > most:
            return True
    return False


submitted_event: Callable[..., Submitted] = Submitted
"""Makes an event from fields by name."""

canonical: Callable[[Any], bytes] = encode
"""A submitted message as the bytes of its record."""
