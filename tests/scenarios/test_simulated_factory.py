"""The simulated factory: its books balance, and the product's fold of what it says is what happened."""

from collections import Counter
from collections.abc import Sequence
from functools import cache

import pytest

from loadtest import factory
from loadtest.disorder import SPOILS, Arrival, Disorder, Habits, Happened
from loadtest.plant import Plant
from loadtest.reads import Read
from loadtest.shifts import HOUR, MINUTE, SECOND, Span
from loadtest.truth import TrueVisit
from tests.simulated_entrance import Entrance, true_row

BEGIN = factory.first_shift(1_795_000_000 * SECOND)
END = BEGIN + 60 * MINUTE


@cache
def worked() -> tuple[Plant, list[Read]]:
    """A plant that has worked for an hour, and its reads."""
    plant = Plant(5, factory.lines(BEGIN), floor=factory.stations())
    return plant, list(plant.reads(END))


def by_unit(visits: Sequence[TrueVisit]) -> dict[str, list[TrueVisit]]:
    """The stays of every unit."""
    found: dict[str, list[TrueVisit]] = {}
    for visit in visits:
        found.setdefault(visit.unit_id, []).append(visit)
    return found


def in_order(reads: Sequence[Read]) -> list[Arrival]:
    """Reads that arrive as they are made, by clocks that are right."""
    return [Arrival(read.time, read, 0, None, Happened.NOTHING) for read in reads]


def test_the_fold_of_undisturbed_reads_is_the_truth_of_every_unit() -> None:
    plant, reads = worked()
    entrance = Entrance()
    entrance.take(in_order(reads))
    assert entrance.refused == {}
    truth = by_unit(plant.truth.visits)
    assert set(entrance.fold.visits) == set(truth)
    for unit_id, visits in truth.items():
        assert entrance.rows(unit_id) == [true_row(visit) for visit in visits], unit_id


def test_the_fold_of_disturbed_reads_is_the_truth_of_every_clean_unit() -> None:
    plant, reads = worked()
    disorder, entrance = Disorder(9, factory.habits(9, BEGIN, END)), Entrance()
    disorder.put(reads)
    entrance.take(disorder.take(END + 5 * HOUR))
    truth = by_unit(plant.truth.visits)
    clean = set(truth) - set(disorder.spoiled) - set(entrance.refused)
    for unit_id in clean:
        assert entrance.rows(unit_id) == [true_row(visit) for visit in truth[unit_id]], unit_id
    assert 0.8 < len(clean) / len(truth) < 1
    assert len(clean & disorder.corrected) > 100


def test_every_kind_of_trouble_happens() -> None:
    _, reads = worked()
    disorder = Disorder(9, factory.habits(9, BEGIN, END))
    disorder.put(reads)
    assert {each for each in Happened if each} == set(disorder.counts)
    met = Happened.NOTHING
    for happened in disorder.spoiled.values():
        met |= happened
    assert met == SPOILS


def test_units_and_pieces_balance() -> None:
    plant, _ = worked()
    census, truth = plant.truth.census, by_unit(plant.truth.visits)
    inside = sum(visits[-1].departed is None or visits[-1].outcome == "moved" for visits in truth.values())
    not_seen_yet = census.entered + census.made - len(truth)
    out = census.completed + census.consumed + census.scrapped
    assert census.entered + census.made == out + inside + not_seen_yet
    assert 0 <= not_seen_yet < 20
    assert min(census.completed, census.consumed, census.scrapped, census.pieces_scrapped) > 0


def test_no_piece_of_a_lot_is_lost() -> None:
    plant = Plant(2, factory.lines(BEGIN)[3:], floor=factory.stations())
    for _ in plant.reads(BEGIN + 4 * HOUR):
        pass
    census = plant.truth.census
    inside = sum(unit.pieces or 0 for unit in plant.units.values())
    assert census.pieces_released == inside + census.pieces_completed + census.pieces_scrapped
    assert min(census.pieces_completed, census.pieces_scrapped, inside) > 0


def test_littles_law_holds_on_its_truth() -> None:
    plant, _ = worked()
    spent: Counter[str] = Counter()
    for visit in plant.truth.visits:
        spent[visit.operation] += (visit.departed or END) - visit.arrived
    integrals = plant.truth.unit_seconds(END)
    assert integrals == {operation: us / SECOND for operation, us in spent.items()}
    assert sum(integrals.values()) > 0


def test_nobody_works_outside_the_shifts() -> None:
    plant = Plant(3, factory.lines(BEGIN)[3:], floor=factory.stations())
    final = {"ASSEMBLY", "TEST", "REPAIR", "PACK"}

    def at_work(read: Read) -> bool:
        shifts = factory.LATER if read.read_point_id.partition("-")[0] in final else factory.WORK
        span = shifts.span(read.time - 1)
        return span.begin < read.time <= span.end

    scanned = [read for read in plant.reads(BEGIN + 30 * HOUR) if read.source in ("D", factory.FINAL)]
    assert len(scanned) > 50_000
    assert scanned[-1].time > BEGIN + 29 * HOUR
    assert [read for read in scanned if not at_work(read)] == []


def test_the_bottleneck_moves_during_the_day() -> None:
    noon = BEGIN + 6 * HOUR
    begin, end = noon - 2 * HOUR, noon + 2 * HOUR
    plant = Plant(5, factory.lines(begin), floor=factory.stations())
    for _ in plant.reads(end):
        pass
    morning, afternoon = plant.truth.bottlenecks(begin, noon), plant.truth.bottlenecks(noon, end)
    placing = sum(share.limits for operation, share in morning.items() if operation.endswith(".PLACE"))
    assert placing > sum(share.limits for operation, share in afternoon.items() if operation.endswith(".PLACE"))
    assert max(afternoon, key=lambda operation: afternoon[operation].limits) == "TEST"
    assert max(morning, key=lambda operation: morning[operation].limits) != "TEST"


def test_the_same_seed_is_the_same_factory_and_the_same_disorder() -> None:
    def arrivals(seed: int) -> list[Arrival]:
        disorder = Disorder(seed, factory.habits(seed, BEGIN, END))
        plant = Plant(seed, factory.lines(BEGIN), floor=factory.stations())
        disorder.put(plant.reads(BEGIN + 20 * MINUTE))
        return list(disorder.take(END))

    assert arrivals(1) == arrivals(1)
    assert arrivals(1) != arrivals(2)


def test_a_source_that_was_offline_sends_what_it_has_in_order() -> None:
    off = Span(BEGIN + 10 * MINUTE, BEGIN + 40 * MINUTE)
    disorder = Disorder(1, {"A": Habits(late=0, sent_twice=0, offline=[off], tells_clock=True)})
    disorder.put(read for read in worked()[1] if read.source == "A")
    arrived = list(disorder.take(END))
    assert not [arrival for arrival in arrived if off.begin <= arrival.at < off.end]
    flushed = [arrival.read.time for arrival in arrived if arrival.happened & Happened.OFFLINE]
    assert len(flushed) > 1_000
    assert flushed == sorted(flushed)


@pytest.mark.parametrize(
    ("ahead_then", "ahead_now", "tells", "happened"),
    [
        (47, 47, True, Happened.CLOCK_CORRECTED),
        (47, 47, False, Happened.CLOCK_WRONG),
        (47, 0, True, Happened.CLOCK_WRONG),
        (0, 47, True, Happened.CLOCK_WRONG),
        (1, 1, True, Happened.CLOCK_WRONG),
        (0, 0, True, Happened.NOTHING),
    ],
)
def test_a_wrong_clock_is_corrected_where_it_tells_and_was_not_set_since(
    ahead_then: int, ahead_now: int, tells: bool, happened: Happened
) -> None:
    sent = BEGIN + MINUTE
    clock = [(BEGIN, ahead_then * SECOND), (sent, ahead_now * SECOND)]
    habits = Habits(late=0, sent_twice=0, offline=[Span(BEGIN, sent)], clock=clock, tells_clock=tells)
    disorder = Disorder(1, {"A": habits})
    disorder.put([Read(BEGIN + SECOND, "U", 1, "A.PRINT-IN", source="A")])
    (arrival,) = disorder.take(sent)
    assert arrival.happened == happened | Happened.OFFLINE
    assert ("U" in disorder.spoiled) == (happened is Happened.CLOCK_WRONG)
