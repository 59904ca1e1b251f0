"""One unit and its visits: what each action does, clause by clause, for one place (`single`) or several."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from .event import Event
from .plant import SINGLE, Plant

QUEUED, RUNNING, FINISHED = "queued", "running", "finished"
UNSEEN, IN_PROCESS, IN_TRANSIT, COMPLETED, SCRAPPED = (
    "unseen",
    "in_process",
    "in_transit",
    "completed",
    "scrapped",
)


@dataclass
class Visit:
    """One stay of one unit at one operation; instants and durations in µs."""

    visit_id: str
    operation_id: str
    arrived: int
    position: int | None
    phase: str = QUEUED
    held: bool = False
    clock: int = 0  # the time up to which queue, process, wait and hold are counted
    started: int | None = None
    finished: int | None = None
    departed: int | None = None
    outcome: str = "open"
    flags: set[str] = field(default_factory=set)
    repeats: int = 0
    runs: int = 0
    queue: int = 0
    process: int = 0
    wait: int = 0
    hold: int = 0
    quantity: Decimal = Decimal(1)
    product_id: str | None = None
    work_unit_id: str | None = None

    def count_until(self, now: int) -> None:
        """Give the time since the last change to the phase the visit was in, or to hold."""
        passed, self.clock = now - self.clock, now
        if self.held:
            self.hold += passed
        elif self.phase == QUEUED:
            self.queue += passed
        elif self.phase == RUNNING:
            self.process += passed
        else:
            self.wait += passed


@dataclass(frozen=True)
class Rules:
    """What a fold is judged by: every plant model version, the unit's product and its presence."""

    plants: Mapping[int, Plant]
    product_id: str | None
    presence: str


@dataclass
class Unit:
    """A unit between two events."""

    visits: list[Visit] = field(default_factory=list)
    status: str = UNSEEN
    quantity: Decimal = Decimal(1)
    strays: int = 0
    previous_position: int = -1
    last_operation_departed: bool = False  # by a depart event, since the unit was (re)opened
    ended: int | None = None  # when it was completed or scrapped; None of a unit that is neither
    entered: int = 0
    times_completed: int = 0
    times_scrapped: int = 0

    def open_visits(self) -> list[Visit]:
        """In order of opening."""
        return [visit for visit in self.visits if visit.outcome == "open"]

    def open_at(self, operation_id: str | None) -> Visit | None:
        """The open visit at this operation."""
        return next((v for v in self.open_visits() if v.operation_id == operation_id), None)

    def apply(self, event: Event, rules: Rules) -> None:
        """Let one event happen."""
        match event.action:
            case "arrive" | "start" | "finish":
                self._set_quantity(event)
                self._at_operation(event, rules)
            case "depart":
                self._depart(event, rules)
            case "hold" | "release":
                self._hold_or_release(event)
            case "scrap":
                self._scrap(event, rules)
            case "complete":
                self._leave(event, rules, COMPLETED)
            case "adjust":
                self._adjust(event, rules)

    def _set_quantity(self, event: Event) -> None:
        if event.quantity is not None:
            self.quantity = event.quantity

    def _at_operation(self, event: Event, rules: Rules) -> None:
        """`arrive`, `start` or `finish`: an arrival first where no visit is open here."""
        visit = self.open_at(event.operation_id)
        if visit is None:
            visit = self._arrive(event, rules)
            if event.action == "arrive":
                return
            visit.flags.add("implied_arrive")
            self._start(visit, event)
            if event.action == "start":
                return
            visit.flags.add("implied_start")
            self._finish(visit, event)
        elif event.action == "arrive":
            visit.repeats += 1
        elif event.action == "start":
            self._start(visit, event)
        else:
            self._finish(visit, event)

    def _arrive(self, event: Event, rules: Rules) -> Visit:
        for elsewhere in self.open_visits():
            if rules.presence == SINGLE or (elsewhere.phase == FINISHED and not elsewhere.held):
                if elsewhere.phase != FINISHED:
                    elsewhere.flags.add("implied_finish")
                elsewhere.flags.add("implied_depart")
                self._close(elsewhere, event.time, "moved", rules)
        assert event.operation_id is not None
        position = rules.plants[event.version].position(rules.product_id, event.operation_id)
        visit = Visit(event.event_id, event.operation_id, event.time, position, clock=event.time)
        visit.work_unit_id = event.work_unit_id
        self._judge(visit)
        if self.status in (UNSEEN, COMPLETED, SCRAPPED):
            self.entered += 1
            self.last_operation_departed = False
        self.status, self.ended = IN_PROCESS, None
        self.visits.append(visit)
        return visit

    def _judge(self, visit: Visit) -> None:
        """Flags that compare a new visit with the unit's past."""
        if self.status in (COMPLETED, SCRAPPED):
            visit.flags.add("reopened")
        if any(earlier.operation_id == visit.operation_id for earlier in self.visits):
            visit.flags.add("rework")
        if visit.position is not None:
            if visit.position > self.previous_position + 1:
                visit.flags.add("skipped_operation")
            if visit.position < self.previous_position:
                visit.flags.add("backward")
            self.previous_position = visit.position

    def _start(self, visit: Visit, event: Event) -> None:
        if visit.phase == RUNNING:
            visit.repeats += 1
            return
        visit.count_until(event.time)
        visit.phase = RUNNING
        visit.runs += 1
        if visit.started is None:
            visit.started = event.time
        if event.work_unit_id is not None:
            visit.work_unit_id = event.work_unit_id

    def _finish(self, visit: Visit, event: Event) -> None:
        if visit.phase == FINISHED:
            visit.repeats += 1
            return
        visit.count_until(event.time)
        if visit.phase == QUEUED:
            visit.flags.add("implied_start")
            visit.started = visit.arrived
            visit.runs += 1
            visit.process, visit.queue = visit.queue, 0
        visit.phase = FINISHED
        visit.finished = event.time

    def _depart(self, event: Event, rules: Rules) -> None:
        visit = self.open_at(event.operation_id)
        if visit is None:
            self.strays += 1
            return
        self._set_quantity(event)
        if visit.phase != FINISHED:
            visit.flags.add("implied_finish")
        is_last = rules.plants[event.version].is_last(rules.product_id, visit.operation_id)
        self.last_operation_departed = self.last_operation_departed or is_last
        completes = self.last_operation_departed and self.open_visits() == [visit]
        self._close(visit, event.time, "completed" if is_last and completes else "moved", rules)
        if completes:
            self._end(COMPLETED, event.time)
        elif not self.open_visits():
            self.status = IN_TRANSIT

    def _hold_or_release(self, event: Event) -> None:
        here = self.open_at(event.operation_id)
        visits = self.open_visits() if event.operation_id is None else [here] if here else []
        if not visits:
            self.strays += 1
        for visit in visits:
            if visit.held == (event.action == "hold"):
                visit.repeats += 1
            else:
                visit.count_until(event.time)
                visit.held = event.action == "hold"

    def _scrap(self, event: Event, rules: Rules) -> None:
        part = event.scrap_quantity
        if self.status in (IN_PROCESS, IN_TRANSIT) and part is not None and part < self.quantity:
            self.quantity -= part
        else:
            self._leave(event, rules, SCRAPPED)

    def _leave(self, event: Event, rules: Rules, status: str, flag: str | None = None) -> None:
        """The unit leaves WIP as a whole, wherever it is."""
        if self.status not in (IN_PROCESS, IN_TRANSIT):
            self.strays += 1
            return
        for visit in self.open_visits():
            if flag is not None:
                visit.flags.add(flag)
            self._close(visit, event.time, status, rules)
        self._end(status, event.time)

    def _adjust(self, event: Event, rules: Rules) -> None:
        assert event.quantity_delta is not None
        self.quantity += event.quantity_delta
        if self.quantity <= 0 and self.status in (IN_PROCESS, IN_TRANSIT):
            self._leave(event, rules, COMPLETED, "consumed")

    def _close(self, visit: Visit, now: int, outcome: str, rules: Rules) -> None:
        visit.count_until(now)
        visit.departed = now
        visit.outcome = outcome
        visit.quantity = self.quantity
        visit.product_id = rules.product_id

    def _end(self, status: str, now: int) -> None:
        self.status, self.ended = status, now
        if status == COMPLETED:
            self.times_completed += 1
        else:
            self.times_scrapped += 1
