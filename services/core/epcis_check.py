"""Is this an EPCIS 2.0 document, and if not, which field breaks which rule? All faults, in order of the document.

EPCIS 2.0 ch. 7 (https://ref.gs1.org/standards/epcis/): five types of events; what each must and may say.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from services.core.epcis_kinds import (
    Check,
    Fault,
    Prefixes,
    amount,
    anything,
    boolean,
    either,
    hexadecimal,
    kind,
    listed,
    mapping,
    matching,
    number,
    offset,
    one_of,
    step,
    text,
    time,
    uom,
    uri,
    word,
)
from services.core.epcis_names import LONGEST_NAMESPACE, MOST_PREFIXES, STANDARD, declared_in, prefixes_of

_VERSION = matching(lambda value: value == "2" or value.startswith("2."), "a version 2 of EPCIS", " EPCIS 2 的版本号")
_URIS = listed(uri)
_SET_OF_URIS = listed(uri, unique=True)
_QUANTITIES = listed(mapping({"epcClass": uri, "quantity": amount, "uom": uom}, ("epcClass",), extensible=False))
_PLACE = mapping({"id": uri}, ("id",))
_DISPOSITIONS = listed(word("disposition"), 1, unique=True)


def _typed(key: str, vocabulary: str, *required: str) -> Check:
    return listed(mapping({"type": word(vocabulary), key: uri}, (*required, key), extensible=False))


def _context(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
    for part in value if isinstance(value, list) else [value]:
        if not isinstance(part, (str, dict)):
            yield Fault(
                pointer,
                "expected the address of a context, prefixes, or a list of them",
                "应为上下文地址、前缀表或其列表",
            )
    declared = list(declared_in(value))
    if len(declared) > MOST_PREFIXES or any(len(uri) > LONGEST_NAMESPACE for _, uri in declared):
        yield Fault(
            pointer,
            f"expected at most {MOST_PREFIXES} prefixes, their namespaces of {LONGEST_NAMESPACE} characters at most",
            f"前缀最多 {MOST_PREFIXES} 个，其命名空间最长 {LONGEST_NAMESPACE} 个字符",
        )


def _extensions_only(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
    yield from mapping({})(value, pointer, prefixes)


_SENSOR_DATA: Mapping[str, Check] = {
    "deviceID": uri, "deviceMetadata": uri, "rawData": uri, "dataProcessingMethod": uri, "bizRules": uri, "time": time,
}  # fmt: skip
_REPORT_FIELDS = mapping({
    **_SENSOR_DATA, "type": kind, "exception": kind, "microorganism": uri,
    "chemicalSubstance": uri, "coordinateReferenceSystem": uri, "component": word("component"), "stringValue": text,
    "booleanValue": boolean, "hexBinaryValue": hexadecimal, "uriValue": uri, "uom": text,
    **dict.fromkeys(("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"), number),
})  # fmt: skip


def _report(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
    """GS1's schema always asks for a type; the standard lets an exception stand alone."""
    yield from _REPORT_FIELDS(value, pointer, prefixes)
    if isinstance(value, dict) and not {"type", "exception"} & value.keys():
        yield Fault(
            step(pointer, "type"), "a sensor report needs type or exception", "传感器报告需有 type 或 exception"
        )


_SENSOR = mapping(
    {
        "sensorMetadata": mapping({**_SENSOR_DATA, "startTime": time, "endTime": time}),
        "sensorReport": listed(_report, 1),
    },
    ("sensorReport",),
)
_COMMON: Mapping[str, Check] = {
    "@context": _context,
    "type": anything,  # decided which fields are asked for
    "eventTime": time,
    "recordTime": time,
    "eventTimeZoneOffset": offset,
    "eventID": uri,
    "certificationInfo": either(_URIS, uri),
    "errorDeclaration": mapping(
        {"declarationTime": time, "reason": word("reason"), "correctiveEventIDs": _URIS}, ("declarationTime",)
    ),
    "bizStep": word("bizStep"),
    "disposition": word("disposition"),
    "persistentDisposition": mapping({"set": _DISPOSITIONS, "unset": _DISPOSITIONS}, extensible=False),
    "readPoint": _PLACE,
    "bizLocation": _PLACE,
    "bizTransactionList": _typed("bizTransaction", "transaction"),
    "sourceList": _typed("source", "party", "type"),
    "destinationList": _typed("destination", "party", "type"),
    "sensorElementList": listed(_SENSOR),
}
_ACTION = {"action": one_of("OBSERVE", "ADD", "DELETE")}
_OBJECTS = {"epcList": _SET_OF_URIS, "quantityList": _QUANTITIES}
_CHILDREN = {"parentID": uri, "childEPCs": _URIS, "childQuantityList": _QUANTITIES}
_ALWAYS = ("eventTime", "eventTimeZoneOffset")

EVENTS: Mapping[str, Check] = {
    "ObjectEvent": mapping(
        {**_COMMON, **_ACTION, **_OBJECTS, "ilmd": _extensions_only}, (*_ALWAYS, "action")
    ),
    "AggregationEvent": mapping({**_COMMON, **_ACTION, **_CHILDREN}, (*_ALWAYS, "action")),
    "AssociationEvent": mapping({**_COMMON, **_ACTION, **_CHILDREN}, (*_ALWAYS, "action", "parentID")),
    "TransactionEvent": mapping(
        {**_COMMON, **_ACTION, "parentID": uri, "epcList": _URIS, "quantityList": _QUANTITIES},
        (*_ALWAYS, "action", "bizTransactionList"),
    ),
    "TransformationEvent": mapping(
        {
            **_COMMON, "inputEPCList": _SET_OF_URIS, "inputQuantityList": _QUANTITIES,
            "outputEPCList": _SET_OF_URIS, "outputQuantityList": _QUANTITIES, "transformationID": uri,
            "ilmd": _extensions_only,
        },
        _ALWAYS,
    ),
}  # fmt: skip
"""The five types of events."""


def check_event(event: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
    """Every fault of one event. `prefixes` are those in force around it."""
    if not isinstance(event, dict):
        yield Fault(pointer, "expected an object", "应为对象")
        return
    named = event.get("type")
    if not isinstance(named, str) or named not in EVENTS:
        yield Fault(
            step(pointer, "type"),
            f"expected one of {', '.join(EVENTS)}",
            f"应为以下之一：{'、'.join(EVENTS)}",
        )
        return
    yield from EVENTS[named](event, pointer, prefixes)
    yield from _together(named, event, pointer)


def _together(named: str, event: Mapping[str, Any], pointer: str) -> Iterator[Fault]:
    """What an event must have of several fields."""
    action = event.get("action")
    if named == "ObjectEvent":
        sensed = event.get("sensorElementList") and "readPoint" in event
        if "epcList" not in event and not event.get("quantityList") and not sensed:
            yield _needs(pointer, "epcList", "quantityList")
        if "ilmd" in event and action != "ADD":
            yield Fault(step(pointer, "ilmd"), "is allowed with action ADD only", "仅可与动作 ADD 一起使用")
    elif named == "TransactionEvent":
        if not event.get("bizTransactionList"):
            yield _needs(pointer, "bizTransactionList")
        if "epcList" not in event and not event.get("quantityList") and action != "DELETE":
            yield _needs(pointer, "epcList", "quantityList")
    elif named == "TransformationEvent":
        sides = [bool(event.get(f"{side}EPCList") or event.get(f"{side}QuantityList")) for side in ("input", "output")]
        if not all(sides) and not (any(sides) and "transformationID" in event):
            yield Fault(
                step(pointer, "outputEPCList" if sides[0] else "inputEPCList"),
                "a transformation needs inputs and outputs, or a transformationID that links them",
                "转换事件需有投入与产出，或以 transformationID 关联",
            )
    elif not event.get("childEPCs") and not event.get("childQuantityList") and action != "DELETE":
        yield _needs(pointer, "childEPCs", "childQuantityList")
    elif named == "AggregationEvent" and "parentID" not in event and action != "OBSERVE":
        yield _needs(pointer, "parentID")
    if event.get("persistentDisposition") == {}:
        yield Fault(step(pointer, "persistentDisposition"), "needs set or unset", "需有 set 或 unset")


def _needs(pointer: str, *names: str) -> Fault:
    return Fault(
        step(pointer, names[0]),
        f"is required{' (or ' + ', '.join(names[1:]) + ')' if names[1:] else ''}, and not empty",
        f"为必填项{'（或 ' + '、'.join(names[1:]) + '）' if names[1:] else ''}，且不得为空",
    )


_HEADER = mapping(
    {
        "epcisMasterData": mapping(
            {"vocabularyList": listed(mapping({"type": uri, "vocabularyElementList": anything}, ("type",)))}
        )
    }
)
_DOCUMENT = mapping(
    {
        "@context": _context, "id": uri, "type": one_of("EPCISDocument"), "schemaVersion": _VERSION,
        "creationDate": time, "instanceIdentifier": text, "sender": text, "receiver": text, "epcisHeader": _HEADER,
        "epcisBody": mapping({"eventList": listed(anything)}, ("eventList",)),
    },
    ("@context", "type", "schemaVersion", "creationDate", "epcisBody"),
)  # fmt: skip


def check_document(document: Mapping[str, Any]) -> Iterator[Fault]:
    """Every fault of the document but those of its events."""
    yield from _DOCUMENT(document, "", STANDARD)


def document_prefixes(document: Mapping[str, Any]) -> Prefixes:
    """The prefixes in force in a document, or in an event that stands alone."""
    return prefixes_of(document.get("@context"))
