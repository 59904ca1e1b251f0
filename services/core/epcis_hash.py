"""The id of an EPCIS event made from what it says: the same event written differently has the same one.

CBV 2.0 §8.9.2, event hash id (https://ref.gs1.org/standards/cbv/): the properties in a fixed order, names and values
one behind the other, identifiers as canonical GS1 Digital Links, times in UTC to the millisecond, lists sorted,
extensions by their namespaces, without recordTime, eventID, errorDeclaration and comments; SHA-256 of the text as a
`ni:` URI. Values that GS1's reference generator (https://github.com/RalphTro/epcis-event-hash-generator) reads as
numbers are written without leading and trailing zeros.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

from services.core.epcis_names import expanded, prefixes_of, word_uri
from services.core.gs1_names import canonical_name
from services.core.instant import format_instant, parse_instant

VERSION = "CBV2.0"

Event = Mapping[str, Any]
Prefixes = Mapping[str, str]

_QUANTITY = ("epcClass", "quantity", "uom")
_METADATA = (
    "time", "startTime", "endTime", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules",
)  # fmt: skip
_REPORT = (
    "type", "exception", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "time", "microorganism",
    "chemicalSubstance", "value", "component", "stringValue", "booleanValue", "hexBinaryValue", "uriValue", "minValue",
    "maxValue", "meanValue", "sDev", "percRank", "percValue", "uom", "coordinateReferenceSystem", "bizRules",
)  # fmt: skip
_ORDER = (
    "eventTime", "eventTimeZoneOffset", "certificationInfo", "epcList", "parentID", "inputEPCList", "childEPCs",
    "quantityList", "childQuantityList", "inputQuantityList", "outputEPCList", "outputQuantityList", "action",
    "transformationID", "bizStep", "disposition", "persistentDisposition", "readPoint", "bizLocation",
    "sensorElementList", "bizTransactionList", "destinationList", "sourceList",
)  # fmt: skip
_NOT_SAID = frozenset(["@context", "type", "recordTime", "eventID", "errorDeclaration", "ilmd", *_ORDER])
_TIMES = frozenset(["eventTime", "time", "startTime", "endTime"])
_WORDS = {"bizStep": "bizStep", "disposition": "disposition", "exception": "alert", "component": "component"}
_COMMENT = "http://www.w3.org/2000/01/rdf-schema#comment"
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?").fullmatch
_HALF_MS = 500


def event_hash(event: Event, prefixes: Prefixes, ignored: Collection[str] = ()) -> str:
    """The hash id of a valid event. `prefixes` in force in its document; `ignored`: extensions left out, by URI."""
    text = hashed_text(event, prefixes, ignored)
    return f"ni:///sha-256;{sha256(text.encode()).hexdigest()}?ver={VERSION}"


def hashed_text(event: Event, prefixes: Prefixes, ignored: Collection[str] = ()) -> str:
    """What is hashed."""
    prefixes = prefixes_of(event.get("@context"), prefixes)
    parts = [f"eventType={event['type']}"]
    parts += [part for name in _ORDER if name in event for part in _property(name, event[name], prefixes)]
    parts += _extensions(event, prefixes, _NOT_SAID, ignored)
    if event.get("ilmd"):
        parts += ["ilmd", *_extensions(event["ilmd"], prefixes)]
    return "".join(parts)


def rounded_time(text: str) -> int:
    """The instant of an event to the millisecond, µs since the epoch: what lies within one is the same event."""
    return (parse_instant(text) + _HALF_MS) // 1000 * 1000


def _property(name: str, value: Any, prefixes: Prefixes) -> Iterator[str]:
    if value in ([], {}, ""):
        return
    if name in ("epcList", "inputEPCList", "outputEPCList", "childEPCs"):
        yield from (name, *sorted(f"epc={_text('epc', item, prefixes)}" for item in value))
    elif name.endswith("uantityList"):
        yield from (name, *sorted(_fields("quantityElement", item, _QUANTITY, prefixes) for item in value))
    elif name == "persistentDisposition":
        yield name
        for key in ("set", "unset"):
            yield from sorted(f"{key}={word_uri('disposition', item, prefixes)}" for item in value.get(key, ()))
    elif name in ("readPoint", "bizLocation"):
        yield from (name, f"id={_text('id', value['id'], prefixes)}", *_extensions(value, prefixes, {"id"}))
    elif name in ("bizTransactionList", "sourceList", "destinationList"):
        yield from (name, *sorted(_typed(name, item, prefixes) for item in value))
    elif name == "sensorElementList":
        yield from (name, *sorted(_sensor(item, prefixes) for item in value))
    elif name == "certificationInfo":
        many = value if isinstance(value, list) else [value]
        yield from sorted(f"{name}={_text(name, item, prefixes)}" for item in many)
    else:
        yield f"{name}={_text(name, value, prefixes)}"


def _typed(name: str, item: Event, prefixes: Prefixes) -> str:
    """A transaction, source or destination: its type first."""
    key = name.removesuffix("List")
    vocabulary = "transaction" if key == "bizTransaction" else "party"
    kind = f"type={word_uri(vocabulary, item['type'], prefixes)}" if "type" in item else ""
    return kind + f"{key}={_text(key, item[key], prefixes)}"


def _sensor(element: Event, prefixes: Prefixes) -> str:
    metadata = element.get("sensorMetadata")
    parts = ["sensorElement"]
    if metadata:
        parts.append(_fields("sensorMetadata", metadata, _METADATA, prefixes))
    parts += sorted(_fields("sensorReport", each, _REPORT, prefixes) for each in element["sensorReport"])
    return "".join([*parts, *_extensions(element, prefixes, {"sensorMetadata", "sensorReport"})])


def _fields(name: str, item: Event, order: Collection[str], prefixes: Prefixes) -> str:
    known = [f"{key}={_text(key, item[key], prefixes)}" for key in order if key in item]
    return "".join([name, *known, *_extensions(item, prefixes, frozenset(order))])


def _extensions(
    item: Event, prefixes: Prefixes, known: Collection[str] = (), ignored: Collection[str] = ()
) -> list[str]:
    """What is not the standard's, each under its namespace, sorted."""
    named = [(expanded(key, prefixes), key) for key in item if key not in known]
    return sorted(_extension(uri, key, item[key], prefixes) for uri, key in named if uri not in (_COMMENT, *ignored))


def _extension(uri: str, key: str, value: Any, prefixes: Prefixes) -> str:
    local = key.rpartition(":")[2]
    name = f"{{{uri.removesuffix(local)}}}{local}" if uri.endswith(local) and uri != local else local
    if isinstance(value, Mapping):
        return "".join([name, *_extensions(value, prefixes_of(value.get("@context"), prefixes), {"@context"})])
    if isinstance(value, list):
        return "".join(sorted(_extension(uri, key, item, prefixes) for item in value))
    return f"{name}={_text(key, value, prefixes)}"


def _text(key: str, value: Any, prefixes: Prefixes) -> str:
    """A value as it is hashed."""
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    if isinstance(value, (int, Decimal)):
        return _plain(f"{value:f}" if isinstance(value, Decimal) else str(value))
    if not isinstance(value, str):
        return ""
    if key in _TIMES:
        return format_instant(rounded_time(value))[:-4] + "Z"
    if key == "type":
        return word_uri("measurement", value, prefixes)
    if key in _WORDS:
        return word_uri(_WORDS[key], value, prefixes)
    if _NUMBER(value):
        return _plain(value)
    return canonical_name(value) or expanded(value, prefixes)


def _plain(number: str) -> str:
    """A decimal without exponent, its sign and zeros only where they count; never rounded."""
    whole, point, fraction = number.lstrip("+-").partition(".")
    digits = (whole.lstrip("0") or "0") + (point + fraction).rstrip("0").rstrip(".")
    return f"-{digits}" if number.startswith("-") and digits != "0" else digits
