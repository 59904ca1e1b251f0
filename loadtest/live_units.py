"""So many units in process, each with so many kept events, as track holds them: folded for real, in lanes in memory.

The plant keeps `kept` events of each unit and every unit has had one more, so that each further one absorbs the oldest:
however many come, a unit costs the same.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import islice

from loadtest.fold_alone import CUT_BYTES
from loadtest.load import MARKER, SECOND, START_US, Profile, ScanRecord, plant_text
from schemas.plant import load_plant
from services.adapters import track_wire
from services.core.equipment import PlantModel
from services.core.identity import partition_of
from services.core.instant import format_instant
from services.topology import MARKER_HEADER, MARKER_KEY, RECORDED_HEADER, SOURCE_HEADER
from services.track.handler import Lane

ACTIONS = ("arrive", "start", "finish", "depart")
GAP_US = 60 * SECOND
FRAME = 2_048


def plant_of(profile: Profile, kept: int) -> dict[str, object]:
    """The plant, with this length of history."""
    return load_plant(f"tracking: {{history_events: {kept}}}\n" + plant_text(profile))


class LiveUnits:
    """All partitions, and how many events each unit has had."""

    def __init__(self, profile: Profile, units: int, kept: int) -> None:
        """Nothing is folded before grow()."""
        models = {1: PlantModel.from_document(plant_of(profile, kept), 1)}
        self.lanes = [
            Lane(p, lambda unit: partition_of(unit, profile.partitions), 1, models, {}, track_wire, CUT_BYTES)
            for p in range(profile.partitions)
        ]
        self._profile, self._kept = profile, kept
        self._partition = [partition_of(_name(unit), profile.partitions) for unit in range(units)]
        self._had = bytearray(units)
        self._next = [0] * profile.partitions

    def grow(self) -> None:
        """Give every unit its history, unit after unit."""
        for partition, lane in enumerate(self.lanes):
            _fold(lane, [self._record(partition, MARKER_KEY, MARKER, [(MARKER_HEADER, b"1")])])
            mine = (unit for unit, at in enumerate(self._partition) if at == partition)
            events = (self.scan(unit) for unit in mine for _ in range(self._kept + 1))
            while frame := list(islice(events, FRAME)):
                _fold(lane, frame)

    def tell_had(self, events: int, rounds: int) -> None:
        """As if grown and then measured so, without folding anything."""
        self._had = bytearray([self._kept + 1]) * len(self._had)
        for seed in range(rounds):
            for unit in _units(events, seed, len(self._had)):
                self._had[unit] += 1

    def had(self, unit: int) -> int:
        """How many events of the unit there have been."""
        return self._had[unit]

    def partition(self, unit: int) -> int:
        """Where the unit is."""
        return self._partition[unit]

    def some(self, events: int, seed: int) -> list[list[ScanRecord]]:
        """The next events of units taken at random, by partition."""
        parts: list[list[ScanRecord]] = [[] for _ in self.lanes]
        for unit in _units(events, seed, len(self._had)):
            record = self.scan(unit)
            parts[record.partition].append(record)
        return parts

    def scan(self, unit: int) -> ScanRecord:
        """The next event of a unit."""
        number, partition = self._had[unit], self._partition[unit]
        self._had[unit] += 1
        line, steps = unit % self._profile.products, self._profile.routing * len(ACTIONS)
        operation = 10 * (number % steps // len(ACTIONS) + 1)
        key, time = _name(unit).encode(), START_US + number * GAP_US + unit % 1000
        value = (
            f'{{"event_id":"{number:08x}-77a4-4b67-a24e-{unit:012x}","unit_id":"{key.decode()}",'
            f'"read_point_id":"L{line:02d}.OP{operation:03d}.{ACTIONS[number % len(ACTIONS)]}",'
            f'"event_time":"{format_instant(time)}"}}'
        )
        headers = [(SOURCE_HEADER, b"mes"), (RECORDED_HEADER, str(time + SECOND).encode())]
        return self._record(partition, key, value.encode(), headers)

    def _record(
        self, partition: int, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]
    ) -> ScanRecord:  # fmt: skip
        offset = self._next[partition]
        self._next[partition] += 1
        return ScanRecord(partition, offset, START_US // 1000, key, value, headers)


def _units(events: int, seed: int, units: int) -> Iterator[int]:
    rng = random.Random(seed)
    return (rng.randrange(units) for _ in range(events))


def _name(unit: int) -> str:
    return f"SN20261123-{unit:07d}"


def _fold(lane: Lane, frame: Sequence[ScanRecord]) -> None:
    at = 0
    while lane.offset < frame[-1].offset:
        effects, at = lane.fold(frame, at, frame[-1].offset)
        if effects.refused:
            raise ValueError(f"the load is wrong: {effects.refused}")
    lane.partials(1 << 30)


def state(lane: Lane, pieces: int) -> Iterator[list[tuple[bytes, bytes]]]:
    """All of a lane's state, in so many pieces."""
    items = list(lane.table.items())
    for number in range(pieces):
        yield items[len(items) * number // pieces : len(items) * (number + 1) // pieces]
