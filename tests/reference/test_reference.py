"""The oracle against rows worked out by hand from the contract."""

import random
from collections.abc import Iterable
from typing import Any

import pytest

from .case import Case
from .cases import CASES
from .fold import Result, Verdict, fold
from .ledger import COUNTS

Row = dict[str, Any]


def modes(bounded: bool | None) -> list[bool]:
    """Which modes the case must hold in."""
    return [False, True] if bounded is None else [bounded]


BOTH = [(case, mode) for case in CASES for mode in modes(case.bounded)]
IDS = [f"{case.name} ({'bounded' if mode else 'unbounded'})" for case, mode in BOTH]
SETS = [case for case in CASES if case.is_set]


def as_typed(expected: Iterable[Row], got: Iterable[Row]) -> list[Row]:
    """The rows got, cut down to the columns that the case's author typed."""
    wanted = {(row["unit_id"], row.get("visit_seq")): row for row in expected}
    cut = []
    for row in got:
        columns = wanted.get((row["unit_id"], row.get("visit_seq")), row)
        cut.append({key: value for key, value in row.items() if key in columns})
    return cut


def in_order(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["unit_id"], row.get("visit_seq", 0)))


def verdict_expected(case: Case, verdict: Verdict) -> str:
    at_index = case.verdicts.get(f"{verdict.event_id}@{verdict.index}")
    return at_index or case.verdicts.get(str(verdict.event_id), "accepted")


def assert_rows(case: Case, result: Result) -> None:
    assert as_typed(case.visits, result.visits) == in_order(case.visits)
    assert as_typed(case.units, result.units) == in_order(case.units)


@pytest.mark.parametrize(("case", "bounded"), BOTH, ids=IDS)
def test_rows(case: Case, bounded: bool) -> None:
    assert_rows(case, fold(case.models, case.log, bounded))


@pytest.mark.parametrize(("case", "bounded"), BOTH, ids=IDS)
def test_verdicts(case: Case, bounded: bool) -> None:
    verdicts = fold(case.models, case.log, bounded).verdicts
    assert [v.reason or v.verdict for v in verdicts] == [verdict_expected(case, v) for v in verdicts]


@pytest.mark.parametrize("case", [c for c in CASES if c.operations is not None], ids=lambda c: c.name)
def test_operation_counts(case: Case) -> None:
    assert case.operations is not None
    rows = {row["operation_id"]: row for row in fold(case.models, case.log, bounded=case.bounded or False).operations}
    assert case.operations.keys() <= rows.keys()
    for operation_id, row in rows.items():
        expected = dict.fromkeys(COUNTS, 0) | case.operations.get(operation_id, {})
        assert {count: row[count] for count in COUNTS} == expected, operation_id


@pytest.mark.parametrize("case", SETS, ids=lambda c: c.name)
def test_neither_order_nor_repetition_of_delivery_counts(case: Case) -> None:
    rng = random.Random(case.name)
    for _ in range(10):
        shuffled = case.log[1:] + rng.choices(case.log[1:], k=3)
        rng.shuffle(shuffled)
        assert_rows(case, fold(case.models, [case.log[0], *shuffled]))


@pytest.mark.parametrize("case", [c for c in CASES if c.bounded is None], ids=lambda c: c.name)
def test_a_case_for_both_modes_is_within_the_bounds(case: Case) -> None:
    assert fold(case.models, case.log, bounded=True).outside_bounds == set()


def test_names_of_cases_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
