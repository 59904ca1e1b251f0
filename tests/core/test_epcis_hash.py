"""The event hash: equal to the published ones, and the same for one event however it is written."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.epcis_hash import event_hash, hashed_text
from services.core.epcis_names import STANDARD, expanded, prefixes_of
from tests.epcis_data import documents, events_of, read

EXPECTED_EVENTS = 43
EVENT: dict[str, Any] = {
    "@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", {"ext": "https://ext.example/"}],
    "type": "ObjectEvent", "eventTime": "2026-11-23T06:00:00.000Z", "eventTimeZoneOffset": "+08:00", "action": "ADD",
    "epcList": ["urn:epc:id:sgtin:4012345.011111.1", "urn:epc:id:sscc:4012345.0000000333"], "bizStep": "inspecting",
    "disposition": "in_progress", "readPoint": {"id": "urn:epc:id:sgln:4012345.00011.0"},
    "quantityList": [{"epcClass": "urn:epc:class:lgtin:4012345.012345.L1", "quantity": Decimal("5.50")}],
    "bizTransactionList": [{"type": "po", "bizTransaction": "urn:epc:id:gdti:4012345.11111.123"}],
    "ilmd": {"ext:lot": "L1", "cbvmda:lotNumber": "L1"}, "ext:note": ["b", "a"], "ext:count": "007",
}  # fmt: skip


def test_hashes_equal_the_published_ones() -> None:
    compared, wrong = 0, []
    for name, path in documents("event_hash/examples/*.jsonld").items():
        document = read(path)
        prefixes = prefixes_of(document["@context"])
        holders = (document, document["epcisBody"].get("queryResults", {}))
        ignored = [
            expanded(field, prefixes)
            for holder in holders
            for key, fields in holder.items()
            if key.endswith(":ignoreFields")
            for field in fields
        ]
        published = path.with_suffix(".hashes").read_text(encoding="utf-8").split()
        for event in events_of(document):
            compared += 1
            if event_hash(event, prefixes, ignored) not in published:
                wrong.append((name, hashed_text(event, prefixes, ignored)))
    assert (wrong, compared) == ([], EXPECTED_EVENTS)


def changed(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**EVENT, **changes}.items() if value is not None}


SAME = {
    "keys in another order": dict(reversed(EVENT.items())),
    "another time zone": changed(eventTime="2026-11-23T14:00:00+08:00"),
    "below a millisecond": changed(eventTime="2026-11-23T06:00:00.0004Z"),
    "a list in another order": changed(epcList=EVENT["epcList"][::-1]),
    "links for URNs": changed(
        epcList=["https://id.gs1.org/01/04012345111118/21/1", "https://x.example/sscc/040123450000003338"]
    ),
    "URIs for words": changed(
        bizStep="https://ref.gs1.org/cbv/BizStep-inspecting", disposition="cbv:Disp-in_progress"
    ),
    "zeros at the end": changed(
        quantityList=[{"epcClass": "https://id.gs1.org/01/04012345123456/10/L1", "quantity": Decimal("5.5")}]
    ),
    "another prefix": {
        **changed(**{"@context": {"e": "https://ext.example/"}, "ext:note": None, "ext:count": None}),
        "e:note": ["a", "b"], "e:count": 7, "ilmd": {"urn:epcglobal:cbv:mda:lotNumber": "L1", "e:lot": "L1"},
    },
    "what the hash leaves out": changed(
        recordTime="2026-11-23T07:00:00Z", eventID="urn:uuid:1", errorDeclaration={"declarationTime": "x"},
        **{"rdfs:comment": "seen"},
    ),
    "empty lists": changed(sourceList=[], sensorElementList=[]),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_written_differently_it_is_the_same_event(name: str) -> None:
    assert event_hash(SAME[name], STANDARD) == event_hash(EVENT, STANDARD)


OTHER = {
    "time": {"eventTime": "2026-11-23T06:00:00.001Z"},
    "offset": {"eventTimeZoneOffset": "+09:00"},
    "place": {"readPoint": {"id": "urn:epc:id:sgln:4012345.00011.1"}},
    "unit": {"epcList": EVENT["epcList"][:1]},
    "extension": {"ext:note": "a"},
    "long digits": {"ext:count": "1" * 40},
    "step": {"bizStep": "https://own.example/inspecting"},
    "lot data": {"ilmd": {"ext:lot": "L2"}},
}


@pytest.mark.parametrize("name", OTHER)
def test_another_event_has_another_hash(name: str) -> None:
    assert event_hash(changed(**OTHER[name]), STANDARD) != event_hash(EVENT, STANDARD)


DIGITS = st.text("0123456789", min_size=1, max_size=60)


@given(DIGITS, DIGITS)
def test_numbers_are_never_rounded(one: str, other: str) -> None:
    same = event_hash(changed(**{"ext:count": one}), STANDARD) == event_hash(changed(**{"ext:count": other}), STANDARD)
    assert same == (int(one) == int(other))


def test_no_name_is_written_out_with_a_namespace_without_end() -> None:
    """Thousands of names in one of 100 KB were gigabytes, also where the context stands within an extension."""
    inner = {"@context": {"e": "https://x/" + "x" * 1_000}, **{f"e:{number}": 1 for number in range(100)}}
    assert len(hashed_text({**EVENT, "ext:inner": inner}, STANDARD)) < 10_000
