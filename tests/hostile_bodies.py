"""Bodies that are meant to take memory or time of whoever reads them."""

import gzip
import json
from typing import Any, NamedTuple

from tests.b2mml_documents import material, operations, request, segment
from tests.ingest_floor import event

MEGABYTE = 1 << 20
PACKED = {"Content-Encoding": "gzip"}


class Hostile(NamedTuple):
    """A request."""

    path: str
    body: bytes
    headers: dict[str, str]


def _xml() -> list[bytes]:
    full = operations(*[request(f"W{number}", segment(material("P", "1"))) for number in range(1_000)])
    entities = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    gbk = b'<?xml version="1.0" encoding="GBK"?><a>'
    return [
        b'<!DOCTYPE a [<!ENTITY l0 "x">' + entities + b"]><a>&l9;</a>",
        b"<a>" * 100_000,
        b"<a>" + b"<b/>" * 400_000 + b"</a>",
        b"<a>" + b"".join(b"<n%d/>" % number for number in range(59_000)) + b"</a>",
        b"<a>" + b"".join(b'<n xmlns="urn:%d"/>' % number for number in range(59_000)) + b"</a>",
        b"<a " + b" ".join(b'a%d="x"' % number for number in range(150_000)) + b"/>",
        b"<a>" + b"x<!---->" * 200_000 + b"</a>",
        b"<a>" + b"x" * (2 * MEGABYTE - 10) + b"</a>",
        b"<a>" + b"x" * (10 * MEGABYTE) + b"</a>",
        gbk + "订单".encode("gbk") * 400_000 + b"</a>",
        gbk + b"\xc4\xe3" * 500_000 + b"\xff\xff</a>",
        b"<a>" + b"\x00" * MEGABYTE + b"</a>",
        b"<a>&#xD800;\xed\xa0\x80</a>",
        full,
        full[:-9],
    ]


def _json(most: int) -> list[bytes]:
    surrogate = json.dumps(event(unit_id="\ud800")).encode()
    return [
        b"[" * 100_000,
        b'{"x":' * 30_000,
        b'[[{"a":{"b":{"c":{"d": "' + rb"\"" * 100_000,
        b'{"a": "' + b"x" * (most - 20) + b'"}',
        b"{" + b",".join(b'"k%d":1' % min(number, 19_000) for number in range(20_000)) + b"}",
        b"[" + b",".join([b"{}"] * 80_000) + b"]",
        b"\xff" * 250_000,
        b"\x00" * 200_000,
        surrogate,
        b" " * (10 * MEGABYTE),
    ]


def _epcis() -> list[bytes]:
    prefixes = {f"p{number}": "http://a/" for number in range(40_000)}
    one: dict[str, Any] = {
        "type": "ObjectEvent", "eventTime": "2026-11-23T06:00:00Z", "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE", "epcList": ["urn:epc:id:sgtin:4012345.011111.1"], "readPoint": {"id": "urn:x:nowhere"},
    }  # fmt: skip
    inner = {**one, "@context": prefixes, "p1:x": [{"@context": {"a": "http://b/"}, "p2:y": 1}] * 1_000}
    return [_document({}, [{}] * 300_000), _document(prefixes, [one] * 1_000), _document({}, [inner])]


def _document(prefixes: dict[str, str], events: list[Any]) -> bytes:
    whole = {
        "@context": [prefixes], "type": "EPCISDocument", "schemaVersion": "2.0",
        "creationDate": "2026-11-23T06:00:00Z", "epcisBody": {"eventList": events},
    }  # fmt: skip
    return json.dumps(whole).encode()


def hostile_bodies() -> list[Hostile]:
    """One round of them, for every door that takes documents or lists."""
    bomb = gzip.compress(b" " * (100 * MEGABYTE), mtime=0)
    capture, schedules, scans = "/v1/epcis/capture", "/v1/b2mml", "/v1/scans"
    plain = [*((schedules, body) for body in _xml()), *((scans, body) for body in _json(MEGABYTE // 4))]
    plain += [(capture, body) for body in (*_json(2 * MEGABYTE), *_epcis())]
    packed = [Hostile(path, bomb, PACKED) for path in (schedules, scans, capture)]
    return [Hostile(path, body, {}) for path, body in plain] + packed
