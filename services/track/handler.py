"""What a frame of scans does to one partition: decode, fold, and the effects in the order they must happen.

    records ─► admit (whose, what, when) ─► history of the unit ─► visits, rejects, forwards
                                                 └─► ledger ─► changelog, partials

Plain synchronous code: no await between events. A lane is one partition; what it holds besides the table's bytes is
derived from them (`recover`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from services.core.errors import BadScan
from services.core.history import History, Horizon, Verdict
from services.core.leavers import Leavers
from services.core.ledger import (
    BACKFILLED_AFTER_US,
    OLDEST,
    SHAPES,
    Ledger,
    SlotKey,
    unit_totals,
)
from services.core.log import REFUSALS, admit
from services.core.resolve import Event
from services.core.windows import Slot
from services.topology import FIRST_HEADER, MARK_KEY, MARKER_KEY, RECORDED_HEADER, SOURCE_HEADER, Origin, origin_of
from services.track.recovery import derive
from services.track.wire import OPERATION, TOTALS, UNIT, Item, Record, Wire

_KEY_OF = attrgetter("key")
_KEPT = {shape.width_us: shape.kept for shape in SHAPES}
_MINUTE = 60_000_000
AGAIN_SHARE = 10
"""One in so many of the partials that may be sent at once is one that is only written again."""
MOST_SHRUNK = 100
"""Units whose memory is given back with one cut of a frame, at some 20 µs each."""


def origin(record: Record) -> Origin:
    """Where a record first came from; without headers it came straight to Kafka, at its timestamp."""
    return origin_of(record.headers, record.timestamp * 1000)


@dataclass(slots=True)
class Effects:
    """What a cut of a frame brings about. Sent in this order: outputs and mark, their acks, then the changelog."""

    offset: int
    follows: int
    outputs: list[Item] = field(default_factory=list)
    rejects: list[Item] = field(default_factory=list)
    forwards: list[tuple[int, Item]] = field(default_factory=list)
    changelog: list[tuple[bytes, bytes]] = field(default_factory=list)
    accepted: int = 0
    duplicates: int = 0
    refused: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Touched:
    history: History
    totals: tuple[int, ...]
    accepted: int
    left: int | None


class Lane:
    """One partition of floor.scans: its units as bytes, its ledger, and how far it has come."""

    def __init__(
        self,
        partition: int,
        partition_of: Callable[[str], int],
        generation: int,
        models: Mapping[int, Any],
        table: MutableMapping[bytes, bytes],
        wire: Wire,
        changelog_bytes: int = 6_000_000,
    ) -> None:
        self.partition = partition
        self.generation = generation
        self.models = models
        self.table = table
        self.offset = -1
        self.version = 0
        self.epoch = -1
        self.ledger = Ledger(models)
        self.horizon = Horizon()
        self._leavers = Leavers()
        self._partition_of = partition_of
        self._wire = wire
        self._changelog_bytes = changelog_bytes
        self._unsent: dict[str | SlotKey, None] = {}
        self._again: list[str | SlotKey] = []

    def recover(self, offset: int, epoch: int) -> Iterator[None]:
        """Rebuild what is derived from the table's bytes, a portion at a time (see `derive`)."""
        found = yield from derive(self.table, self.models, self._wire)
        self.offset, self.epoch = offset, epoch
        self.ledger, self.horizon, self._leavers = found.ledger, found.horizon, found.leavers
        self.version = found.version
        self.publish_all()

    def publish_all(self) -> None:
        """Put every partial on the list: after taking over, and once more over what a former owner sent late."""
        self._unsent = dict.fromkeys(self._all_partials())

    def publish_again(self) -> None:
        """Every partial little by little, beside those that changed (topology.WRITTEN_AGAIN_S)."""
        self._again = list(self._all_partials())

    def _all_partials(self) -> Iterable[str | SlotKey]:
        yield from self.ledger.operations
        for operation, books in self.ledger.operations.items():
            for width, ring in books.rings.items():
                for slot in ring.slots():
                    yield operation, width, slot.start_us

    def models_needed(self, records: Sequence[Record]) -> set[int]:
        """Plant-model versions that markers among these records bring into force and that are not known yet."""
        if MARKER_KEY not in map(_KEY_OF, records):
            return set()
        needed = {self._wire.marker_model(record.value) for record in records if record.key == MARKER_KEY}
        return {version for version in needed if version is not None and version not in self.models}

    def fold(self, records: Sequence[Record], start: int, end: int) -> tuple[Effects, int]:
        """Fold records[start:] as far as one changelog batch goes; returns the effects and the next index.

        `end` is the last source offset the frame covers (control records included).
        """
        effects = Effects(self.offset, self.offset)
        touched: dict[str, _Touched] = {}
        forwarded: list[int] = []
        size, at, count = 0, start, len(records)
        while at < count and size < self._changelog_bytes:
            record = records[at]
            at += 1
            if record.offset > self.offset:
                size += self._take(record, effects, touched, forwarded)
        effects.offset = max(self.offset, end if at == count else records[at - 1].offset)
        self._finish(effects, touched, forwarded)
        return effects, at

    def _take(self, record: Record, effects: Effects, touched: dict[str, _Touched], forwarded: list[int]) -> int:
        """Fold one record; returns about how many bytes of changelog it costs."""
        if record.key == MARKER_KEY:
            self.version = max(self.version, self._wire.marker_model(record.value) or 0)
            return 0
        came = origin(record)
        event: Event | None = None
        try:
            event = self._wire.decode_event(record.value)
            unit_id, scan = admit(event, self.models.get(self.version), came.source, came.recorded)
        except BadScan as refusal:
            self._refuse(record, came, event, refusal, effects)
            return 0
        work = touched.get(unit_id)
        if work is None:
            data = self.table.get(UNIT + unit_id.encode())
            if data is None:
                if came.first is None and self._forward(record, came, unit_id, effects):
                    forwarded.append(record.offset)
                    return 0
                history = History()
            else:
                history = self._wire.decode_unit(data)
                history.remember_open()
            now = history.now
            work = touched[unit_id] = _Touched(history, unit_totals(now), history.accepted, now.left)
        verdict = work.history.accept(scan, self.models, self.horizon.at)
        if verdict is Verdict.ACCEPTED:
            effects.accepted += 1
            self.horizon.advance(scan.time, self.models[scan.model].tracking.unit_retention)
            if came.recorded - scan.time > BACKFILLED_AFTER_US and scan.operation is not None:
                self.ledger.backfill(scan.operation)
            return 128 + (400 + len(work.history.kept) if work.history.accepted == work.accepted + 1 else 0)
        if verdict is Verdict.DUPLICATE:
            effects.duplicates += 1
        else:
            self._refuse(record, came, event, REFUSALS[verdict], effects)
        return 0

    def _refuse(self, record: Record, came: Origin, event: Event | None, refusal: BadScan, effects: Effects) -> None:
        value = self._wire.reject(self.generation, self.partition, record, came, event, refusal)
        effects.rejects.append((record.key, value, ()))
        effects.refused[refusal.reason] = effects.refused.get(refusal.reason, 0) + 1

    def _forward(self, record: Record, came: Origin, unit_id: str, effects: Effects) -> bool:
        partition = self._partition_of(unit_id)
        if partition == self.partition:
            return False
        headers = [
            (SOURCE_HEADER, came.source.encode()),
            (RECORDED_HEADER, str(came.recorded).encode()),
            (FIRST_HEADER, f"{self.partition}:{record.offset}".encode()),
        ]
        effects.forwards.append((partition, (unit_id.encode(), record.value or b"", headers)))
        return True

    def _finish(self, effects: Effects, touched: dict[str, _Touched], forwarded: list[int]) -> None:
        """Put the touched units into table, ledger, outputs and changelog; move the offset on."""
        wire, ledger, offset = self._wire, self.ledger, effects.offset
        changed = [(unit_id, work) for unit_id, work in touched.items() if work.history.accepted != work.accepted]
        if changed:
            ledger.advance(max(work.history.newest for _, work in changed))
        for unit_id, work in changed:
            history = work.history
            visits, before = history.take_changes()
            ledger.change(unit_id, before, visits, work.totals, history.now)
            message = wire.unit_changed(self.generation, self.partition, offset, unit_id, history, visits)
            key = unit_id.encode()
            effects.outputs.append((key, message, ()))
            self._remember(UNIT + key, work, effects)
        self._shrink(effects)
        ledger.check()
        self._books(effects)
        if forwarded:
            effects.outputs.append((None, wire.forwarded(self.generation, self.partition, forwarded), ()))
        mark = wire.frame_mark(self.generation, self.partition, offset, self.epoch)
        effects.outputs.append((MARK_KEY, mark, ()))
        self.table.update(effects.changelog)
        self.offset = offset

    def _remember(self, key: bytes, work: _Touched, effects: Effects) -> None:
        history = work.history
        left = history.now.left
        if left is not None:
            history.shrink(self.horizon.at)
            if left != work.left and history.count:
                self._leavers.add(key, left)
        effects.changelog.append((key, self._wire.encode_unit(history)))

    def _shrink(self, effects: Effects) -> None:
        """Give back the memory of some units that left before the horizon; nobody can tell but by the bytes."""
        due = self._leavers.before(self.horizon.at, MOST_SHRUNK)
        written = {key for key, _ in effects.changelog} if due else ()
        for key in due:
            if key not in written:
                history = self._wire.decode_unit(self.table[key])
                kept = history.count
                history.shrink(self.horizon.at)
                if history.count < kept:
                    effects.changelog.append((key, self._wire.encode_unit(history)))

    def _books(self, effects: Effects) -> None:
        """The changed pieces of the ledger into the changelog, and onto the list of what is to be published."""
        wire, ledger = self._wire, self.ledger
        for operation in ledger.changed_operations:
            books = wire.encode_books(ledger.operations[operation])
            effects.changelog.append((OPERATION + operation.encode(), books))
            self._unsent[operation] = None
        for key in ledger.changed_slots:
            effects.changelog.append((_slot_key(key), wire.encode_slot(_slot(ledger, key))))
            self._unsent[key] = None
        ledger.changed_operations.clear()
        ledger.changed_slots.clear()
        totals = wire.encode_totals(ledger.totals, ledger.newest, self.version, self.horizon.at)
        effects.changelog.append((TOTALS, totals))

    def rewritten(self, keys: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
        """The present values of these changelog keys, to be written again over what a former owner wrote late."""
        return [(key, self.table[key]) for key in keys if key in self.table]

    @property
    def unsent(self) -> int:
        """How many partials wait to be published."""
        return len(self._unsent)

    def partials(self, most: int) -> list[tuple[str, bytes, bytes]]:
        """Up to `most` absolute partials that changed, longest unsent first, as (operation, key, value).

        What is to be written again takes a share of them.
        """
        at = max(0, len(self._again) - most // AGAIN_SHARE)
        again = self._again[at:]
        del self._again[at:]
        changed = list(self._unsent)[: most - len(again)]
        for what in changed:
            del self._unsent[what]
        # A slot that was dropped meanwhile has left its key to another.
        still = [what for what in again if isinstance(what, str) or self.ledger.slot(what) is not None]
        return [self._partial(what) for what in (*changed, *still)]

    def totals_partial(self) -> bytes:
        """How far this partition has come, and its units."""
        ledger = self.ledger
        wip = sum(books.counts.wip for books in ledger.operations.values())
        single = all(model.is_single for version, model in self.models.items() if version <= self.version)
        where = (self.generation, self.partition, self.offset)
        return self._wire.totals_partial(*where, ledger.totals, wip, single, ledger.newest)

    def _partial(self, what: str | SlotKey) -> tuple[str, bytes, bytes]:
        wire, ledger = self._wire, self.ledger
        where = (self.generation, self.partition, self.offset)
        if isinstance(what, str):
            books = ledger.operations[what]
            oldest = [(unit, arrived, visit_id) for unit, arrived, visit_id in books.oldest.first(OLDEST)]
            value = wire.operation_partial(*where, what, books, oldest, ledger.newest)
            return what, f"op|{self.partition}|{what}".encode(), value
        operation, width, start = what
        key = f"sl|{self.partition}|{width // _MINUTE}|{start // width % _KEPT[width]}|{operation}".encode()
        return operation, key, wire.slot_partial(*where, operation, _slot(ledger, what))


def _slot_key(key: SlotKey) -> bytes:
    operation, width, start = key
    return f"s{width // _MINUTE}|{start // width % _KEPT[width]}|{operation}".encode()


def _slot(ledger: Ledger, key: SlotKey) -> Slot:
    return ledger.slot(key) or Slot(key[2], key[1])
