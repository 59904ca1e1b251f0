"""What is decided when: states and actions of one partition in, versions of its alerts out.

    floor.operations, floor.work_units ─► newest state per subject ─┐
    rules of the plant model ───────────────────────────────────────┼─► step (core) ─► versions, pendings
    a heap of deadlines: time alone ────────────────────────────────┤
    floor.alert_actions ────────────────────────────────────────────┘

A lane is one partition of floor.alerts: the subjects that hash to it. A round brings at most one version per alert;
the next round may only be asked for when the broker has the last one's.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol

from services.core.alarm import Alarm, Gate, Pending, Step, Watch
from services.core.alarm_actions import Action, act
from services.core.alarm_history import Backfill
from services.core.alarm_readings import OperationNow, Subject, WorkUnitNow, read
from services.core.alarm_rules import OPERATION, WORK_UNIT, Rule
from services.core.alarms import remove, step

Key = tuple[str, str]
"""A subject: its kind and its id."""
Item = tuple[bytes, bytes | None, tuple[()]]
"""A record to send: key, value, headers."""


class Record(Protocol):
    """A record of one of the topics that are read."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class Wire(Protocol):
    """Bytes ↔ rules; services.adapters.alert_wire in the product."""

    def decode_operation(self, key: bytes | None, value: bytes) -> tuple[str, OperationNow] | None: ...
    def decode_action(self, offset: int, value: bytes) -> tuple[str, Action]: ...
    def alert(self, rule: Rule, alarm: Alarm, model: int, epoch: int) -> Item: ...
    def pending(self, alert_id: str, pending: Pending | None, epoch: int) -> Item: ...


@dataclass(slots=True)
class Restored:
    """What was in the log: the newest version of every alert with its rule as it was, and what was pending."""

    alarms: dict[str, tuple[Rule, Alarm]] = field(default_factory=dict)
    pendings: dict[str, Pending] = field(default_factory=dict)

    def pending(self, alert_id: str) -> Pending | None:
        """What is pending of an alert; what began before it was raised last has become that."""
        found, known = self.pendings.get(alert_id), self.alarms.get(alert_id)
        raised = None if known is None else known[1].raised
        return None if found is not None and raised is not None and found.since <= raised else found


@dataclass(slots=True)
class Round:
    """What a round brought: records to send, the versions among them, how late deadlines were met (µs)."""

    items: list[Item] = field(default_factory=list)
    versions: list[tuple[Rule, Alarm]] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    actions: int = 0
    steps: int = 0


@dataclass(slots=True)
class _Watched:
    rule: Rule
    watch: Watch
    removed: bool = False
    deadline: int | None = None
    queued: int | None = None
    """The earliest instant at which the heap will bring this up."""


class Lane:
    """One partition of floor.alerts. Instants are µs since the epoch, of whatever clock the caller has."""

    def __init__(self, partition: int, wire: Wire) -> None:
        self.partition = partition
        self.ready = False
        self.epoch = -1
        self.model = 0
        self.refused: list[str] = []
        """Records nobody can read, since somebody last emptied this."""
        self._wire = wire
        self._watched: dict[str, _Watched] = {}
        self._by_subject: dict[Key, list[str]] = {}
        self._subjects: dict[Key, Subject] = {}
        self._backfills: dict[str, Backfill] = {}
        self._actions: deque[tuple[str, Action]] = deque()
        self._touched: dict[str, None] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._held: set[str] = set()
        self._growing: set[str] = set()
        self._strays: dict[str, Pending] = {}
        self.silent = False
        """Nobody keeps the states up to date."""
        self._skipped = (0, 0)

    def restore(self, found: Restored, epoch: int) -> None:
        """Begin with what was in the log, as its owner under this epoch. Until the rules are known nothing is over."""
        self.epoch = epoch
        for alert_id, (rule, alarm) in found.alarms.items():
            self._watch(_Watched(rule, Watch(alarm, found.pending(alert_id))))
        self._strays = {each: found.pendings[each] for each in found.pendings.keys() - found.alarms.keys()}

    def adopt(self, model: int, rules: Mapping[str, Rule]) -> None:
        """The rules of a version of the plant model, those of subjects that belong here.

        What goes on by the same rule and subject goes on; what no rule watches any more ends.
        """
        self.model = model
        for alert_id, watched in self._watched.items():
            watched.removed = alert_id not in rules
        for alert_id, rule in rules.items():
            known = self._watched.get(alert_id)
            if known is None:
                self._watch(_Watched(rule, Watch(pending=self._strays.pop(alert_id, None))))
            else:
                known.rule = rule
        self.sweep()

    def sweep(self) -> None:
        """Look at every alert again in the next rounds."""
        self._touched.update(dict.fromkeys(self._watched))

    def take_operations(self, records: Iterable[Record], now: int) -> int:
        """States of operations; how many there were."""
        taken = 0
        for record in records:
            if record.value is None:
                continue
            try:
                decoded = self._wire.decode_operation(record.key, record.value)
            except ValueError as error:
                self.refused.append(f"offset {record.offset}, key {record.key!r}: {error}")
                continue
            if decoded is not None:
                operation, state = decoded
                self._note_backfill(operation, state, now)
                self._take((OPERATION, operation), state)
                taken += 1
        return taken

    def take_work_unit(self, work_unit: str, state: WorkUnitNow) -> None:
        """The newest state of a work unit."""
        self._take((WORK_UNIT, work_unit), state)

    def take_actions(self, records: Iterable[Record]) -> None:
        """Actions, in the order of their log."""
        for record in records:
            try:
                self._actions.append(self._wire.decode_action(record.offset, record.value or b""))
            except ValueError as error:
                self.refused.append(f"offset {record.offset}, key {record.key!r}: {error}")

    def hear(self, now: int, alive: bool = True, counted: bool = True) -> None:
        """Are the states kept up to date? While nobody does that, nothing new is raised from them.

        `counted`: does no scan wait to be counted? Where history was flowing in, it still may while some do.
        """
        for operation in [o for o in self._growing if not self._backfills[o].growing(now)]:
            self._growing.discard(operation)
        for operation in self._growing if not counted else ():
            self._backfills[operation].grown = now
        if alive and self.silent:
            self._touched.update(dict.fromkeys(self._held))
            self._held.clear()
        self.silent = not alive

    def skip(self, since: int, until: int) -> None:
        """The clock was set from one instant to the other: what is over because of that calls nobody."""
        self._skipped = (since, until)
        self.sweep()

    @property
    def held(self) -> int:
        """How many alerts would be raised if the states were kept up to date."""
        return len(self._held)

    @property
    def due_now(self) -> bool:
        """Is something left that the next round could do at once?"""
        return bool(self._touched or self._actions)

    def alarms(self) -> Iterable[tuple[Rule, Alarm]]:
        """The newest version of every alert that was ever raised, and its rule."""
        return ((each.rule, each.watch.alarm) for each in self._watched.values() if each.watch.alarm.version)

    @property
    def rules(self) -> int:
        """How many rules watch subjects of this partition."""
        return sum(not watched.removed for watched in self._watched.values())

    def round(self, now: int, most: int) -> Round:
        """What is due, at most so many steps, and at most one version per alert."""
        found = Round()
        found.items += [self._wire.pending(alert_id, None, self.epoch) for alert_id in self._strays]
        self._strays.clear()
        self._wake(now, found)
        changed: set[str] = set()
        while self._actions and self._actions[0][0] not in changed:
            alert_id, action = self._actions.popleft()
            found.actions += 1
            watched = self._watched.get(alert_id)
            new = None if watched is None else act(watched.watch, action, now)
            if watched is not None and new is not None and new.changed:
                self._keep(watched, new, found)
                changed.add(alert_id)
        while self._touched and found.steps < most:
            alert_id = next(iter(self._touched))
            del self._touched[alert_id]
            found.steps += 1
            if alert_id not in changed and self._keep_up(self._watched[alert_id], now, found):
                changed.add(alert_id)
        self._touched.update(dict.fromkeys(changed))
        return found

    def again(self, keys: Iterable[bytes]) -> list[Item]:
        """Records written once more, over what a former owner wrote late."""
        wanted, items = set(keys), []
        for alert_id, watched in self._watched.items():
            for item in (self._version(watched), self._wire.pending(alert_id, watched.watch.pending, self.epoch)):
                if item[0] in wanted:
                    items.append(item)
        return items

    def _watch(self, watched: _Watched) -> None:
        self._watched[watched.rule.alert_id] = watched
        self._by_subject.setdefault(watched.rule.subject, []).append(watched.rule.alert_id)

    def _take(self, subject: Key, state: Subject) -> None:
        self._subjects[subject] = state
        for alert_id in self._by_subject.get(subject, ()):
            self._touched[alert_id] = None

    def _note_backfill(self, operation: str, state: OperationNow, now: int) -> None:
        known = self._backfills.get(operation)
        if known is None:
            self._backfills[operation] = Backfill.first(state.backfilled, min(state.as_of, now))
        else:
            known.take(state.backfilled, now)
        if self._backfills[operation].growing(now):
            self._growing.add(operation)

    def _wake(self, now: int, found: Round) -> None:
        """Bring up what its deadline has come for."""
        while self._deadlines and self._deadlines[0][0] <= now:
            instant, alert_id = heappop(self._deadlines)
            watched = self._watched[alert_id]
            if watched.queued != instant:
                continue
            watched.queued = None
            if watched.deadline is not None and watched.deadline <= now:
                found.late.append(now - watched.deadline)
                self._touched[alert_id] = None
            else:
                self._queue(watched)

    def _keep_up(self, watched: _Watched, now: int, found: Round) -> bool:
        if watched.removed:
            return self._keep(watched, remove(watched.watch, now), found)
        subject = self._subjects.get(watched.rule.subject)
        reading = None if subject is None else read(watched.rule, subject)
        new = step(watched.rule, watched.watch, reading, now, self._gate(watched.rule, now))
        if self.silent and reading is not None and reading.passed(now) and not new.watch.alarm.active:
            self._held.add(watched.rule.alert_id)
        return self._keep(watched, new, found)

    def _gate(self, rule: Rule, now: int) -> Gate:
        backfill = self._backfills.get(rule.subject_id) if rule.subject_kind == OPERATION else None
        if backfill is None:
            return Gate(None if self.silent else now, now, self._skipped)
        return Gate(None if self.silent else backfill.opens(now), backfill.opens_for_history(now), self._skipped)

    def _keep(self, watched: _Watched, new: Step, found: Round) -> bool:
        before = watched.watch.pending
        watched.watch = new.watch
        if new.changed:
            found.items.append(self._version(watched))
            found.versions.append((watched.rule, new.watch.alarm))
        if new.watch.pending != before:
            found.items.append(self._wire.pending(watched.rule.alert_id, new.watch.pending, self.epoch))
        if not new.changed:
            watched.deadline = new.deadline
            self._queue(watched)
        return new.changed

    def _version(self, watched: _Watched) -> Item:
        return self._wire.alert(watched.rule, watched.watch.alarm, self.model, self.epoch)

    def _queue(self, watched: _Watched) -> None:
        """Have the heap bring it up in time; it holds one entry per alert, seldom more."""
        deadline = watched.deadline
        if deadline is not None and (watched.queued is None or deadline < watched.queued):
            watched.queued = deadline
            heappush(self._deadlines, (deadline, watched.rule.alert_id))
