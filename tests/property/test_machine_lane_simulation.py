"""The machine lane without a broker: frame borders, crashes and late writers end in what one pass over the log says."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.adapters import aggregate_wire, machines_wire
from services.aggregate.machines import HISTORIES_US, Item, MachineLane, Place
from services.core.equipment import PlantModel
from services.core.machine_plant import MachinePlant
from services.core.operations import Operations
from services.core.partials import Partials
from services.topology import HISTORY_PREFIX, MARKER_KEY
from tests.machine_floor import PLANT, event, plant_of

QUIET = settings(max_examples=60, database=None)
PLACE = Place(0, 1, 1)
NOW = 1_795_413_600_000_000
SECOND = 1_000_000
AGAIN = 12 * SECOND


class Record(NamedTuple):
    """A record of a log."""

    offset: int
    key: bytes | None
    value: bytes | None


def log_of(random: Random) -> list[Record]:
    """Two hours of three machines, out of order, with repeats, rubbish and a change of the plant model."""
    values: list[tuple[bytes | None, bytes]] = []
    counts = {"M1": 0, "M2": 0, "M3": 0}
    for number in range(random.randint(5, 120)):
        name, time = random.choice(list(counts)), NOW - 7_200 * SECOND + number * 50 * SECOND
        counts[name] = (counts[name] + random.randint(0, 40)) % 100
        state = random.choice(["execute", "suspended", "aborted", "idle", None])
        made = event(name, time, f"e{number}", state, counts[name], rollover=100)
        values.append((name.encode(), json.dumps(made).encode()))
    values += random.sample(values, len(values) // 4)
    for at in range(len(values)):
        to = min(len(values) - 1, at + random.choice([0, 0, 0, 1, 5]))
        values[at], values[to] = values[to], values[at]
    values.insert(random.randint(0, len(values)), (b"M1", b"rubbish"))
    for version in (1, 2):
        at = 0 if version == 1 else random.randint(1, len(values))
        values.insert(at, (MARKER_KEY, msgspec.json.encode({"model": version})))
    return [Record(offset, key, value) for offset, (key, value) in enumerate(values)]


@cache
def plants() -> dict[int, MachinePlant]:
    other = plant_of(PLANT.replace("suspended: blocked", "idle: down").replace("baseline: 3", "baseline: 4"))
    return {
        version: MachinePlant(PlantModel.from_document(document, version))
        for version, document in ((1, plant_of(PLANT)), (2, other))
    }


@dataclass
class Durable:
    """What survives: floor.work_units and floor.partials, as they were appended."""

    work_units: list[Record] = field(default_factory=list)
    partials: list[Item] = field(default_factory=list)

    def publish(self, lane: MachineLane, now: int, mark: bool = True) -> None:
        states, (histories, marks) = lane.states(now, 1_000), lane.histories(now)
        for key, value, _ in [*states, *histories, *(marks if mark else [])]:
            self.work_units.append(Record(len(self.work_units), key, value))
        for items in lane.partials().values():
            self.partials += items

    def newest(self) -> dict[str, dict[str, Any]]:
        """The newest state of each work unit, by what it says."""
        found: dict[str, dict[str, Any]] = {}
        for _, key, value in self.work_units:
            if (key or b"").startswith(b"\x00"):
                continue
            state = json.loads(value or b"")
            known = found.get(state["work_unit_id"], {"offset": -1, "as_of_us": -1})
            if (state["offset"], state["as_of_us"]) >= (known["offset"], known["as_of_us"]):
                found[state["work_unit_id"]] = state
        return found

    def counted(self) -> Any:
        """WIP by counters."""
        partials = Partials()
        for key, value, _ in self.partials:
            partials.put(aggregate_wire.decode_partial(key, value))
        return Operations(partials).state("OP", NOW).counted


def owner(durable: Durable) -> MachineLane:
    lane = MachineLane(PLACE, 1, AGAIN, machines_wire)
    lane.restore(durable.work_units)
    lane.take((), plants())
    return lane


def straight(log: list[Record]) -> Durable:
    durable = Durable()
    lane = owner(durable)
    lane.take(log, plants())
    lane.begin(NOW)
    durable.publish(lane, NOW)
    return durable


def crashing_and_sleeping(seed: int) -> None:
    """Owners come, write, die, or sleep and wake up; what is newest at the end is what one pass says."""
    random = Random(seed)
    log, durable, now = log_of(random), Durable(), NOW - 600 * SECOND
    lane, sleeper = owner(durable), None
    end, begun = 0, False
    while end < len(log) or not begun:
        now = min(NOW, now + random.choice([1, HISTORIES_US]))
        end = min(len(log), end + random.randint(0, 20))
        lane.take(log[lane.position : end], plants())
        if not begun:
            lane.begin(now)
            begun = True
        durable.publish(lane, now, mark=random.random() < 0.7)
        if random.random() < 0.3:
            sleeper, lane, begun = lane, owner(durable), False
        if sleeper is not None and random.random() < 0.3:
            if random.random() < 0.5:
                sleeper.take(log[sleeper.position : end], plants())
            durable.publish(sleeper, now)
    durable.publish(lane, NOW + AGAIN)
    expected = straight(log)
    assert durable.newest() == expected.newest()
    assert durable.counted() == expected.counted()
    last = owner(durable)
    last.take(log[last.position :], plants())
    last.begin(NOW)
    again = Durable()
    again.publish(last, NOW + AGAIN)
    assert again.newest() == durable.newest()


@pytest.mark.row(2, 35)
@QUIET
@given(st.integers(0, 1 << 32))
def test_crashes_and_late_writers_change_nothing(seed: int) -> None:
    crashing_and_sleeping(seed)


def goes_on_from_the_newest_history(lane: MachineLane, records: Iterable[Any]) -> None:
    """As if whatever one work unit knows were known of all."""
    _restore(lane, records)
    lane.position = max([lane.position, *(unit.offset + 1 for unit in lane._units.values())])


def believes_the_last_history(lane: MachineLane, records: Iterable[Any]) -> None:
    """As if what was written last were the newest."""
    _restore(lane, records)
    for record in records:
        if (record.key or b"").startswith(HISTORY_PREFIX):
            name, _, offset, history = machines_wire.decode_history(record.value)
            lane._units[name].history, lane._units[name].offset = history, offset


_restore = MachineLane.restore


@pytest.mark.row(2, 35)
@pytest.mark.red
@pytest.mark.parametrize("broken", [goes_on_from_the_newest_history, believes_the_last_history])
def test_each_defence_is_needed(
    broken: Callable[[MachineLane, Iterable[Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MachineLane, "restore", broken)
    for seed in range(60):
        try:
            crashing_and_sleeping(seed)
        except AssertionError:
            return
    pytest.fail("taken away, it was not missed")
