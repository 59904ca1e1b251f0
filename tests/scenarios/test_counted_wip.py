"""WIP by counters equals the simulated plant's truth, through rollovers, a reset and an hour without its gateway."""

import itertools
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

import loadtest.plant
from loadtest.lines import Line
from loadtest.machines import Machines, MachineSays
from loadtest.plant import Plant
from loadtest.shifts import MINUTE
from schemas.plant import load_plant
from services.adapters import aggregate_wire, machines_wire
from services.aggregate.machines import MachineLane, Place
from services.core.counter import Counter
from services.core.equipment import PlantModel
from services.core.identity import partition_of
from services.core.machine_plant import MachinePlant
from services.core.operations import Counted, Operations
from services.core.partials import Partials
from services.topology import MARKER_KEY

BEGIN = 1_795_392_000_000_000
HOURS = 6
ROLLOVER = 2_500
PARTITIONS = 3
PLANT = Path(loadtest.plant.__file__).parent / "demo_plant.yaml"


class Record(NamedTuple):
    """A record of floor.machines."""

    offset: int
    key: bytes | None
    value: bytes | None


def simulated() -> tuple[list[MachineSays], Machines]:
    """Six hours of line 1: its placer's counter is reset, its printer's gateway is away for an hour."""
    plant = Plant(7, [Line("CONTROLLER", ("L1.PRINT", "L1.PLACE", "L1.REFLOW"), BEGIN, 3.6)], remember=False)
    resets = {"L1-PLACER": BEGIN + 60 * MINUTE}
    away = {"L1-PRINTER": (BEGIN + 130 * MINUTE, BEGIN + 190 * MINUTE)}
    machines = Machines(plant, ROLLOVER, resets, away)
    for _ in plant.reads(BEGIN + HOURS * 60 * MINUTE):
        pass
    return list(machines.take()), machines


def log_of(said: Sequence[MachineSays], partition: int, rnd: random.Random) -> list[Record]:
    """One partition of floor.machines: some events late by up to 20 places, some twice."""
    values = [(s.work_unit.encode(), s.message()) for s in said if partition_of(s.work_unit, PARTITIONS) == partition]
    order = {at: at + (rnd.randint(0, 20) if rnd.random() < 0.2 else 0) for at in range(len(values))}
    values = [values[at] for at in sorted(order, key=lambda at: order[at])]
    values += values[-50:]
    return [Record(0, MARKER_KEY, b'{"model":1}'), *(Record(at, *value) for at, value in enumerate(values, 1))]


def counted_from(said: Sequence[MachineSays]) -> Counted | None:
    """The road of the counters: lanes of floor.machines, partials, the sum at the operation."""
    plants = {1: MachinePlant(PlantModel.from_document(load_plant(PLANT.read_text(encoding="utf-8"))))}
    partials, rnd = Partials(), random.Random(3)
    for partition in range(PARTITIONS):
        lane = MachineLane(Place(partition, PARTITIONS, 1), 1, 1 << 60, machines_wire)
        lane.take(log_of(said, partition, rnd), plants)
        lane.begin(BEGIN)
        for items in lane.partials().values():
            for key, value, _ in items:
                partials.put(aggregate_wire.decode_partial(key, value))
    return Operations(partials).state("L1.PLACE", BEGIN).counted


@pytest.fixture(scope="module")
def plant() -> tuple[list[MachineSays], Machines]:
    return simulated()


def test_counted_wip_is_the_truth(plant: tuple[list[MachineSays], Machines]) -> None:
    said, machines = plant
    readings = [s.good for s in said if s.work_unit == "L1-PRINTER"]
    assert sum(new < old for old, new in itertools.pairwise(readings)) >= 2, "it rolls over"
    came_in, went_out = machines.told("L1-PRINTER"), machines.told("L1-PLACER")
    counted = counted_from(said)
    assert counted is not None
    assert (counted.wip, counted.came_in, counted.went_out) == (came_in - went_out, came_in, went_out)
    assert counted.wip > 0


def never_rolls_over(self: Counter, reading: int, modulus: int | None) -> Counter:
    return _read(self, reading, None)


def ignores_resets(self: Counter, reading: int, modulus: int | None) -> Counter:
    if self.reading is not None and reading < self.reading:
        return Counter(reading, self.total + (reading - self.reading) % (modulus or 1), modulus)
    return _read(self, reading, modulus)


_read = Counter.read


@pytest.mark.parametrize("broken", [never_rolls_over, ignores_resets])
def test_without_the_rule_the_truth_is_missed(
    broken: Callable[[Counter, int, int | None], Counter], plant: tuple[list[MachineSays], Machines],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    said, machines = plant
    monkeypatch.setattr(Counter, "read", broken)
    counted = counted_from(said)
    assert counted is not None
    assert counted.wip != machines.told("L1-PRINTER") - machines.told("L1-PLACER")


def test_a_gateway_that_was_away_loses_no_part(plant: tuple[list[MachineSays], Machines]) -> None:
    said, _ = plant
    times = [s.time for s in said if s.work_unit == "L1-PRINTER"]
    assert max(b - a for a, b in itertools.pairwise(times)) >= 60 * MINUTE
