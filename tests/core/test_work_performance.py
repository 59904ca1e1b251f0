"""WorkPerformance from visits: valid by the published schemas, whatever ids and times the visits have."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.adapters.b2mml_xml import read_xml, write_xml
from services.core.b2mml import NAMESPACE, Element
from services.core.work_performance import Stretch, duration, work_performance
from tests.b2mml_documents import faults

T0 = 1_795_400_000_000_000
STRETCH = Stretch("SH1", T0, T0 + 3_600_000_000, T0 + 7_200_000_000)


def visit(**fields: Any) -> dict[str, Any]:
    """A closed visit."""
    return {
        "unit_id": "U1", "visit_id": "e1", "operation_id": "OP10", "work_unit_id": "M1", "product_id": "P",
        "arrived_us": T0, "departed_us": T0 + 60_000_000, "outcome": "moved", "flags": ["rework", "implied_start"],
        "queue_us": 1_500_000, "process_us": 58_500_000, "wait_us": 0, "hold_us": 0, "quantity": Decimal("1.50"),
        **fields,
    }  # fmt: skip


VISITS = [
    visit(),
    visit(unit_id="U2", visit_id="e2", outcome="scrapped", work_unit_id=None, product_id=None, flags=[], queue_us=None),
    visit(unit_id="U3", visit_id="e3", operation_id="OP99", arrived_us=T0 - 5_000_000),
    visit(unit_id="U1", visit_id="e4", departed_us=T0 + 90_000_000, quantity=Decimal(0)),
]
DOCUMENT = write_xml(work_performance(STRETCH, VISITS, {"U1": "WO-1", "U3": "WO-1"}, {"OP10": "L1"}))


def text(at: Element, *path: str) -> str:
    """The text of an element."""
    for name in path:
        found = at.first(name)
        assert found is not None, name
        at = found
    return at.text


def test_it_is_as_the_published_schemas_say() -> None:
    assert faults(DOCUMENT) == []


def test_an_order_is_one_response_and_a_unit_without_an_order_too() -> None:
    root = read_xml(DOCUMENT)
    assert (root.namespace, root.name) == (NAMESPACE, "WorkPerformance")
    assert text(root, "ID") == "SH1/2026-11-23T02:13:20.000000Z/2026-11-23T03:13:20.000000Z"
    first, second = root.all("WorkResponse")
    assert (text(first, "ID"), text(first, "WorkRequestID"), text(second, "ID")) == ("WO-1", "WO-1", "U2")
    assert second.first("WorkRequestID") is None
    assert (text(first, "StartTime"), text(first, "EndTime")) == (
        "2026-11-23T02:13:15.000000Z", "2026-11-23T02:14:50.000000Z",
    )  # fmt: skip
    assert [text(job, "ID") for job in first.all("JobResponse")] == ["e1", "e3", "e4"]


def test_a_job_says_where_how_long_and_what() -> None:
    response, other = read_xml(DOCUMENT).all("WorkResponse")
    job, elsewhere, _ = response.all("JobResponse")
    said = {text(data, "ID"): text(data, "Value", "ValueString") for data in job.all("JobResponseData")}
    assert said == {
        "QueueTime": "PT1.5S", "ProcessTime": "PT58.5S", "WaitTime": "PT0S", "HoldTime": "PT0S", "Outcome": "moved",
        "Flags": "rework implied_start",
    }  # fmt: skip
    assert (text(job, "WorkMasterID"), text(job, "JobState")) == ("OP10", "Completed")
    assert text(job, "HierarchyScope", "EquipmentID") == "L1"
    assert text(job, "EquipmentActual", "EquipmentID") == "M1"
    assert text(job, "MaterialActual", "MaterialLotID") == "U1"
    assert text(job, "MaterialActual", "Quantity", "QuantityString") == "1.50"
    assert elsewhere.first("HierarchyScope") is None
    [scrapped] = other.all("JobResponse")
    assert (text(scrapped, "JobState"), scrapped.first("EquipmentActual")) == ("Aborted", None)
    assert "QueueTime" not in [text(data, "ID") for data in scrapped.all("JobResponseData")]


@pytest.mark.parametrize(
    ("us", "says"), [(0, "PT0S"), (90_000_000, "PT90S"), (1, "PT0.000001S"), (-2_500_000, "-PT2.5S")]
)
def test_durations(us: int, says: str) -> None:
    assert duration(us) == says


IDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20).map(str.strip).filter(bool)


@settings(max_examples=100)
@given(st.lists(st.tuples(IDS, IDS, IDS), min_size=1, max_size=4), IDS)
def test_any_ids_are_read_back_and_valid(ids: list[tuple[str, str, str]], order: str) -> None:
    visits = [visit(unit_id=unit, visit_id=name, operation_id=operation) for unit, name, operation in ids]
    document = write_xml(work_performance(STRETCH, visits, {ids[0][0]: order}, {}))
    jobs = [job for response in read_xml(document).all("WorkResponse") for job in response.all("JobResponse")]
    told = sorted((text(job, "MaterialActual", "ID"), text(job, "ID"), text(job, "WorkMasterID")) for job in jobs)
    assert told == sorted(tuple(_shown(each) for each in one) for one in ids)
    assert faults(document) == []


def _shown(name: str) -> str:
    return name.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
