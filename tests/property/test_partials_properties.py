"""Partials in any order, grouping and number against a fold of the whole log."""

from dataclasses import replace
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.adapters.aggregate_wire import decode_partial
from services.core.ledger import Counts
from services.core.operations import WINDOWS, Operations, OperationState
from services.core.partials import Partials, imbalance
from services.core.sketch import RELATIVE_ERROR
from services.core.windows import Percentiles
from tests.partials import Published, Sent, publish
from tests.reference.generate import Scenario, beyond_bounds

QUIET = settings(max_examples=50, suppress_health_check=list(HealthCheck), database=None)
LOGS = beyond_bounds(most_units=6, most_events=16)
RANDOM = st.randoms(use_true_random=False)
FEW = st.integers(1, 3)


def put_all(sent: list[Sent], least_generation: int = 0) -> Partials:
    partials = Partials(least_generation)
    for key, value in sent:
        partials.put(decode_partial(key, value))
    return partials


def states(partials: Partials, as_of: int) -> dict[str, OperationState]:
    operations = Operations(partials)
    return {name: operations.state(name, as_of) for name in sorted(partials.operations)}


def disordered(sent: list[Sent], rnd: Random) -> list[Sent]:
    again = [*sent, *(item for item in sent if rnd.random() < 0.3)]
    rnd.shuffle(again)
    return again


@QUIET
@given(LOGS, FEW, RANDOM)
def test_sums_are_the_counts_over_all_visits(scenario: Scenario, partitions: int, rnd: Random) -> None:
    published = publish(scenario, partitions, rnd)
    got = states(put_all(published.sent), published.newest())
    assert {name: state.counts for name, state in got.items() if state.counts != Counts()} == {
        name: counts for name, counts in published.counts().items() if counts != Counts()
    }


@QUIET
@given(LOGS, FEW, RANDOM)
def test_any_order_and_repeats_give_the_same_states(scenario: Scenario, partitions: int, rnd: Random) -> None:
    published = publish(scenario, partitions, rnd)
    as_of = published.newest()
    first, other = put_all(published.sent), put_all(disordered(published.sent, rnd))
    assert states(other, as_of) == states(first, as_of)
    assert Operations(other).plant(as_of) == Operations(first).plant(as_of)


@QUIET
@given(LOGS, FEW, RANDOM)
def test_states_do_not_depend_on_when_they_were_asked_for(scenario: Scenario, partitions: int, rnd: Random) -> None:
    published = publish(scenario, partitions, rnd)
    as_of, partials = published.newest(), Partials()
    asked = Operations(partials)
    for key, value in disordered(published.sent, rnd):
        for operation in partials.put(decode_partial(key, value)):
            asked.state(operation, as_of - rnd.choice((0, 1, 3_600_000_000)))
    assert {name: asked.state(name, as_of) for name in sorted(partials.operations)} == states(partials, as_of)


@QUIET
@given(LOGS, FEW, RANDOM)
def test_put_names_every_operation_whose_state_changed(scenario: Scenario, partitions: int, rnd: Random) -> None:
    published = publish(scenario, partitions, rnd)
    as_of, partials = published.newest(), Partials()
    before: dict[str, OperationState] = {}
    for key, value in disordered(published.sent, rnd):
        touched = partials.put(decode_partial(key, value))
        after = states(partials, as_of)
        assert {name for name in after if after[name] != before.get(name)} <= touched
        before = after


@QUIET
@given(LOGS, LOGS, FEW, RANDOM)
def test_an_older_generation_changes_nothing(old: Scenario, new: Scenario, partitions: int, rnd: Random) -> None:
    former, present = publish(old, 3, rnd, generation=1), publish(new, partitions, rnd, generation=2)
    as_of = present.newest()
    alone = states(put_all(present.sent), as_of)
    mixed = states(put_all(disordered(former.sent + present.sent, rnd), least_generation=2), as_of)
    assert {name: mixed[name] for name in alone} == alone
    assert all(mixed[name].counts == Counts() and mixed[name].coverage == {} for name in mixed.keys() - alone.keys())


@QUIET
@given(LOGS, RANDOM)
def test_a_partition_in_its_next_generation_forgets_the_former(scenario: Scenario, rnd: Random) -> None:
    former, present = publish(scenario, 2, rnd), publish(scenario, 2, rnd, generation=2)
    of_first = [item for item in present.sent if item[0].split(b"|")[1] == b"0"]
    of_second = [item for item in former.sent if item[0].split(b"|")[1] == b"1"]
    as_of = present.newest()
    mixed = states(put_all(disordered(former.sent + of_first, rnd)), as_of)
    assert mixed == states(put_all(of_second + of_first), as_of) | {
        name: replace(state, counts=Counts(), oldest=[], coverage={})
        for name, state in mixed.items()
        if not state.coverage
    }


@QUIET
@given(LOGS, FEW, RANDOM, st.integers(0, 9 * 3600))
def test_windows_are_those_of_the_closed_visits(scenario: Scenario, partitions: int, rnd: Random, later_s: int) -> None:
    published = publish(scenario, partitions, rnd)
    as_of = published.newest() + later_s * 1_000_000
    for name, state in states(put_all(published.sent), as_of).items():
        for window, width, length in WINDOWS:
            assert_window(published, state, name, window, as_of // width * width + width - length)


def assert_window(published: Published, state: OperationState, name: str, window: str, start: int) -> None:
    closed = [v for v in published.visits() if v.operation == name and v.departed is not None and v.departed >= start]
    got = state.windows[window]
    assert got.start_us == start
    assert got.n == len(closed)
    assert_within(got.dwell, [visit.dwell for visit in closed])
    assert_within(got.queue, [visit.queue for visit in closed])
    assert_within(got.process, [visit.process for visit in closed])


def assert_within(got: Percentiles, durations: list[int]) -> None:
    if not durations:
        assert got == (None, None, None)
        return
    durations = sorted(durations)
    for p, value in zip((0.5, 0.85, 0.95), got, strict=True):
        exact = durations[int(p * (len(durations) - 1))]
        assert value is not None
        assert abs(value - exact) <= exact * RELATIVE_ERROR * (1 + 1e-9)


@QUIET
@given(LOGS, FEW, RANDOM)
def test_oldest_are_the_oldest_open_visits_of_all_partitions(scenario: Scenario, partitions: int, rnd: Random) -> None:
    published = publish(scenario, partitions, rnd)
    as_of = published.newest()
    for name, state in states(put_all(published.sent), as_of).items():
        stays = sorted(
            (visit.arrived, unit_id, visit.visit_id)
            for fold in published.folds
            for unit_id, visits in fold.visits.items()
            for visit in visits.values()
            if visit.operation == name and visit.departed is None
        )
        assert [tuple(aging.stay) for aging in state.oldest] == stays[:10]
        p85 = state.windows["8h"].dwell.p85
        assert [a.over_p85_in for a in state.oldest] == [
            None if p85 is None else stay[0] + round(p85) - as_of for stay in stays[:10]
        ]


@QUIET
@given(LOGS, FEW, RANDOM)
def test_plant_totals_and_coverage_are_those_of_all_partitions(
    scenario: Scenario, partitions: int, rnd: Random
) -> None:
    published = publish(scenario, partitions, rnd)
    plant = Operations(put_all(disordered(published.sent, rnd))).plant(published.newest())
    assert plant.totals == published.totals()
    assert plant.coverage == {number: (1, offset) for number, offset in enumerate(published.offsets)}


@QUIET
@given(LOGS, FEW, RANDOM)
def test_the_books_of_every_partial_balance(scenario: Scenario, partitions: int, rnd: Random) -> None:
    published = publish(scenario, partitions, rnd)
    assert [imbalance(decode_partial(*item)) for item in published.sent] == [None] * len(published.sent)


@QUIET
@given(LOGS, RANDOM, st.integers(0, 9 * 3600))
def test_windows_stay_as_they_are_until_the_instant_foretold(scenario: Scenario, rnd: Random, later_s: int) -> None:
    published = publish(scenario, 2, rnd)
    as_of, partials = published.newest() + later_s * 1_000_000, put_all(published.sent)
    for name, state in states(partials, as_of).items():
        if state.moves is None:
            assert contents(state) == contents(Operations(partials).state(name, as_of + 10**12))
        else:
            assert contents(state) == contents(Operations(partials).state(name, state.moves - 1))
            assert state.moves > as_of
            assert contents(state) != contents(Operations(partials).state(name, state.moves))


def contents(state: OperationState) -> dict[str, tuple[object, ...]]:
    return {name: (w.n, w.dwell, w.queue, w.process) for name, w in state.windows.items()}
