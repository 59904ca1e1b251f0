"""What is published when: events of one partition of floor.machines in, states of its work units out.

    floor.work_units p ─► restore: histories, and the mark they reach ─┐
    floor.machines p from the mark on ─► take: histories (core) ◄──────┘
                                           │
        states      what changed, and at the edges of shifts and breaks ─► floor.work_units p
        partials    counted parts of operations                         ─► floor.partials
        histories   at most every 30 s, then the mark                   ─► floor.work_units p

Everything published is a pure function of (generation, partition, offset) and, for states, of the edge they hold for.
So a repeat, another owner or one that wakes up late writes nothing that differs; the greatest is the newest.
Until what was in the log when it began has been read, a lane publishes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from services.core.identity import partition_of
from services.core.machine_plant import CounterName, MachinePlant
from services.core.machines import Course, History, Reading, Taken
from services.core.shift_pieces import last_edge, next_edge
from services.topology import HISTORY_PREFIX, MARK_KEY, MARKER_KEY, WRITTEN_AGAIN_S

AGAIN_US = WRITTEN_AGAIN_S * 1_000_000
HISTORIES_US = 30_000_000
"""How often histories are written: so much is read again by the next owner."""
AHEAD_US = 8 * 86_400_000_000
"""So far ahead the next edge of a calendar is looked for."""

Item = tuple[bytes, bytes, tuple[()]]
"""A record to send: key, value, headers."""


class Record(Protocol):
    """A record of floor.machines or floor.work_units."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class Wire(Protocol):
    """Bytes ↔ rules; services.adapters.machines_wire in the product."""

    def decode_machine(self, value: bytes) -> tuple[str, Reading]: ...
    def decode_history(self, value: bytes) -> tuple[str, int, int, History]: ...
    def decode_mark(self, value: bytes) -> tuple[int, int, int]: ...
    def marker_model(self, value: bytes | None) -> int | None: ...
    def work_unit_state(
        self, work_unit: str, generation: int, partition: int, offset: int, as_of: int, model: int, found: History,
        course: Course,
    ) -> bytes: ...  # fmt: skip
    def history(self, work_unit: str, generation: int, partition: int, offset: int, found: History) -> bytes: ...
    def mark(self, generation: int, partition: int, offset: int, model: int) -> bytes: ...
    def counter_partial(
        self, operation: str, generation: int, partition: int, offset: int, model: int, counters: int, came_in: int,
        went_out: int, baseline: int,
    ) -> bytes: ...  # fmt: skip


@dataclass(slots=True)
class _Unit:
    history: History = field(default_factory=History)
    offset: int = -1
    moves: int = 0


class Place(NamedTuple):
    """A partition of floor.machines, and how many there are of it and of floor.partials."""

    partition: int
    partitions: int
    operation_partitions: int


class MachineLane:
    """One partition of floor.machines. Instants are µs since the epoch, of whatever clock the caller has."""

    def __init__(self, place: Place, generation: int, again_after_us: int, wire: Wire) -> None:
        """`again_after_us`: so long after it began everything is published once more, because a former owner may have
        written late, over what we wrote."""
        self.place = place
        self.position = 0
        self.ready = False
        self.refused: list[str] = []
        """Records that are no machine events, since somebody last emptied this."""
        self._generation = generation
        self._wire = wire
        self._units: dict[str, _Unit] = {}
        self._plant = MachinePlant()
        self._version = 0
        self._again_after = again_after_us
        self._again_at: int | None = None
        self._unsent: dict[str, None] = {}
        self._uncounted: set[str] = set()
        self._unwritten: set[str] = set()
        self._written_at = 0
        self._marked = -1

    def restore(self, records: Iterable[Record]) -> None:
        """Take in what former owners have written, all of it; `position` is then where to go on in floor.machines."""
        for record in records:
            key, value = record.key or b"", record.value
            if value is None:
                continue
            if key == MARK_KEY:
                generation, mark, model = self._wire.decode_mark(value)
                if generation == self._generation and mark >= self.position:
                    self.position, self._marked, self._version = mark + 1, mark, model
            elif key.startswith(HISTORY_PREFIX):
                name, generation, offset, history = self._wire.decode_history(value)
                known = self._units.get(name)
                if generation == self._generation and (known is None or offset > known.offset):
                    self._units[name] = _Unit(history, offset)

    def needed(self, records: Iterable[Record]) -> set[int]:
        """The plant-model versions that must be there before these records are taken."""
        marked = {self._wire.marker_model(record.value) for record in records if record.key == MARKER_KEY}
        return {version for version in (*marked, self._version) if version and version > self._plant.version}

    def take(self, records: Iterable[Record], plants: Mapping[int, MachinePlant]) -> dict[Taken, int]:
        """Take events in; how many were what."""
        taken = dict.fromkeys(Taken, 0)
        self._enter(self._version, plants, -1)
        for record in records:
            if record.offset < self.position:
                continue
            self.position = record.offset + 1
            if record.key == MARKER_KEY:
                self._enter(self._wire.marker_model(record.value) or 0, plants, record.offset)
            elif record.value is not None:
                self._take(record, taken)
        return taken

    def _take(self, record: Record, taken: dict[Taken, int]) -> None:
        try:
            name, reading = self._wire.decode_machine(record.value or b"")
        except ValueError as error:
            self.refused.append(f"offset {record.offset}: {error}")
            return
        unit = self._units.setdefault(name, _Unit())
        if record.offset <= unit.offset:
            return
        unit.offset = record.offset
        taken[unit.history.take(reading, self._plant.rules(name))] += 1
        self._unwritten.add(name)
        self._unsent[name] = None
        self._uncounted |= self._plant.counts.get(name, set())

    def _enter(self, version: int, plants: Mapping[int, MachinePlant], offset: int) -> None:
        """A version of the plant model comes into force; one that is not newer changes nothing."""
        if version <= self._plant.version:
            return
        before, self._plant, self._version = self._plant, plants[version], version
        self._uncounted |= self._here(before) | self._here(self._plant)
        for name, unit in self._units.items():
            unit.history.reread()
            unit.offset = max(unit.offset, offset)
            self._unsent[name] = None
        self._unwritten.update(self._units)

    def _here(self, plant: MachinePlant) -> set[str]:
        """Operations with a counter whose work unit belongs into this partition."""
        return {o for o, counted in plant.counted.items() if any(map(self._is_here, counted.counters()))}

    def _is_here(self, name: CounterName) -> bool:
        return partition_of(name.work_unit, self.place.partitions) == self.place.partition

    def begin(self, now: int) -> None:
        """Everything that was in the log has been read: publish from now on."""
        self.ready = True
        self._again_at = now + self._again_after
        self._everything_again()

    def _everything_again(self) -> None:
        self._unsent.update(dict.fromkeys(self._units))
        self._unwritten.update(self._units)
        self._uncounted |= self._here(self._plant)

    def states(self, now: int, most: int) -> list[Item]:
        """Up to `most` states of work units that changed, longest unsent first; none before `begin`."""
        if not self.ready:
            return []
        if self._again_at is not None and now >= self._again_at:
            self._again_at = now + AGAIN_US
            self._everything_again()
        for name, unit in self._units.items():
            if unit.moves <= now:
                self._unsent.setdefault(name)
        sent = list(self._unsent)[:most]
        for name in sent:
            del self._unsent[name]
        return [(name.encode(), self._state(name, now), ()) for name in sent]

    def _state(self, name: str, now: int) -> bytes:
        unit, rules = self._units[name], self._plant.rules(name)
        newest = unit.history.newest
        as_of = last_edge(rules.calendar, max(newest, now - AHEAD_US), now) or newest
        unit.moves = next_edge(rules.calendar, max(as_of, now), now + AHEAD_US) or now + AHEAD_US
        course = unit.history.view(as_of, rules)
        return self._wire.work_unit_state(
            name, self._generation, self.place.partition, unit.offset, as_of, rules.version, unit.history, course
        )

    @property
    def unsent(self) -> int:
        """How many changed work units wait to be published."""
        return len(self._unsent)

    def partials(self) -> dict[int, list[Item]]:
        """What the counters here add to operations, where that has changed, by partition of floor.partials."""
        found: dict[int, list[Item]] = {}
        for operation in sorted(self._uncounted) if self.ready else ():
            key = f"ct|{self.place.partition}|{operation}".encode()
            partition = partition_of(operation, self.place.operation_partitions)
            found.setdefault(partition, []).append((key, self._partial(operation), ()))
        if self.ready:
            self._uncounted.clear()
        return found

    def _partial(self, operation: str) -> bytes:
        counted = self._plant.counted.get(operation)
        came_in = [name for name in counted.came_in if self._is_here(name)] if counted else []
        went_out = [name for name in counted.went_out if self._is_here(name)] if counted else []
        return self._wire.counter_partial(
            operation, self._generation, self.place.partition, self.position - 1, self._plant.version,
            len(came_in) + len(went_out), sum(map(self._total, came_in)), sum(map(self._total, went_out)),
            counted.baseline if counted else 0,
        )  # fmt: skip

    def _total(self, name: CounterName) -> int:
        unit = self._units.get(name.work_unit)
        if unit is None:
            return 0
        course = unit.history.tip(self._plant.rules(name.work_unit))
        return (course.good if name.counter == "good" else course.reject).total

    def histories(self, now: int) -> tuple[list[Item], list[Item]]:
        """The histories that have changed, at most every 30 s, and the mark to write once they are acknowledged."""
        is_news = self.position > self._marked + 1 or bool(self._unwritten)
        if not (self.ready and self.position and is_news) or 0 <= now - self._written_at < HISTORIES_US:
            return [], []
        self._written_at, self._marked = now, self.position - 1
        items: list[Item] = [
            (HISTORY_PREFIX + name.encode(), self._history(name), ()) for name in sorted(self._unwritten)
        ]
        self._unwritten.clear()
        mark = self._wire.mark(self._generation, self.place.partition, self._marked, self._plant.version)
        return items, [(MARK_KEY, mark, ())]

    def _history(self, name: str) -> bytes:
        unit = self._units[name]
        return self._wire.history(name, self._generation, self.place.partition, unit.offset, unit.history)
