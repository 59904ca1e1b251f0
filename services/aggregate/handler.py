"""What is published when: partials of one partition of floor.partials in, states of its operations out.

    records ─► newest partials (core) ─► changed operations, longest unsent first ─► states as of now
                                                   ▲
    time passes: windows and ages move, at most every 10 s ─┘

A lane is one partition of floor.partials, which all partials of an operation go to. It holds nothing that is not in
the log: read again from the beginning it publishes the same numbers. Until it has read what was there when it began
it publishes nothing, for half a sum is no number.
"""

from collections.abc import Iterable
from typing import Protocol

from services.core.equipment import PlantModel
from services.core.operations import Operations, OperationState, PlantState
from services.core.partials import CounterPartial, Partial, Partials, TotalsPartial, imbalance
from services.topology import PLANT_KEY, WRITTEN_AGAIN_S

MOVE_US = 10_000_000
"""How often what moves by time alone is published again."""
AGAIN_US = WRITTEN_AGAIN_S * 1_000_000

Item = tuple[bytes, bytes, tuple[()]]
"""A record to send: key, value, headers."""


class Record(Protocol):
    """A record of floor.partials."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class Wire(Protocol):
    """Bytes ↔ rules; services.adapters.aggregate_wire in the product."""

    def decode_partial(self, key: bytes | None, value: bytes) -> Partial: ...
    def operation_state(self, state: OperationState) -> bytes: ...
    def plant_state(self, state: PlantState) -> bytes: ...


class Lane:
    """One partition of floor.partials. Instants are µs since the epoch, of whatever clock the caller has."""

    def __init__(self, partition: int, least_generation: int, again_after_us: int, wire: Wire) -> None:
        """`again_after_us`: so long after the first publication everything is published once more, because a former
        owner of the partition may have written late, over what we wrote; then every `AGAIN_US`, if it was later yet."""
        self.partition = partition
        self.ready = False
        self.refused: list[str] = []
        """Records that are no partials, since somebody last emptied this."""
        self.unbalanced: dict[str, str] = {}
        """Partials whose books do not balance: whose, and what is wrong."""
        self._wire = wire
        self._partials = Partials(least_generation)
        self._operations = Operations(self._partials)
        self._unsent: dict[str, int] = {}
        self._moves: dict[str, int] = {}
        self._again_after = again_after_us
        self._again_at: int | None = None
        self._moved_at = 0
        self._plant_due = True
        self._plant_at = 0
        self._model = 0

    def take(self, records: Iterable[Record], now: int) -> int:
        """Take partials in; how many there were."""
        taken = 0
        for record in records:
            if record.value is None:
                continue
            try:
                partial = self._wire.decode_partial(record.key, record.value)
                touched = self._partials.put(partial)
            except ValueError as error:
                self.refused.append(f"offset {record.offset}, key {record.key!r}: {error}")
                continue
            taken += 1
            self._audit(partial)
            self._plant_due = self._plant_due or isinstance(partial, TotalsPartial)
            for operation in touched:
                self._unsent.setdefault(operation, now)
        return taken

    def judge_by(self, plant: PlantModel | None, now: int) -> None:
        """The limits of this version of the plant model hold now; what it says of every operation is published."""
        if plant is None or plant.version == self._model:
            return
        self._model = plant.version
        self._operations.judge_by(plant)
        for operation in self._partials.operations:
            self._unsent.setdefault(operation, now)

    def begin(self, now: int) -> None:
        """Everything that was in the log has been read: publish from now on."""
        self.ready = True
        self._again_at = now + self._again_after

    def states(self, now: int, most: int) -> list[Item]:
        """Up to `most` states of operations that changed, longest unsent first; none before `begin`."""
        if not self.ready:
            return []
        self._move(now)
        items: list[Item] = []
        for operation in list(self._unsent)[:most]:
            del self._unsent[operation]
            state = self._operations.state(operation, now)
            if state.moves is None:
                self._moves.pop(operation, None)
            else:
                self._moves[operation] = state.moves
            items.append((operation.encode(), self._wire.operation_state(state), ()))
        return items

    def plant(self, now: int) -> list[Item]:
        """The plant's state: where it changed, and every 10 s, so that everybody sees that the numbers are alive.

        Every partition gets all totals; the owner of the first publishes them.
        """
        due = self._plant_due or now - self._plant_at >= MOVE_US
        if not (self.ready and self.partition == 0 and due and self._partials.totals):
            return []
        self._plant_due, self._plant_at = False, now
        return [(PLANT_KEY, self._wire.plant_state(self._operations.plant(now)), ())]

    @property
    def unsent(self) -> int:
        """How many changed operations wait to be published."""
        return len(self._unsent)

    def oldest_unsent_us(self, now: int) -> int:
        """How long the longest of them has waited."""
        return max(0, now - min(self._unsent.values(), default=now))

    def _move(self, now: int) -> None:
        """Put what time alone has changed among what is to be published."""
        if self._again_at is not None and now >= self._again_at:
            self._again_at = now + AGAIN_US
            for operation in self._partials.operations:
                self._unsent.setdefault(operation, now)
        if 0 <= now - self._moved_at < MOVE_US:
            return
        self._moved_at = now
        for operation, moves in self._moves.items():
            if moves <= now:
                self._unsent.setdefault(operation, now)

    def _audit(self, partial: Partial) -> None:
        if isinstance(partial, CounterPartial):
            return  # counters have no books: what went in may go wrong anywhere
        whose = f"{partial.partition}|{getattr(partial, 'operation', '')}"
        wrong = imbalance(partial)
        if wrong is not None:
            self.unbalanced[whose] = wrong
        elif self.unbalanced:
            self.unbalanced.pop(whose, None)
