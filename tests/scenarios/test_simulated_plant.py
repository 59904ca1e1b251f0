"""The simulated plant knows what happened: the fold of its reads, in whatever disorder, must say the same."""

from collections import Counter
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from loadtest.disorder import Disorder
from loadtest.lines import lines
from loadtest.plant import Plant
from loadtest.reads import Read, event
from loadtest.shifts import MINUTE, SECOND
from loadtest.truth import TrueVisit
from schemas.plant import load_plant
from services.adapters.wire import decode_event
from services.core.equipment import PlantModel
from services.core.log import LogFold
from services.core.unit import Flag, Outcome, Visit

BEGIN = 1_795_000_000 * SECOND
END = BEGIN + 25 * MINUTE
DEMO_PLANT = Path(__file__).parents[2] / "loadtest" / "demo_plant.yaml"
Row = tuple[object, ...]


@cache
def model() -> PlantModel:
    """The plant of the demo."""
    return PlantModel.from_document(load_plant(DEMO_PLANT.read_text("utf-8")), version=1)


def at_work(seed: int = 7) -> Plant:
    """Both lines, the second one from minute ten on."""
    return Plant(seed, lines(BEGIN, BEGIN + 10 * MINUTE))


def folded(reads: Iterable[Read]) -> LogFold:
    """The reads as the system takes them; none may be refused."""
    fold = LogFold({1: model()}, version=1)
    for read in reads:
        assert fold.take(decode_event(event(read)), "demo", None).refusal is None
    return fold


def disordered(reads: Iterable[Read]) -> list[Read]:
    """The reads as they arrive."""
    disorder = Disorder(3)
    disorder.put(reads)
    return [arrival.read for arrival in disorder.take(END + MINUTE)]


def true_row(visit: TrueVisit) -> Row:
    """A visit as it was."""
    times = (visit.arrived, visit.started, visit.finished, visit.departed)
    return (visit.unit_id, visit.seq, visit.operation, *times, visit.outcome, visit.rework)


def folded_row(unit_id: str, visit: Visit) -> Row:
    """A visit as the fold has it."""
    times = (visit.arrived, visit.started, visit.finished, visit.departed)
    rework = bool(visit.flags & Flag.REWORK)
    return (unit_id, visit.seq, visit.operation, *times, Outcome(visit.outcome).name.lower(), rework)


def folded_rows(fold: LogFold) -> set[Row]:
    """All visits of a fold."""
    return {folded_row(unit_id, visit) for unit_id, visits in fold.visits.items() for visit in visits.values()}


def test_the_fold_of_its_reads_is_its_truth() -> None:
    plant = at_work()
    fold = folded(plant.reads(END))
    assert folded_rows(fold) == {true_row(visit) for visit in plant.truth}


@pytest.mark.row(28)
def test_the_fold_of_its_reads_in_disorder_is_its_truth() -> None:
    plant = at_work()
    fold = folded(disordered(plant.reads(END)))
    assert folded_rows(fold) == {true_row(visit) for visit in plant.truth}


def test_live_reads_before_their_history_are_its_truth() -> None:
    plant = at_work()
    reads = list(plant.reads(END))
    half = len(reads) * 3 // 4
    fold = folded([*reads[half:], *reads[:half]])
    assert folded_rows(fold) == {true_row(visit) for visit in plant.truth}


def test_time_held_is_the_truth() -> None:
    plant = at_work()
    fold = folded(plant.reads(END))
    held = {(visit.unit_id, visit.seq): visit.held for visit in plant.truth if visit.held and visit.departed}
    assert held
    assert {place: fold.visits[place[0]][place[1]].hold for place in held} == held


def test_reads_come_in_time_order_and_never_from_the_future() -> None:
    plant = at_work()
    for until in range(BEGIN, END, 20 * SECOND):
        reads = list(plant.reads(until))
        assert all(earlier.time <= later.time for earlier, later in pairwise(reads))
        assert all(until - 20 * SECOND < read.time <= until for read in reads)


def test_no_read_arrives_before_it_was_made() -> None:
    plant, disorder = at_work(), Disorder(1)
    for until in range(BEGIN, END, SECOND):
        disorder.put(plant.reads(until))
        assert all(arrival.read.time <= until for arrival in disorder.take(until))


def test_the_same_seed_is_the_same_plant() -> None:
    assert list(at_work().reads(END)) == list(at_work().reads(END))
    assert list(at_work(8).reads(END)) != list(at_work(7).reads(END))


def test_some_units_are_repaired_some_scrapped_some_held() -> None:
    plant = Plant(1, lines(BEGIN, BEGIN))
    assert list(plant.reads(BEGIN + 120 * MINUTE))
    outcomes = Counter(visit.outcome for visit in plant.truth)
    tested = sum(visit.operation == "TEST" and not visit.rework for visit in plant.truth)
    repaired = sum(visit.operation == "REPAIR" for visit in plant.truth)
    assert 0.02 < repaired / tested < 0.04
    assert 0.005 < outcomes["scrapped"] / (outcomes["scrapped"] + outcomes["completed"]) < 0.02
    assert any(visit.held for visit in plant.truth)


def test_two_hours_of_history_are_at_most_60_000_events_and_then_come_20_a_second() -> None:
    now = BEGIN + 120 * MINUTE
    plant = Plant(1, lines(BEGIN, now - 15 * MINUTE))
    assert 50_000 < len(list(plant.reads(now))) <= 60_000
    assert 18 < len(list(plant.reads(now + 10 * MINUTE))) / 600 < 23


def test_line_2_piles_up_while_its_placer_is_stopped() -> None:
    plant = Plant(1, lines(BEGIN, BEGIN))

    def waiting(minute: float) -> int:
        assert list(plant.reads(BEGIN + round(minute * MINUTE)))
        return sum(visit.operation == "L2.PLACE" and visit.departed is None for visit in plant.truth)

    assert waiting(28.4) < 20 < 40 < waiting(29.9)
    assert waiting(35) < 20
