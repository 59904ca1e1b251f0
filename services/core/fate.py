"""What became of one event: the unit's log folded again, watching what this event changes when it is applied.

The answer is that of the whole log as it stands: a late event may make an arrival a repeat, a void may take it out.
Once the unit's edge has passed the event, the answer is final.

A unit that left long ago keeps no events (history.Horizon), and when that began depends on all units of its partition.
So of each record the refusal as too late is told, not found out here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum

from services.core import kept
from services.core.equipment import PlantModel
from services.core.errors import BadScan
from services.core.fold import Fold
from services.core.history import NEVER, History, Models, Verdict
from services.core.log import REFUSALS, admit
from services.core.resolve import Event
from services.core.scan import Action, Scan
from services.core.unit import UnitState, Visit

Coordinates = tuple[int, int]
"""Partition and offset in floor.scans."""


class What(StrEnum):
    """What became of an event, or of one record that carries it."""

    ACCEPTED = "accepted"
    REPEAT = "repeat"
    STRAY = "stray"
    VOIDED = "voided"
    VOID = "void"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    PENDING = "pending"
    FORWARDED = "forwarded"


class Target(StrEnum):
    """What became of the event that a void names."""

    TAKEN_OUT = "taken_out"
    UNKNOWN = "unknown"
    IS_VOID = "is_void"
    FINAL = "final"


class How(StrEnum):
    """What an event did to a visit."""

    OPENED = "opened"
    CLOSED = "closed"
    CHANGED = "changed"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Marker:
    """From here on this version of the plant model holds in the partition."""

    version: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One record of the unit. `said` is the event, or why it cannot be read; `recorded` µs.

    `judged` False: no end-of-frame mark covers it yet. `sent_in`: another partition forwarded it to this one.
    `too_late`: it was refused so.
    """

    at: Coordinates
    event_id: str | None
    source: str
    recorded: int
    said: Event | BadScan
    judged: bool = True
    sent_in: bool = False
    too_late: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What the event did to one visit: `visit` right after it, and the flags that it set."""

    how: How
    visit: Visit
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Effect:
    """The unit before and after the event, and its visits that the event changed."""

    before: UnitState
    after: UnitState
    changes: tuple[Change, ...]

    @property
    def what(self) -> What:
        """Accepted, or one of the two ways of changing nothing but a count."""
        if self.after.strays > self.before.strays:
            return What.STRAY
        same = self.after.quantity == self.before.quantity and self.after.status == self.before.status
        if self.changes and same and all(change.how is How.REPEATED for change in self.changes):
            return What.REPEAT
        return What.ACCEPTED


@dataclass(frozen=True, slots=True)
class Told:
    """One record that carries the event: what became of it. `first`: the accepted record that it repeats."""

    delivery: Delivery
    what: What
    refusal: BadScan | None = None
    first: Coordinates | None = None


@dataclass(slots=True)
class EventFate:
    """What became of an event of one unit in one partition, and of every record that carries it, in log order.

    `accepted` is the unit's revision with which it was taken in (0: it was not), `at` where; `final` says that no
    later record can change `effect`. `voided_by`: the accepted voids that name it; `target` of a void.
    """

    event_id: str
    what: What = What.PENDING
    records: list[Told] = field(default_factory=list)
    scan: Scan | None = None
    at: Coordinates | None = None
    accepted: int = 0
    final: bool = False
    effect: Effect | None = None
    voided_by: list[str] = field(default_factory=list)
    target: Target | None = None

    @property
    def last(self) -> Told:
        """The record that says why an event that was not accepted was not."""
        refused = [told for told in self.records if told.what is What.REFUSED]
        return (refused or self.records)[-1]


def fate_of(
    event_id: str, log: Sequence[Marker | Delivery], models: Mapping[int, PlantModel], is_here: Callable[[str], bool]
) -> EventFate:
    """The fate of an event of a unit: `log` holds all markers of a partition and all records of the unit in it.

    Both in log order. A plant model that is in force must be among `models`, else its records are refused. `is_here`:
    does the unit belong to this partition?
    """
    fate = EventFate(event_id)
    history = _fold(event_id, log, models, is_here, fate)
    scan = fate.scan
    if scan is None:
        fate.what = fate.last.what if fate.records else What.PENDING
        return fate
    fate.final = scan.time <= history.edge
    if scan.action is Action.VOID:
        fate.what, fate.target = What.VOID, _target(scan.voids or "", log, models, is_here)
        return fate
    fate.effect = history.effect(models)
    fate.what = What.VOIDED if fate.effect is None else fate.effect.what
    if fate.effect is not None:
        fate.voided_by = []
    return fate


def _target(event_id: str, log: Sequence[Marker | Delivery], models: Models, is_here: Callable[[str], bool]) -> Target:
    fate = EventFate(event_id)
    history = _fold(event_id, log, models, is_here, fate)
    if fate.scan is None:
        return Target.UNKNOWN
    if fate.scan.action is Action.VOID:
        return Target.IS_VOID
    return Target.TAKEN_OUT if history.effect(models) is None else Target.FINAL


def _fold(
    event_id: str, log: Iterable[Marker | Delivery], models: Models, is_here: Callable[[str], bool], fate: EventFate
) -> "_Watched":
    """Fold the log; into `fate` go the records of the event, its acceptance and the voids that name it."""
    history, version = _Watched(event_id), 0
    for entry in log:
        if isinstance(entry, Marker):
            version = max(version, entry.version)
            continue
        try:
            if isinstance(entry.said, BadScan):
                raise entry.said
            scan = None
            if entry.judged:
                unit_id, scan = admit(entry.said, models.get(version), entry.source, entry.recorded)
        except BadScan as refusal:
            if entry.event_id == event_id:
                fate.records.append(Told(entry, What.REFUSED, refusal) if entry.judged else Told(entry, What.PENDING))
            continue
        if scan is None:
            told = Told(entry, What.PENDING)
        elif not history.accepted and not entry.sent_in and not is_here(unit_id):
            told = Told(entry, What.FORWARDED)
        else:
            told = _take(history, scan, entry, models, fate)
        if entry.event_id == event_id:
            fate.records.append(told)
    return history


def _take(history: "_Watched", scan: Scan, entry: Delivery, models: Models, fate: EventFate) -> Told:
    verdict = Verdict.TOO_LATE if entry.too_late else history.accept(scan, models)
    if verdict is Verdict.ACCEPTED:
        if scan.event_id == fate.event_id:
            fate.scan, fate.at, fate.accepted = scan, entry.at, history.accepted
        elif scan.voids == fate.event_id:
            fate.voided_by.append(scan.event_id)
        return Told(entry, What.ACCEPTED)
    if verdict is Verdict.DUPLICATE:
        return Told(entry, What.DUPLICATE, first=fate.at)
    return Told(entry, What.REFUSED, REFUSALS[verdict], fate.at)


class _Watched(History):
    """A history that notes what one event changed where it was applied last: in the head, or among what is kept."""

    def __init__(self, event_id: str) -> None:
        super().__init__()
        self.event_id = event_id
        self.last: Effect | None = None
        self._in_head: Effect | None = None

    def accept(self, scan: Scan, models: Models, horizon: int = NEVER) -> Verdict:
        """As every history does; an id used again long after the first event is another event."""
        was, again = self._in_head, scan.event_id == self.event_id
        if again:
            self._in_head = None
        verdict = super().accept(scan, models, horizon)
        if again and verdict is not Verdict.ACCEPTED:
            self._in_head = was
        return verdict

    def effect(self, models: Models) -> Effect | None:
        """What the event changes as things stand; None where it is not applied: it is voided, or never came."""
        if self._in_head is not None or not self.count:
            return self._in_head
        self._visits(kept.unpack(self.kept), models)
        return self.last

    def _pass(self, state: UnitState, models: Models) -> Fold:
        self.last = None
        plain = super()._pass(state, models)
        watching = _Watching(*[getattr(plain, each.name) for each in fields(Fold)])
        watching.watched = self
        return watching

    def _to_head(self, time: int, gone: list[Scan], models: Models) -> Fold:
        fold = super()._to_head(time, gone, models)
        if self.last is not None:
            self._in_head = self.last
        return fold


class _Watching(Fold):
    """A pass that tells the history what the event in question changes."""

    watched: _Watched

    def apply(self, scan: Scan) -> None:
        """As every pass does; of the event in question note before and after."""
        if scan.event_id != self.watched.event_id:
            super().apply(scan)
            return
        before = self.state.copy()
        super().apply(scan)
        after = self.state.copy()
        self.watched.last = Effect(before, after, tuple(_changes(before, after, self.touched)))


def _changes(before: UnitState, after: UnitState, touched: Mapping[int, Visit]) -> Iterable[Change]:
    """Visits closed, then those changed or repeated, then those opened."""
    was, now = ({visit.seq: visit for visit in state.open} for state in (before, after))
    for seq in sorted(was.keys() - now.keys()):
        visit = touched[seq].copy()
        yield Change(How.CLOSED, visit, visit.flags & ~was[seq].flags)
    for seq, visit in now.items():
        if seq not in was:
            yield Change(How.OPENED, visit, visit.flags)
        elif visit.repeats > was[seq].repeats:
            yield Change(How.REPEATED, visit)
        elif visit != was[seq]:
            yield Change(How.CHANGED, visit, visit.flags & ~was[seq].flags)
