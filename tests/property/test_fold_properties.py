"""The product's fold against the independent reference program, and what must hold of it on any log."""

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.core.rows import books_of
from tests import product
from tests.reference.case import Case
from tests.reference.cases import CASES
from tests.reference.fold import fold
from tests.reference.generate import Scenario, beyond_bounds, within_bounds

QUIET = settings(max_examples=80, suppress_health_check=list(HealthCheck), database=None)
CASES_WITH_BOUNDS = [case for case in CASES if case.bounded is not False]


def only(row: dict[str, Any], columns: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in columns if name in row}


def assert_same(scenario: Scenario | Case, bounded: bool = True) -> None:
    expected = fold(scenario.models, scenario.log, bounded=bounded)
    got, verdicts = product.run(scenario.models, scenario.log)
    if bounded:
        assert verdicts == [(v.verdict, v.reason) for v in expected.verdicts]
    assert product.visit_rows(got) == expected.visits
    assert product.unit_rows(got) == [only(unit, dict.fromkeys(UNIT, 0)) for unit in expected.units]
    counts = product.counts(books_of(got))
    for row in expected.operations:
        mine = counts.get(row["operation_id"])
        for name in COUNTS:
            assert (getattr(mine, name) if mine else 0) == row[name], (row["operation_id"], name)


UNIT = ("unit_id", "status", "operation_id", "phase", "visits", "strays", "quantity")
COUNTS = (
    "wip", "queued", "running", "finished", "held", "arrivals", "departures", "completed", "scrapped", "rework",
)  # fmt: skip


@pytest.mark.parametrize("case", CASES_WITH_BOUNDS, ids=[case.name for case in CASES_WITH_BOUNDS])
def test_hand_computed_cases(case: Case) -> None:
    assert_same(case)


@pytest.mark.row(28)
@QUIET
@given(within_bounds())
def test_within_the_bounds_visits_are_those_of_the_whole_set(scenario: Scenario) -> None:
    assert_same(scenario, bounded=False)


@pytest.mark.row(29)
@QUIET
@given(beyond_bounds())
def test_beyond_the_bounds_the_kept_history_decides(scenario: Scenario) -> None:
    assert_same(scenario)


@pytest.mark.row(26, 28)
@QUIET
@given(within_bounds(), st.randoms(use_true_random=False))
def test_any_order_and_multiplicity_gives_the_same_visits(scenario: Scenario, rnd: Random) -> None:
    model = scenario.models[max(scenario.models)]
    everything = {"history_events": 1000, "history_horizon": "3650d", "unit_retention": "3650d"}
    wide = {1: model | {"tracking": model["tracking"] | everything}}
    log = [{"model": 1}, *(record for record in scenario.log if "model" not in record)]
    verdicts = fold(wide, log).verdicts
    events = [log[v.index] for v in verdicts if v.verdict == "accepted"]
    shuffled = [*events, *events[::2]]
    rnd.shuffle(shuffled)
    one, _ = product.run(wide, [{"model": 1}, *events])
    other, _ = product.run(wide, [{"model": 1}, *shuffled])
    assert product.visit_rows(one) == product.visit_rows(other)
    assert product.unit_rows(one) == product.unit_rows(other)


@QUIET
@given(beyond_bounds())
def test_dwell_is_queue_process_wait_and_hold(scenario: Scenario) -> None:
    got, _ = product.run(scenario.models, scenario.log)
    for visits in got.visits.values():
        for visit in visits.values():
            if visit.departed is not None:
                assert visit.departed - visit.arrived == visit.queue + visit.process + visit.wait + visit.hold
