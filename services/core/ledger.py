"""Operation state of one partition, derived from its units: what lies where, what came and went, how long it took.

Nothing is incremented from events. A unit's visits before and after a change are taken out and put in again, so the
ledger is a pure function of the present truth and a correction may lower a count. Slots of the windows are
the multiset of closed visits whose `departed` lies not too far behind the partition's newest event time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from services.core.equipment import PlantModel
from services.core.errors import BrokenGuarantee, Guarantee
from services.core.short_id import short, text_of
from services.core.unit import Flag, Outcome, Status, UnitState, Visit
from services.core.windows import MINUTES, TENS, RingShape, Slot, SlotRing

SHAPES: tuple[RingShape, ...] = (MINUTES, TENS)
OLDEST = 10
"""How many of the oldest open stays an operation names."""
BACKFILLED_AFTER_US = 120_000_000
"""An event recorded so long after it happened is history that comes in, no news."""

_REWORK = int(Flag.REWORK)
_COMPLETED, _SCRAPPED = int(Outcome.COMPLETED), int(Outcome.SCRAPPED)
_BEFORE = 1 << 63
_SEPARATOR = b"\x1f"
_IN_PROCESS, _IN_TRANSIT = int(Status.IN_PROCESS), int(Status.IN_TRANSIT)


@dataclass(slots=True)
class Counts:
    """What an operation's state says of one partition. Quantity in millionths, value in 10⁻¹² of the currency."""

    queued: int = 0
    running: int = 0
    finished: int = 0
    held: int = 0
    quantity: int = 0
    value: int = 0
    arrivals: int = 0
    departures: int = 0
    completed: int = 0
    scrapped: int = 0
    rework: int = 0

    @property
    def wip(self) -> int:
        """Open visits."""
        return self.queued + self.running + self.finished + self.held


@dataclass(slots=True)
class Totals:
    """Units of a partition: entered − completed − scrapped = in process + in transit, always."""

    entered: int = 0
    completed: int = 0
    scrapped: int = 0
    in_process: int = 0
    in_transit: int = 0


NO_TOTALS = (0, 0, 0, 0, 0)
"""A unit's share of the totals before it is there."""


class Oldest:
    """The open stays of one operation, oldest first on demand.

    Each is one byte string, or a million live units would be some four million objects:

        arrived (8 bytes, so that their order is that of the instants) | unit, UTF-8 | U+001F | visit_id, short

    A heap that forgets lazily: of a stay that closed only its name is noted, and both are thrown away when it comes
    up, or when the closed ones outgrow half of the open ones. What is open is not written down a second time.
    """

    __slots__ = ("_closed", "_heap")

    def __init__(self) -> None:
        self._heap: list[bytes] = []
        self._closed: set[bytes] = set()

    def __len__(self) -> int:
        """How many stays are open."""
        return len(self._heap) - len(self._closed)

    def add(self, unit_id: str, arrived: int, visit_id: str) -> None:
        """Note an open stay; at most one per unit, and none that is noted already."""
        stay = _stay(unit_id, arrived, visit_id)
        if stay in self._closed:
            self._closed.remove(stay)
        else:
            heappush(self._heap, stay)

    def remove(self, unit_id: str, arrived: int, visit_id: str) -> None:
        """Forget an open stay."""
        closed = self._closed
        closed.add(_stay(unit_id, arrived, visit_id))
        if len(closed) > len(self._heap) // 3 + 64:
            self._heap = [stay for stay in self._heap if stay not in closed]
            heapify(self._heap)
            self._closed = set()

    def first(self, count: int) -> list[tuple[str, int, str]]:
        """The `count` oldest open stays as (unit, arrived, visit_id)."""
        found: list[bytes] = []
        heap, closed = self._heap, self._closed
        while heap and len(found) < count:
            stay = heappop(heap)
            if stay in closed:
                closed.remove(stay)
            else:
                found.append(stay)
        for stay in found:
            heappush(heap, stay)
        return [_read_stay(stay) for stay in found]


def _stay(unit_id: str, arrived: int, visit_id: str) -> bytes:
    return (arrived + _BEFORE).to_bytes(8) + unit_id.encode() + _SEPARATOR + short(visit_id)


def _read_stay(stay: bytes) -> tuple[str, int, str]:
    unit_id, _, visit_id = stay[8:].partition(_SEPARATOR)
    return unit_id.decode(), int.from_bytes(stay[:8]) - _BEFORE, text_of(visit_id)


@dataclass(slots=True)
class OperationLedger:
    """One operation in one partition: counts, open stays, and a ring of slots per width.

    `backfilled` counts accepted events and only grows: what is known of the log, not of the present.
    """

    counts: Counts = field(default_factory=Counts)
    backfilled: int = 0
    oldest: Oldest = field(default_factory=Oldest)
    rings: dict[int, SlotRing] = field(default_factory=lambda: {s.width_us: SlotRing(s) for s in SHAPES})


SlotKey = tuple[str, int, int]
"""(operation, width in µs, start in µs)"""


class Ledger:
    """All operations of one partition, and what changed since it was last asked."""

    def __init__(self, models: Mapping[int, PlantModel]) -> None:
        self._models = models
        self.operations: dict[str, OperationLedger] = {}
        self.totals = Totals()
        self.newest: int | None = None
        self.changed_operations: set[str] = set()
        self.changed_slots: set[SlotKey] = set()

    def operation(self, operation: str) -> OperationLedger:
        """The ledger of an operation, empty when it was never visited."""
        ledger = self.operations.get(operation)
        if ledger is None:
            ledger = self.operations[operation] = OperationLedger()
            if self.newest is not None:
                for ring in ledger.rings.values():
                    ring.advance(self.newest)
        return ledger

    def slot(self, key: SlotKey) -> Slot | None:
        """The slot under this key, None where it is empty or dropped."""
        return self.operation(key[0]).rings[key[1]].get(key[2])

    def advance(self, newest: int) -> None:
        """Move the partition's newest event time on; slots are kept relative to it."""
        if self.newest is None or newest > self.newest:
            before, self.newest = self.newest or 0, newest
            for width in (shape.width_us for shape in SHAPES):
                if newest // width > before // width:
                    for ledger in self.operations.values():
                        ledger.rings[width].advance(newest)

    def stand_at_newest(self) -> None:
        """Move all rings to the newest event time, also those of operations whose slots have all been dropped."""
        if self.newest is not None:
            for ledger in self.operations.values():
                for ring in ledger.rings.values():
                    ring.advance(self.newest)

    def backfill(self, operation: str) -> None:
        """Note an accepted event that came in `BACKFILLED_AFTER_US` after it happened."""
        self.operation(operation).backfilled += 1
        self.changed_operations.add(operation)

    def change(
        self,
        unit_id: str,
        before: Mapping[int, Visit],
        changed: Mapping[int, Visit | None],
        old: tuple[int, ...],
        now: UnitState,
    ) -> None:
        """Put a unit's change in: `changed` visits (None: vanished), what they were, totals then, state now."""
        others: list[Visit] = []
        for seq, visit in changed.items():
            was = before.get(seq)
            if was is None:
                if visit is not None:
                    others.append(visit)
            elif visit is not None and _is_same_stay(was, visit):
                self._count_place(was, -1)
                self._count_place(visit, 1)
            else:
                self._count(unit_id, was, -1)
                if visit is not None:
                    others.append(visit)
        for visit in others:
            self._count(unit_id, visit, 1)
        new = unit_totals(now)
        if new != old:
            self._count_unit(new, 1)
            self._count_unit(old, -1)

    def enter(self, unit_id: str, visits: Iterable[Visit], now: UnitState) -> None:
        """Put a whole unit in: all its visits and its state."""
        self.change(unit_id, {}, {visit.seq: visit for visit in visits}, NO_TOTALS, now)

    def index(self, unit_id: str, state: UnitState) -> None:
        """Note a recovered unit's open stays (the counts themselves are recovered, and checked against these)."""
        for visit in state.open:
            self.operation(visit.operation).oldest.add(unit_id, visit.arrived, visit.visit_id)

    def check(self) -> None:
        """Raise BrokenGuarantee where the books do not balance."""
        totals = self.totals
        if totals.entered - totals.completed - totals.scrapped != totals.in_process + totals.in_transit:
            raise BrokenGuarantee(Guarantee.BOOKS, f"the plant's ledger does not balance: {totals}")
        for name in self.changed_operations:
            ledger = self.operations[name]
            counts = ledger.counts
            if not counts.arrivals - counts.departures == counts.wip == len(ledger.oldest):
                raise BrokenGuarantee(
                    Guarantee.BOOKS,
                    f"the ledger of operation {name} does not balance: {counts}, open stays {len(ledger.oldest)}",
                )

    def _count_unit(self, share: tuple[int, ...], sign: int) -> None:
        entered, completed, scrapped, in_process, in_transit = share
        totals = self.totals
        totals.entered += sign * entered
        totals.completed += sign * completed
        totals.scrapped += sign * scrapped
        totals.in_process += sign * in_process
        totals.in_transit += sign * in_transit

    def _count(self, unit_id: str, visit: Visit, sign: int) -> None:
        operation = visit.operation
        ledger = self.operation(operation)
        self.changed_operations.add(operation)
        counts = ledger.counts
        counts.arrivals += sign
        if visit.flags & _REWORK:
            counts.rework += sign
        if visit.departed is None:
            self._count_open(unit_id, visit, ledger, sign)
            return
        counts.departures += sign
        if visit.outcome == _COMPLETED:
            counts.completed += sign
        elif visit.outcome == _SCRAPPED:
            counts.scrapped += sign
        dwell = visit.dwell
        for width, ring in ledger.rings.items():
            change = ring.add if sign > 0 else ring.remove
            touched = change(visit.departed, dwell, visit.queue, visit.process)
            if touched.slot is not None or touched.dropped:
                self.changed_slots.add((operation, width, visit.departed - visit.departed % width))

    def _count_open(self, unit_id: str, visit: Visit, ledger: OperationLedger, sign: int) -> None:
        self._count_place(visit, sign)
        if sign > 0:
            ledger.oldest.add(unit_id, visit.arrived, visit.visit_id)
        else:
            ledger.oldest.remove(unit_id, visit.arrived, visit.visit_id)

    def _count_place(self, visit: Visit, sign: int) -> None:
        """What an open visit adds to its operation: one in its phase, a quantity, a value."""
        self.changed_operations.add(visit.operation)
        counts = self.operations[visit.operation].counts
        if visit.held:
            counts.held += sign
        elif visit.phase == 0:
            counts.queued += sign
        elif visit.phase == 1:
            counts.running += sign
        else:
            counts.finished += sign
        counts.quantity += sign * visit.quantity
        if visit.product is not None:
            cost = self._models[visit.model].unit_costs.get(visit.product)
            if cost:
                counts.value += sign * visit.quantity * cost


def _is_same_stay(was: Visit, now: Visit) -> bool:
    """Is it open still, and nothing else than its phase, its hold or its quantity another?"""
    return (
        was.departed is None
        and now.departed is None
        and was.visit_id == now.visit_id
        and was.operation == now.operation
        and was.arrived == now.arrived
        and was.flags & _REWORK == now.flags & _REWORK
    )


def unit_totals(state: UnitState) -> tuple[int, ...]:
    """One unit's share of the totals, in the order of `Totals`."""
    status = state.status
    return (state.entries, state.completions, state.scraps, int(status == _IN_PROCESS), int(status == _IN_TRANSIT))
