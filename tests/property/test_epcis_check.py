"""Our check of EPCIS events beside GS1's JSON Schema: what that refuses we refuse; where we differ it is said why."""

import copy
import json
from decimal import Decimal
from functools import cache
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.epcis_check import check_event
from services.core.epcis_kinds import Fault
from services.core.epcis_names import prefixes_of
from tests.epcis_data import DATA, documents, events_of

SCALARS = [
    None,
    True,
    -1,
    3.5,
    "",
    "x",
    "urn:x:1",
    "2026-11-23T06:00:00Z",
    "inspecting",
    [],
    {},
    ["urn:x:1"],
    {"id": 1},
]
Path = tuple[str | int, ...]


@cache
def schema() -> jsonschema.Draft7Validator:
    """GS1's rules for one event of a document."""
    documents("gs1_schema/EPCIS-JSON-Schema.json")
    whole = json.loads((DATA / "gs1_schema" / "EPCIS-JSON-Schema.json").read_text(encoding="utf-8"))
    of_event = {"definitions": whole["definitions"], "$ref": "#/definitions/EPCIS-Document-Event"}
    return jsonschema.Draft7Validator(of_event)


@cache
def samples() -> list[tuple[dict[str, Any], Any]]:
    """Every valid event with the context around it."""
    found = []
    for path in documents("openepcis/capture/documents/*.json").values():
        document = json.loads(path.read_text(encoding="utf-8"))
        found += [(event, document["@context"]) for event in events_of(document)]
    return found


def paths(value: Any, at: Path = ()) -> list[Path]:
    """The place of every member."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in ((*at, key), *paths(item, (*at, key)))]


def mutated(event: dict[str, Any], at: Path, change: Any, add: str) -> dict[str, Any]:
    """The event with one member taken out, given another value, or with a stranger beside it."""
    changed = copy.deepcopy(event)
    parent: Any = changed
    for key in at[:-1]:
        parent = parent[key]
    if change == "remove":
        del parent[at[-1]]
    elif change == "add" and isinstance(parent, dict):
        parent[add] = 1
    else:
        parent[at[-1]] = change
    return changed


def is_lenient(event: dict[str, Any]) -> bool:
    """Has it a sensor report with an exception alone, which the standard allows and the schema does not?"""
    text = json.dumps(event.get("sensorElementList"))
    return text.count('"type"') < text.count('"exception"')


def faults(event: dict[str, Any], context: Any) -> list[Fault]:
    """Ours, of the event as it is read from the wire."""
    read = json.loads(json.dumps(event), parse_float=Decimal)
    return list(check_event(read, "", prefixes_of(context)))


def test_what_is_valid_has_no_faults() -> None:
    assert [found for event, context in samples() if (found := faults(event, context))] == []


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_what_the_schema_refuses_we_refuse(data: st.DataObject) -> None:
    event, context = data.draw(st.sampled_from(samples()))
    at = data.draw(st.sampled_from(paths(event)))
    changed = mutated(event, at, data.draw(st.sampled_from(["remove", "add", *SCALARS])), "ext:stranger")
    if not schema().is_valid(changed) and not is_lenient(changed):
        assert faults(changed, context), at
