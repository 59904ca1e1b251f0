"""What a record of floor.visits tells subscribers, and the bytes that they get."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.visits_told import VisitChanged, VisitsTold, VisitVanished
from services.adapters.visits_told_wire import message, visits_record
from services.core.errors import BrokenGuarantee
from services.core.stored import FrameMark
from services.core.visits_lane import VisitsChanged, VisitTold
from tests.store_messages import change, encoded, forwarded, key_of, mark, visit


def read(body: dict[str, Any], generation: int = 1) -> VisitsChanged | FrameMark | None:
    record: Any = SimpleNamespace(topic="floor.visits", partition=0, offset=7, key=key_of(body), value=encoded(body))
    return visits_record(record, generation)


def test_a_change_tells_its_visits_and_those_that_vanished() -> None:
    told = read(change("板-1", 5, 30, [visit(2)], deleted=[3]))
    assert told == VisitsChanged(30, "板-1", 5, ((2, visit(2)),), (3,))


def test_a_mark_is_a_mark_and_forwarded_scans_and_earlier_lives_tell_nothing() -> None:
    assert read(mark(9)) == FrameMark(9)
    assert read(forwarded([1, 2])) is None
    assert read(mark(9, generation=1), generation=2) is None
    assert read(change("U", 1, 1, generation=1), generation=2) is None


@pytest.mark.parametrize(
    "body", [{"generation": 1, "unit_id": "U", "visits": [{}]}, {"generation": "x"}, mark(1, generation=2)]
)
def test_what_is_none_of_ours_breaks_a_guarantee(body: dict[str, Any]) -> None:
    with pytest.raises(BrokenGuarantee):
        read(body)


def test_the_body_keeps_its_contract_and_is_the_same_whenever_it_is_made() -> None:
    told = [VisitTold("板/1", 2, 5, visit(2, quantity="1.5")), VisitTold("板/1", 3, 5, None)]
    body, key = message("mes", 4, told)
    assert message("mes", 4, list(told)) == (body, key)
    assert message("mes", 5, told)[1] != key
    here, gone = VisitsTold.model_validate_json(body).visits
    assert isinstance(here, VisitChanged)
    assert isinstance(gone, VisitVanished)
    assert (here.unit_id, here.visit_id, str(here.quantity), here.revision) == ("板/1", "e2", "1.5", 5)
    assert [each["key"] for each in json.loads(body)["visits"]] == ["%E6%9D%BF%2F1/2/4.5", "%E6%9D%BF%2F1/3/4.5"]
