"""The rules of a unit's history: how each action changes where the unit is.

A `Fold` is one pass over events in order. It knows what the pass may not ask the events for (the unit's product, the
plant-model versions, and which of them says whether it may be at several operations at once) and collects the visits
it touched.
Events of one instant are put in order here, because that order depends on where the unit was just before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.core.equipment import PlantModel
from services.core.scan import Action, Scan
from services.core.unit import Flag, Outcome, Phase, Status, UnitState, Visit

_QUEUED, _RUNNING, _FINISHED = int(Phase.QUEUED), int(Phase.RUNNING), int(Phase.FINISHED)
_MOVED, _COMPLETED, _SCRAPPED = int(Outcome.MOVED), int(Outcome.COMPLETED), int(Outcome.SCRAPPED)
_IN_PROCESS, _IN_TRANSIT = int(Status.IN_PROCESS), int(Status.IN_TRANSIT)
_GONE = (int(Status.UNSEEN), int(Status.COMPLETED), int(Status.SCRAPPED))
_IMPLIED_ARRIVE, _IMPLIED_START = int(Flag.IMPLIED_ARRIVE), int(Flag.IMPLIED_START)
_IMPLIED_FINISH, _IMPLIED_DEPART = int(Flag.IMPLIED_FINISH), int(Flag.IMPLIED_DEPART)

_NO_POSITION = 1 << 30
"""Sorts an operation that is not on the routing after all that are."""


@dataclass(slots=True)
class Fold:
    """One pass over a unit's events: the state reached, and `touched`: seq → visit changed by the pass."""

    state: UnitState
    models: Mapping[int, PlantModel]
    first_model: int
    product: str | None
    touched: dict[int, Visit] = field(default_factory=dict)

    def instant(self, scans: list[Scan]) -> None:
        """Apply all events of one instant in the order the contract gives them."""
        if len(scans) > 1:
            scans = self._in_order(scans)
        for scan in scans:
            self.apply(scan)

    def apply(self, scan: Scan) -> None:
        """Apply one event; it must not be older than any applied before it."""
        self.state.events += 1
        _RULES[scan.action](self, scan)

    def _in_order(self, scans: list[Scan]) -> list[Scan]:
        open_at = {visit.operation: visit for visit in self.state.open}
        positions: dict[str, int] = {}
        for scan in scans:
            if scan.operation is not None:
                position = self.models[scan.model].position(self.product, scan.operation)
                foremost = positions.get(scan.operation, _NO_POSITION)
                positions[scan.operation] = foremost if position is None else min(position, foremost)

        def key(scan: Scan) -> tuple[int, int, str, float, str]:
            operation = scan.operation
            if operation is None:
                return (2, 0, "", float(scan.action), scan.event_id)
            visit = open_at.get(operation)
            rank = _rank(scan.action, visit)
            if visit is not None:
                return (0, visit.seq, "", rank, scan.event_id)
            return (1, positions[operation], operation, rank, scan.event_id)

        return sorted(scans, key=key)

    # Each rule below is one row of the contract's table.

    def arrive(self, scan: Scan) -> None:
        """At X: a repeated read. Elsewhere: moves here and queues."""
        visit = self.state.at(scan.operation)
        self._set_quantity(scan)
        if visit is None:
            self._open(scan, 0)
        else:
            visit.repeats += 1
            self.touched[visit.seq] = visit

    def start(self, scan: Scan) -> None:
        """At X: queued or finished starts to run. Elsewhere: arrives (implied) and starts."""
        visit = self.state.at(scan.operation)
        self._set_quantity(scan)
        if visit is None:
            self._run(self._open(scan, _IMPLIED_ARRIVE), scan.time)
            return
        self.touched[visit.seq] = visit
        if visit.phase == _RUNNING:
            visit.repeats += 1
            return
        _clock(visit, scan.time)
        self._run(visit, scan.time)
        if scan.work_unit is not None:
            visit.work_unit = scan.work_unit

    def finish(self, scan: Scan) -> None:
        """At X: running ends; queued was running since its arrival (implied). Elsewhere: arrives, starts, ends."""
        visit = self.state.at(scan.operation)
        self._set_quantity(scan)
        if visit is None:
            visit = self._open(scan, _IMPLIED_ARRIVE | _IMPLIED_START)
            self._run(visit, scan.time)
        else:
            self.touched[visit.seq] = visit
            if visit.phase == _FINISHED:
                visit.repeats += 1
                return
            _clock(visit, scan.time)
            if visit.phase == _QUEUED:
                visit.process, visit.queue = visit.queue, 0
                visit.flags |= _IMPLIED_START
                self._run(visit, visit.arrived)
        visit.phase = _FINISHED
        visit.finished = scan.time

    def depart(self, scan: Scan) -> None:
        """At X: the visit closes; from the last operation of the routing the unit is completed. Else a stray."""
        state = self.state
        visit = state.at(scan.operation)
        if visit is None:
            state.strays += 1
            return
        self._set_quantity(scan)
        if scan.operation == self.models[scan.model].last_operation(self.product):
            state.last_departed = True
            completes = len(state.open) == 1
        else:
            completes = False
        self._close(visit, scan.time, _COMPLETED if completes else _MOVED, _implied_finish(visit))
        if not state.open:
            if state.last_departed:
                self._leave(int(Status.COMPLETED), scan.time)
            else:
                state.status = _IN_TRANSIT

    def hold(self, scan: Scan) -> None:
        """Stops the running clock until release or the end of the visit."""
        self._hold(scan, True)

    def release(self, scan: Scan) -> None:
        """Lets the clock of the visit's phase run again."""
        self._hold(scan, False)

    def scrap(self, scan: Scan) -> None:
        """Part of the quantity: it falls, nothing closes. Else the unit is scrapped wherever it is."""
        state = self.state
        if state.status in _GONE:
            state.strays += 1
            return
        scrapped = scan.scrap_quantity
        if scrapped is not None and 0 < scrapped < state.quantity:
            self._change_quantity(state.quantity - scrapped)
            return
        self._close_all(scan.time, _SCRAPPED, 0)
        self._leave(int(Status.SCRAPPED), scan.time)

    def complete(self, scan: Scan) -> None:
        """The unit leaves WIP wherever it is."""
        if self.state.status in _GONE:
            self.state.strays += 1
            return
        self._close_all(scan.time, _COMPLETED, 0)
        self._leave(int(Status.COMPLETED), scan.time)

    def adjust(self, scan: Scan) -> None:
        """The quantity changes; a unit in WIP of which nothing is left is completed (consumed)."""
        state = self.state
        self._change_quantity(state.quantity + (scan.quantity_delta or 0))
        if state.quantity <= 0 and state.status not in _GONE:
            self._close_all(scan.time, _COMPLETED, int(Flag.CONSUMED))
            self._leave(int(Status.COMPLETED), scan.time)

    def void(self, scan: Scan) -> None:
        """Voids are taken out before the fold; one that gets here is a bug of the caller."""
        raise AssertionError(f"void {scan.event_id} reached the fold")

    # What the rules are made of.

    def _open(self, scan: Scan, flags: int) -> Visit:
        state, operation, time = self.state, scan.operation, scan.time
        assert operation is not None
        if state.open:
            multiple = self.models[self.first_model].is_multiple(self.product)
            for visit in list(state.open):
                if not multiple or (visit.phase == _FINISHED and not visit.held):
                    self._close(visit, time, _MOVED, _IMPLIED_DEPART | _implied_finish(visit))
        if state.status in _GONE:
            flags |= 0 if state.status == 0 else int(Flag.REOPENED)
            state.entries += 1
            state.last_departed = False
            state.left = None
        state.status = _IN_PROCESS
        if operation in state.visited:
            flags |= int(Flag.REWORK)
        else:
            state.visited = (*state.visited, operation)
        position = self.models[scan.model].position(self.product, operation)
        if position is not None:
            if position > state.position + 1:
                flags |= int(Flag.SKIPPED_OPERATION)
            elif position < state.position:
                flags |= int(Flag.BACKWARD)
            state.position = position
        state.visits += 1
        visit = Visit(
            state.visits, scan.event_id, operation, time, time, scan.model, state.quantity,
            scan.work_unit, self.product, position, flags=flags,
        )  # fmt: skip
        state.open.append(visit)
        self.touched[visit.seq] = visit
        return visit

    def _run(self, visit: Visit, since: int) -> None:
        visit.phase = _RUNNING
        visit.runs += 1
        if visit.started is None:
            visit.started = since

    def _hold(self, scan: Scan, held: bool) -> None:
        if scan.operation is None:
            visits = self.state.open
        else:
            visit = self.state.at(scan.operation)
            visits = [] if visit is None else [visit]
        if not visits:
            self.state.strays += 1
        for visit in visits:
            self.touched[visit.seq] = visit
            if visit.held is held:
                visit.repeats += 1
            else:
                _clock(visit, scan.time)
                visit.held = held

    def _set_quantity(self, scan: Scan) -> None:
        if scan.quantity is not None and scan.quantity != self.state.quantity:
            self._change_quantity(scan.quantity)

    def _change_quantity(self, quantity: int) -> None:
        self.state.quantity = quantity
        for visit in self.state.open:
            visit.quantity = quantity
            self.touched[visit.seq] = visit

    def _close(self, visit: Visit, time: int, outcome: int, flags: int) -> None:
        _clock(visit, time)
        visit.departed = time
        visit.outcome = outcome
        visit.flags |= flags
        visit.held = False
        self.state.open.remove(visit)
        self.touched[visit.seq] = visit

    def _close_all(self, time: int, outcome: int, flags: int) -> None:
        for visit in list(self.state.open):
            self._close(visit, time, outcome, flags)

    def _leave(self, status: int, time: int) -> None:
        state = self.state
        state.status, state.left = status, time
        if status == Status.COMPLETED:
            state.completions += 1
        else:
            state.scraps += 1


def _clock(visit: Visit, time: int) -> None:
    """Add the time since the last change to the account it was spent on."""
    elapsed = time - visit.since
    if elapsed:
        if visit.held:
            visit.hold += elapsed
        elif visit.phase == _QUEUED:
            visit.queue += elapsed
        elif visit.phase == _RUNNING:
            visit.process += elapsed
        else:
            visit.wait += elapsed
        visit.since = time


def _implied_finish(visit: Visit) -> int:
    return 0 if visit.phase == _FINISHED else _IMPLIED_FINISH


def _rank(action: Action, visit: Visit | None) -> float:
    """The order of events of one instant at one operation, given the visit that was open there just before."""
    if visit is not None:
        if action is Action.FINISH and visit.phase == _RUNNING:
            return Action.START - 0.5
        if action is Action.RELEASE and visit.held:
            return Action.HOLD - 0.5
    return float(action)


_RULES: tuple[Callable[[Fold, Scan], None], ...] = (
    Fold.arrive,
    Fold.start,
    Fold.hold,
    Fold.release,
    Fold.finish,
    Fold.depart,
    Fold.scrap,
    Fold.complete,
    Fold.adjust,
    Fold.void,
)
