"""What a lane derives from its table's bytes when it takes a partition over: the ledger, the horizon, who left when."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.core.history import NEVER, History, Horizon
from services.core.leavers import Leavers
from services.core.ledger import SHAPES, Ledger
from services.core.windows import Slot, SlotRing
from services.track.wire import OPERATION, SLOT, TOTALS, UNIT, Wire

KEYS_AT_ONCE = 2_000
"""Between two of these the loop may go on: a million units take many seconds, and the group wants to hear from us."""


@dataclass(slots=True)
class Derived:
    """What is derived, and the version of the plant model in force."""

    ledger: Ledger
    horizon: Horizon = field(default_factory=Horizon)
    leavers: Leavers = field(default_factory=Leavers)
    version: int = 0


def derive(table: Mapping[bytes, bytes], models: Mapping[int, Any], wire: Wire) -> Generator[None, None, Derived]:
    """Derive it, a portion at a time. Raises BrokenGuarantee where the bytes contradict each other."""
    found = Derived(Ledger(models))
    ledger, slots = found.ledger, dict[tuple[str, int], list[Slot]]()
    for count, (key, data) in enumerate(table.items(), 1):
        kind = key[:1]
        if kind == UNIT:
            _take_unit(found, key, wire.decode_unit(data))
        elif kind == OPERATION:
            read, books = wire.decode_books(data), ledger.operation(key[1:].decode())
            books.counts, books.backfilled = read.counts, read.backfilled
        elif kind == TOTALS:
            ledger.totals, ledger.newest, found.version, horizon = wire.decode_totals(data)
            found.horizon = Horizon(NEVER if ledger.newest is None else ledger.newest, horizon)
        elif kind == SLOT:
            slot = wire.decode_slot(data)
            slots.setdefault((key.decode().split("|", 2)[2], slot.width_us), []).append(slot)
        if count % KEYS_AT_ONCE == 0:
            yield
    for (operation, width), kept in slots.items():
        shape = next(shape for shape in SHAPES if shape.width_us == width)
        ledger.operation(operation).rings[width] = SlotRing(shape, [slot for slot in kept if slot.n])
    ledger.stand_at_newest()
    ledger.changed_operations.update(ledger.operations)
    ledger.check()
    ledger.changed_operations.clear()
    return found


def _take_unit(found: Derived, key: bytes, history: History) -> None:
    found.ledger.index(key[1:].decode(), history.now)
    if history.now.left is not None and history.count:
        found.leavers.add(key, history.now.left)
