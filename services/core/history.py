"""A unit's kept history: late events are put in their place, everything older than the edge is final.

    head (folded, final) | edge | kept events, by time | now (folded)

`accept` takes one resolved event in log order. The visits that result are those of the whole set of accepted
events, whatever the order and however often they came, as long as none comes from behind the edge.

A unit that left before the `Horizon` of its log keeps no events, only where they led: what comes for it must be newer
than all that it had. That is asked for before each event, so it does not matter when memory is given back (`shrink`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from operator import attrgetter

from services.core import kept
from services.core.equipment import PlantModel
from services.core.fold import Fold
from services.core.scan import Action, Scan
from services.core.unit import UnitState, Visit

NEVER = -(1 << 62)
"""Earlier than every event: the edge and the newest time of a unit without any."""

_time = attrgetter("time")

Models = Mapping[int, PlantModel]


@dataclass(slots=True)
class Horizon:
    """How far back a log remembers units that have left: its newest event time less the retention then in force.

    `newest` is over the accepted events. `at` never goes back, whatever the plant model says later: what was
    forgotten is not remembered again.
    """

    newest: int = NEVER
    at: int = NEVER

    def advance(self, time: int, retention: int) -> None:
        """An event of this time was accepted."""
        if time > self.newest:
            self.newest = time
        at = self.newest - retention
        if at > self.at:
            self.at = at


class Verdict(Enum):
    """What became of an event."""

    ACCEPTED = auto()
    DUPLICATE = auto()
    CONFLICTING_DUPLICATE = auto()
    TOO_LATE = auto()


@dataclass(slots=True)
class History:
    """One unit: its final head, its kept events and what they fold to.

    `accepted` counts accepted events (the revision within a generation), `first_model` is the lowest plant-model
    version among them (it decides the presence), `head_product` the product named by an event already absorbed.
    `changed` holds visits that differ from what they were at the last `take_changes`, None for one that vanished;
    `before` those same visits as they were then, where they existed.
    """

    accepted: int = 0
    first_model: int = 0
    edge: int = NEVER
    newest: int = NEVER
    count: int = 0
    has_voids: bool = False
    product: str | None = None
    head_product: str | None = None
    now: UnitState = field(default_factory=UnitState)
    head: UnitState | None = None
    kept: bytes = b""
    changed: dict[int, Visit | None] = field(default_factory=dict)
    before: dict[int, Visit] = field(default_factory=dict)

    def accept(self, scan: Scan, models: Models, horizon: int = NEVER) -> Verdict:
        """Take one event in; what the unit is and was changes only when the verdict is ACCEPTED.

        `horizon`: how far back the log remembers units that have left, before this event.
        """
        self.shrink(horizon)
        time = scan.time
        if time <= self.edge:
            return Verdict.TOO_LATE
        known = kept.content_of(self.kept, scan.event_id)
        if known is not None:
            return Verdict.DUPLICATE if known == scan.content else Verdict.CONFLICTING_DUPLICATE
        if not self.accepted:
            self.first_model = scan.model
            self.product = scan.product
        in_order = (
            time > self.newest
            and not self.has_voids
            and scan.action is not Action.VOID
            and (scan.product is None or self.product is not None)
        )
        if in_order:
            self._append(scan, models)
        elif not self._insert(scan, models):
            return Verdict.TOO_LATE
        self.accepted += 1
        tracking = models[scan.model].tracking
        while self.count > tracking.history_events or (
            self.count > 1 and kept.first_time(self.kept) < self.newest - tracking.history_horizon
        ):
            if not self._absorb(models):
                break
        return Verdict.ACCEPTED

    def shrink(self, horizon: int) -> None:
        """Make all kept events final where the unit left before the horizon; what it is and was stays as it is."""
        left = self.now.left
        if left is None or left >= horizon or not self.count:
            return
        self.head, self.head_product = self.now.copy(), self.product
        self.kept, self.count, self.has_voids = b"", 0, False
        self.edge = self.newest

    def take_changes(self) -> tuple[dict[int, Visit | None], dict[int, Visit]]:
        """The visits changed since the last call, and what they were; then forget both."""
        changes = self.changed, self.before
        self.changed, self.before = {}, {}
        return changes

    def remember_open(self) -> None:
        """Note the open visits as they are now, so that `before` can tell what a change changed."""
        for visit in self.now.open:
            if visit.seq not in self.before:
                self.before[visit.seq] = visit.copy()

    def _append(self, scan: Scan, models: Models) -> None:
        Fold(self.now, models, self.first_model, self.product, self.changed).apply(scan)  # type: ignore[arg-type]
        self.kept += kept.pack(scan)
        self.newest = scan.time
        self.count += 1

    def _insert(self, scan: Scan, models: Models) -> bool:
        """Put a late event, a void or a first-named product in its place and fold again; False if there is no room."""
        events = kept.unpack(self.kept)
        limit = 4 * models[scan.model].tracking.history_events
        if sum(other.time == scan.time for other in events) >= limit:
            return False
        self.kept = kept.insert(self.kept, scan)
        self.count += 1
        self.newest = max(self.newest, scan.time)
        if self.has_voids or scan.action is Action.VOID or scan.product is not None:
            self._refold(events, scan, models)
        else:
            self._refold_from(events, scan, models)
        return True

    def _refold_from(self, events: list[Scan], scan: Scan, models: Models) -> None:
        """Fold again what does not lie before the event: it takes none of the others away and names no product."""
        at = bisect_left(events, scan.time, key=_time)
        later = events[at:]
        state = self._fold(events[:at], models).state
        old = self._fold(later, models, state.copy())
        later.insert(bisect_right(later, scan.time, key=_time), scan)
        self._become(self._fold(later, models, state), old.touched)

    def _refold(self, events: list[Scan], scan: Scan, models: Models) -> None:
        old = self._visits(events, models)
        events.insert(bisect_right(events, scan.time, key=_time), scan)
        self.has_voids = self.has_voids or scan.action is Action.VOID
        effective = _effective(events)
        self.product = self.head_product or _first_product(effective)
        self._become(self._fold(effective, models), old)

    def _become(self, fold: Fold, old: dict[int, Visit]) -> None:
        """Let the fold's result be the present, and note how its visits differ from the `old` ones."""
        self.now = fold.state
        for seq, visit in fold.touched.items():
            was = old.pop(seq, None)
            if was != visit:
                self._note(seq, visit, was)
            elif seq in self.changed:
                self.changed[seq] = visit
        for seq, was in old.items():
            self._note(seq, None, was)

    def _note(self, seq: int, visit: Visit | None, was: Visit | None) -> None:
        if was is not None and seq not in self.changed and seq not in self.before:
            self.before[seq] = was
        self.changed[seq] = visit

    def _visits(self, events: list[Scan], models: Models) -> dict[int, Visit]:
        if not events:
            return {}
        return self._fold(_effective(events), models).touched

    def _fold(self, effective: list[Scan], models: Models, start: UnitState | None = None) -> Fold:
        """A pass over these events from `start` on, which becomes its state, or from the head, which does not."""
        state = start or (UnitState() if self.head is None else self.head.copy())
        fold = self._pass(state, models)
        fold.touched.update((visit.seq, visit) for visit in state.open)
        for instant in _instants(effective):
            fold.instant(instant)
        return fold

    def _pass(self, state: UnitState, models: Models) -> Fold:
        """A pass from this state on; the unit's product is that of its open visits too, whenever it was named."""
        for visit in state.open:
            visit.product = self.product
        return Fold(state, models, self.first_model, self.product)

    def _absorb(self, models: Models) -> bool:
        """Make the oldest instant final; False when it is the newest, which is never absorbed."""
        if kept.first_time(self.kept) == self.newest:
            return False
        if self.has_voids:
            self._absorb_among_voids(models)
            return True
        gone, self.kept = kept.take_first_instant(self.kept)
        self.count -= len(gone)
        self._to_head(gone[0].time, gone, models)
        return True

    def _absorb_among_voids(self, models: Models) -> None:
        """As `_absorb`; a void that becomes final forgets a target that came under a later time, so fold again."""
        events = kept.unpack(self.kept)
        old = self._visits(events, models)
        gone, self.kept = kept.take_first_instant(self.kept)
        rest = events[len(gone) :]
        self.count -= len(gone)
        self.has_voids = any(event.action is Action.VOID for event in rest)
        absorbed = self._to_head(gone[0].time, _effective(gone, among=events), models)
        effective = _effective(rest)
        self.product = self.head_product or _first_product(effective)
        fold = self._fold(effective, models)
        for seq, visit in absorbed.touched.items():
            fold.touched.setdefault(seq, visit)
        self._become(fold, old)

    def _to_head(self, time: int, gone: list[Scan], models: Models) -> Fold:
        head = UnitState() if self.head is None else self.head
        fold = self._pass(head, models)
        fold.instant(gone)
        self.head, self.edge = head, time
        self.head_product = self.head_product or _first_product(gone)
        return fold


def _effective(events: list[Scan], among: list[Scan] | None = None) -> list[Scan]:
    """The events without those that a void (`among` all that are kept) names, and without the voids."""
    voided = {event.voids for event in among or events if event.action is Action.VOID}
    if not voided:
        return events
    return [event for event in events if event.action is not Action.VOID and event.event_id not in voided]


def _instants(events: list[Scan]) -> Iterator[list[Scan]]:
    """The events of each instant, in order of time (itertools.groupby takes twice as long, a late event asks often)."""
    begin = 0
    for at in range(1, len(events) + 1):
        if at == len(events) or events[at].time != events[begin].time:
            yield events[begin:at]
            begin = at


def _first_product(events: list[Scan]) -> str | None:
    named = [event for event in events if event.product is not None]
    if not named:
        return None
    return min(named, key=lambda event: (event.time, event.action, event.event_id)).product
