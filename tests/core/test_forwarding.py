"""What an answer means for the readings of a request."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.forwarding import LONGEST_ASKED_S, OURS, Again, Answer, InHalves, Judged, judge, pause_s

ACCEPTED = {"event_id": "a", "status": "accepted", "reason": None, "detail": None}
REFUSED = {"event_id": None, "status": "refused", "reason": "unknown_read_point", "detail": "add it"}


def test_each_reading_has_its_own_verdict_whatever_the_status() -> None:
    for status in (202, 422):
        judged = judge(Answer(status, {"results": [ACCEPTED, REFUSED]}, ""), 2)
        assert isinstance(judged, Judged)
        assert [verdict.reason for verdict in judged.verdicts] == [None, "unknown_read_point"]


@pytest.mark.parametrize("status", [0, 408, 425, 429, 500, 502, 503, 504])
def test_what_passes_is_waited_for(status: int) -> None:
    assert judge(Answer(status, {"code": "busy"}, "why", 7), 2) == Again("why", 7)


@pytest.mark.parametrize("status", [200, 202, 301, 400, 401, 403, 404, 405, 413, 415, 422])
def test_an_answer_that_says_nothing_of_readings_lets_none_leave(status: int) -> None:
    for problem in (
        {},
        {"code": "waf", "type": "about:blank"},
        {"results": []},
        {"results": [ACCEPTED]},
        {"results": [1, 2]},
        {"results": [{}, {}]},
        {"results": [{"reason": "no status"}, {"status": "pending", "reason": "later"}]},
    ):
        again = judge(Answer(status, problem, "why"), 2)
        assert isinstance(again, Again)
        assert again.mend


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_the_server_cannot_use_is_halved_down_to_the_one(status: int) -> None:
    answer = Answer(status, {"type": f"{OURS}too-large", "code": "too-large"}, "413 too large")
    assert judge(answer, 2) == InHalves()
    judged = judge(answer, 1)
    assert isinstance(judged, Judged)
    assert judged.verdicts[0].reason == "too-large"


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["results", "status", "code", "reason"]), inner),
)


@given(st.integers(0, 599), st.dictionaries(st.sampled_from(["results", "code"]), JSON), st.integers(1, 3))
def test_no_answer_breaks_anything(status: int, problem: dict[str, Any], items: int) -> None:
    meaning = judge(Answer(status, problem, "why"), items)
    if isinstance(meaning, Judged):
        assert len(meaning.verdicts) == items


@given(st.integers(0, 1000), st.floats(0, 1, exclude_max=True), st.floats(0, 1e9))
def test_pauses_are_bounded_and_as_long_as_asked(failures: int, chance: float, asked: float) -> None:
    pause = pause_s(failures, chance, asked)
    assert min(asked, LONGEST_ASKED_S) <= pause <= LONGEST_ASKED_S
    assert pause > 0
