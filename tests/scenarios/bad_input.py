"""Every kind of bad input of the contract, as bytes, with the one reason for which it is refused."""

import json
from dataclasses import dataclass
from typing import Any

PLANT = """\
tracking: {presence: single, max_clock_ahead: 5m, history_events: 4}
site: {id: SH1, time_zone: Asia/Shanghai}
sources:
  berlin: {time_zone: Europe/Berlin, time_format: "%Y-%m-%d %H:%M:%S"}
areas:
  - id: SMT
    work_centers:
      - id: L1
        work_units: [L1-A]
        operations: [{id: A}, {id: B}]
        read_points:
          - {id: A-IN, operation: A, action: arrive, work_unit: L1-A}
          - {id: B-IN, operation: B, action: arrive}
"""
CURED = PLANT.replace(
    "\nareas:", '\n  mes: {time_zone: Asia/Shanghai, time_format: "%Y-%m-%d %H:%M:%S"}\nareas:'
).replace("          - {id: B-IN,", "          - {id: NEW-IN, operation: B, action: arrive}\n          - {id: B-IN,")
TIME = "2026-11-20T01:00:00Z"
ANYWHERE = b"\xff\xfe not a unit"


@dataclass(frozen=True)
class Bad:
    """A record for floor.scans: `value` and `key` as they are written; `doors` also by HTTP, refused there."""

    name: str
    reason: str
    value: bytes | None
    key: bytes | None = b"BAD"
    source: str = ""
    doors: bool = True
    astray: bool = False
    says: str = ""


def event(**fields: Any) -> dict[str, Any]:
    """A good arrival, with what is to be different; None leaves a field out."""
    good = {"event_id": "e", "unit_id": "BAD", "event_time": TIME, "read_point_id": "A-IN"}
    return {name: value for name, value in {**good, **fields}.items() if value is not None}


def said(**fields: Any) -> bytes:
    """Its bytes."""
    return json.dumps(event(**fields), ensure_ascii=False).encode()


def acted(action: str, **fields: Any) -> bytes:
    """The bytes of an event with an action instead of a read point."""
    return said(read_point_id=None, action=action, **fields)


def raw(field_and_value: bytes) -> bytes:
    """An event with one member written as no encoder would."""
    return said()[:-1] + b", " + field_and_value + b"}"


UNREADABLE = [
    Bad("cut off", "malformed", b'{"event_id": "e"'),
    Bad("not JSON", "malformed", b"<scan unit='U'/>"),
    Bad("not UTF-8", "malformed", ANYWHERE),
    Bad("UTF-8 broken inside a text", "malformed", raw(b'"operator_id": "\xff"')),
    Bad("a byte order mark", "malformed", b"\xef\xbb\xbf" + said()),
    Bad("a text", "malformed", b'"e"'),
    Bad("a number", "malformed", b"17"),
    Bad("null", "malformed", b"null"),
    Bad("a list", "malformed", b"[1]"),
    Bad("no value", "malformed", None, doors=False),
    Bad("no bytes", "malformed", b"", doors=False),
    Bad("no bytes and no key", "malformed", b"", key=None, doors=False),
    Bad("nothing under a key that is no text", "malformed", b"{}", key=ANYWHERE, doors=False),
    Bad("nested without end", "malformed", b"[" * 60_000),
    Bad("an object nested without end", "malformed", b'{"a":' * 40_000 + b"1" + b"}" * 40_000),
]
FIELDS = [
    Bad("no unit_id", "malformed", said(unit_id=None), says="unit_id"),
    Bad("a blank unit_id", "malformed", said(unit_id=" "), says="unit_id"),
    Bad("no event_id", "malformed", said(event_id=None), doors=False, says="event_id"),
    Bad("no event_time", "malformed", said(event_time=None), says="event_time"),
    Bad("neither read point nor action", "malformed", said(read_point_id=None)),
    Bad("an action without its operation", "malformed", acted("arrive"), says="operation_id"),
    Bad("an unknown action", "malformed", acted("teleport", operation_id="A"), says="action"),
    Bad("a unit_id that is a number", "malformed", said(unit_id=7)),
    Bad("parents that are a text", "malformed", said(parent_ids="V")),
    Bad("NaN", "malformed", raw(b'"quantity": NaN')),
    Bad("Infinity", "malformed", raw(b'"quantity": Infinity')),
    Bad("1e400", "malformed", raw(b'"quantity": 1e400')),
    Bad("a quantity of 10,000 digits", "malformed", raw(b'"quantity": ' + b"9" * 10_000)),
    Bad("seven places after the point", "malformed", said(quantity="0.0000001"), says="quantity"),
    Bad("a quantity in words", "malformed", said(quantity="many"), says="quantity"),
    Bad("a quantity below zero", "malformed", said(quantity=-1), says="quantity"),
    Bad("a scrap_quantity below zero", "malformed", said(scrap_quantity=-1), says="scrap_quantity"),
    Bad("nothing to scrap", "malformed", acted("scrap", scrap_quantity=0), says="scrap_quantity"),
    Bad("adjust without quantity_delta", "malformed", acted("adjust"), says="quantity_delta"),
    Bad("void without voids", "malformed", acted("void"), says="voids"),
    Bad("half of a surrogate pair", "malformed", raw(b'"order_id": "\\ud800"')),
    Bad("half of a surrogate pair as unit_id", "malformed", said().replace(b'"BAD"', b'"\\udfff"')),
    Bad("NUL inside a unit_id", "malformed", said().replace(b'"BAD"', b'"B\\u0000D"')),
    Bad("a line feed inside an event_id", "malformed", said(event_id="a\nb")),
    Bad("a unit_id of 10,000 characters", "malformed", said(unit_id="U" * 10_000), says="unit_id"),
    Bad("an event_id of 10,000 characters", "malformed", said(event_id="e" * 10_000), says="event_id"),
    Bad("a key of 100,000 bytes", "malformed", said(unit_id=""), key=b"k" * 100_000, doors=False),
]
TIMES = [
    Bad("a naive time", "malformed", said(event_time="2026-11-20T10:00:00"), says="time_zone"),
    Bad("a naive time of a source", "malformed", said(event_id="naive", unit_id="NAIVE",
        event_time="2026-11-20 10:00:00"), key=b"NAIVE", source="mes", says="sources.mes.time_zone"),
    Bad("a leap second", "malformed", said(event_time="2026-11-20T10:00:60Z")),
    Bad("1970", "malformed", said(event_time="1970-01-01T00:00:00Z"), says="2000"),
    Bad("a time that is a number", "malformed", said(event_time=1_795_400_000)),
    Bad("a number without end", "malformed", raw(b'"sent_time": ' + b"9" * 5_000)),
    Bad("no such day", "malformed", said(event_time="2026-02-30T10:00:00Z")),
    Bad("an hour that the clock showed twice", "ambiguous_time", said(event_time="2026-10-25 02:30:00"),
        source="berlin", says="sources.berlin"),
    Bad("an hour that the clock left out", "malformed", said(event_time="2026-03-29 02:30:00"), source="berlin"),
    Bad("a clock that is years ahead", "clock_ahead", said(event_time="2099-01-01T00:00:00Z"), says="clock"),
]  # fmt: skip
MODEL = [
    Bad("an unknown read point", "unknown_read_point", said(event_id="new", unit_id="CURED", read_point_id="NEW-IN"),
        key=b"CURED", says="NEW-IN"),
    Bad("an unknown operation", "unknown_operation", acted("arrive", operation_id="Z"), says="'Z'"),
    Bad("an unknown read point in the wrong partition", "unknown_read_point", said(read_point_id="NEVER-IN"),
        astray=True, doors=False),
]  # fmt: skip
HISTORY = [
    Bad("other content under a known id", "conflicting_duplicate", acted("start", event_id="h1", unit_id="HISTORY",
        operation_id="A"), key=b"HISTORY", doors=False, says="event_id"),
    Bad("other content under a known id, in the wrong partition", "conflicting_duplicate", acted("hold", event_id="h1",
        unit_id="HISTORY"), key=b"HISTORY", doors=False, astray=True),
    Bad("behind what is kept", "too_late", said(event_id="late", unit_id="LATE", event_time="2026-11-20T00:00:00Z"),
        key=b"LATE", doors=False, says="history_events"),
]  # fmt: skip
CASES = [*UNREADABLE, *FIELDS, *TIMES, *MODEL, *HISTORY]


@dataclass(frozen=True)
class Good:
    """What looks bad and is not: it is taken in, once."""

    name: str
    unit_id: str
    event_id: str
    value: bytes
    key: bytes | None
    astray: bool = False


def good(name: str, unit_id: str, key: bytes | None, astray: bool = False, **fields: Any) -> Good:
    """A good arrival of this unit."""
    event_id = f"of {unit_id}"[:128]
    return Good(name, unit_id, event_id, said(event_id=event_id, unit_id=unit_id, **fields), key, astray)


TAKEN = [
    good("no key", "NO-KEY", None),
    good("another unit's key", "OTHER-KEY", b"BYSTANDER-0"),
    good("a key that is no text", "BYTES-KEY", ANYWHERE),
    good("the wrong partition", "ASTRAY", b"ASTRAY", astray=True),
    good("Chinese ids", "工单-7", "工单-7".encode()),
    good("what people inject", "'; DROP TABLE visits; --", b"x", operator_id="=cmd()", order_id="<script>"),
    good("fields nobody knows", "EXTRA", b"EXTRA", favourite_colour="red", source=["me"], recorded_time="now"),
    good("as many characters as there may be", "U" * 256, b"U"),
]
