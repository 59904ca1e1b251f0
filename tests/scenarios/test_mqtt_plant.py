"""Recorded sessions of a physical plant, mapped: the visits of its orders are those of the controller's own record."""

import pytest

from tests.mqtt_sessions import PLANT, differs, events, orders, session
from tests.product import run, visit_rows


@pytest.mark.parametrize(("name", "finished"), [("white-storage", 2), ("red-storage", 2), ("startup-clean", 0)])
def test_visits_are_those_of_the_controllers_record(name: str, finished: int) -> None:
    recorded = session(name)
    truth = orders(recorded)
    assert len(truth) == finished
    log = events(recorded)
    folded, verdicts = run({1: PLANT}, [{"model": 1}, *log, *log])
    assert {status for status, _ in verdicts} <= {"accepted", "duplicate"}
    assert [status for status, _ in verdicts[len(log) :]] == ["duplicate"] * len(log), "a repeat is the same event"
    assert differs(visit_rows(folded), truth) == []
