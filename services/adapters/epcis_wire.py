"""EPCIS over HTTP: a capture document → its events, each an item that stands alone; an item → a valid event.

An item keeps what is around it in the document: the prefixes in force become its `@context`, and extensions that the
document excludes from the hash (`…:ignoreFields`, as GS1's reference generator reads it) are left out. So an event that
was refused can be sent again by itself.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec

from schemas.message import Malformed, read_json
from services.adapters.submitted import is_deeper
from services.core.epcis_check import check_document, check_event
from services.core.epcis_kinds import Fault
from services.core.epcis_names import STANDARD, expanded, prefixes_of
from services.core.errors import BadScan, Reason

MOST_DEPTH = 32
MOST_SAID = 20
"""Faults of one document or event that are told; the rest comes when these are mended."""
_LONGEST_WHOLE = 18
_TOO_LARGE = 1_000_000_000_000_000_000
_LONGEST_DECIMAL = 40
_encode = msgspec.json.Encoder(decimal_format="number").encode


class BadDocument(ValueError):
    """Not a capture document; `faults` say where and why."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.pointer} {fault.en}" for fault in faults))
        self.faults = faults


class InvalidEvent(BadScan):
    """An event that is none by the standard; `faults` point from the event to its fields."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(
            Reason.MALFORMED,
            "; ".join(f"{fault.pointer or '/'}: {fault.en}" for fault in faults),
            "；".join(f"{fault.pointer or '/'}：{fault.zh}" for fault in faults),
        )
        self.faults = faults


class TooManyEvents(ValueError):
    """A document with more events than are taken at once; `events` says how many."""

    def __init__(self, events: int) -> None:
        super().__init__(f"{events} events")
        self.events = events


def read_document(body: bytes, most: int) -> list[bytes]:
    """The events of an EPCISDocument as items, in their order, not yet judged. Raises BadDocument, TooManyEvents."""
    try:
        document = _read(body)
    except Malformed as bad:
        raise BadDocument([Fault("", bad.en, bad.zh)]) from None
    faults = list(islice(check_document(document), MOST_SAID))
    if faults:
        raise BadDocument(faults)
    prefixes, events = prefixes_of(document["@context"]), document["epcisBody"]["eventList"]
    if len(events) > most:
        raise TooManyEvents(len(events))
    ignored = {expanded(name, prefixes) for name in _ignored(document)}
    return [_alone(event, prefixes, ignored) for event in events]


def _ignored(document: Mapping[str, Any]) -> Iterator[str]:
    for key, names in document.items():
        if key.endswith(":ignoreFields") and isinstance(names, list):
            yield from (name for name in names if isinstance(name, str))


def _alone(event: Any, prefixes: Mapping[str, str], ignored: set[str]) -> bytes:
    if isinstance(event, dict):
        own = prefixes_of(event.get("@context"), prefixes)
        kept = {key: value for key, value in event.items() if expanded(key, own) not in ignored}
        event = {**kept, "@context": {name: uri for name, uri in own.items() if STANDARD.get(name) != uri}}
    return _encode(event)


def read_epcis(raw: bytes) -> dict[str, Any]:
    """The event in an item. Raises InvalidEvent, naming each field by its JSON pointer and the rule it breaks."""
    try:
        event = _read(raw)
    except Malformed as bad:
        raise InvalidEvent([Fault("", bad.en, bad.zh)]) from None
    faults = list(islice(check_event(event, "", STANDARD), MOST_SAID))
    if "@context" not in event:
        faults.insert(0, Fault("/@context", "is required of an event that stands alone", "单独发送的事件必须有此字段"))
    if faults:
        raise InvalidEvent(faults)
    return event


def _read(body: bytes) -> dict[str, Any]:
    """A JSON object of bounded depth, whose numbers are of bounded size. Raises Malformed."""
    if is_deeper(body, MOST_DEPTH):
        raise Malformed(f"nested more than {MOST_DEPTH} levels deep", f"嵌套超过 {MOST_DEPTH} 层")
    value = read_json(body)
    if not all(_is_modest(number) for number in _numbers(value)):
        raise Malformed(
            f"a number has more than {_LONGEST_WHOLE} digits ({_LONGEST_DECIMAL} with a point)",
            f"数字超过 {_LONGEST_WHOLE} 位（含小数点时 {_LONGEST_DECIMAL} 位）",
        )
    return value


def _numbers(value: Any) -> Iterator[int | Decimal]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, (int, Decimal)):
            yield item


def _is_modest(number: int | Decimal) -> bool:
    if isinstance(number, int):
        return -_TOO_LARGE < number < _TOO_LARGE
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # neither NaN nor Infinity is JSON
    return max(len(digits), abs(exponent)) <= _LONGEST_DECIMAL
