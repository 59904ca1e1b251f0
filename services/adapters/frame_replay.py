"""One partition of a state changelog, read back exactly: epochs, marks and keys that a former owner wrote late.

    epoch e │ mark, units… (e) │ mark, units… (e) │ epoch f │ mark, units… (e) ← a zombie's, ignored │ mark, units… (f)

An owner begins by appending an epoch record; its epoch is that record's offset. Every value carries its writer's
epoch in front (a tombstone, which has no value, in a header). A record of a lower epoch than one seen before it was
written by a worker that had lost the partition already: it counts for nothing, and its key is remembered, for the
owner has to write it again before compaction makes the stale record the only one.

Each batch begins with a mark: the source offset its state includes, and the one it follows. Marks that count chain.
Where they do not, although no changelog offset is missing in between, state is not what the source says.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from struct import Struct
from typing import Any

from services.core.errors import BrokenGuarantee

EPOCH_KEY = b"\x00epoch"
MARK_KEY = b"\x00mark"
PROBE_KEY = b"\x00probe"
"""Appended to learn where a changelog ends; carries nothing."""
EPOCH_HEADER = "epoch"
PREFIX = Struct(">q")
NOTHING = -1
"""The mark of a state that includes no source record yet."""

_CONTROL_KEYS = frozenset((EPOCH_KEY, MARK_KEY, PROBE_KEY))
_PREFIX_BYTES = PREFIX.size


def encoded_mark(epoch: int, offset: int, follows: int) -> bytes:
    """A mark as it is on the wire: epoch, then JSON."""
    return PREFIX.pack(epoch) + json.dumps({"offset": offset, "follows": follows}).encode()


def writer_epoch(record: Any) -> int:
    """Which owner wrote this record."""
    value = record.value
    if value is None:
        value = dict(record.headers).get(EPOCH_HEADER) or b""
    if len(value) < _PREFIX_BYTES:
        raise BrokenGuarantee(f"state record at changelog offset {record.offset} carries no epoch: not written by us")
    epoch: int = PREFIX.unpack_from(value)[0]
    return epoch


@dataclass(slots=True)
class PartitionState:
    """The state of one partition, and where it stands.

    `epoch` is our own; `values` and `mark` are complete once `done`, i.e. once our epoch record has been read.
    `written` is the greatest changelog offset known to be ours. `where` names the changelog partition in errors.
    """

    where: str
    epoch: int
    values: dict[bytes, bytes] = field(default_factory=dict)
    mark: int = NOTHING
    stale: dict[bytes, None] = field(default_factory=dict)
    next_offset: int = 0
    done: bool = False
    recovered: bool = False
    written: int = -1
    _newest: int = -1
    _last: tuple[int, int] | None = None
    _missing: bool = False

    def begin(self, offset: int) -> None:
        """Reading starts here."""
        self.next_offset = offset
        self._missing = offset > 0

    def read(self, records: Iterable[Any], following: int) -> None:
        """Take in records in offset order, up to our epoch record; `following` is the offset after them.

        Raises BrokenGuarantee where the marks do not chain.
        """
        if self.done:
            return
        values, stale = self.values, self.stale
        for record in records:
            offset, key = record.offset, record.key
            if offset != self.next_offset:
                if offset < self.next_offset:
                    continue
                self._missing = True
            self.next_offset = offset + 1
            if key == EPOCH_KEY:
                self._newest = max(self._newest, offset)
                if offset == self.epoch:
                    self.done = True
                    return
                continue
            epoch = writer_epoch(record)
            if epoch < self._newest:
                if key not in _CONTROL_KEYS:
                    stale[key] = None
                continue
            self._newest = epoch
            if key in _CONTROL_KEYS:
                if key == MARK_KEY:
                    self._chain(record)
                continue
            if stale:
                stale.pop(key, None)
            if record.value is None:
                values.pop(key, None)
            else:
                values[key] = record.value[_PREFIX_BYTES:]
        self._missing |= following > self.next_offset
        self.next_offset = max(self.next_offset, following)

    def _chain(self, record: Any) -> None:
        found = json.loads(record.value[_PREFIX_BYTES:])
        offset, follows = int(found["offset"]), int(found["follows"])
        # Without idempotence a batch whose acknowledgement was lost is in the log twice, one behind the other.
        repeated = (offset, follows) == self._last
        if follows != self.mark and not repeated and not self._missing:
            raise BrokenGuarantee(
                f"state follows the source without a gap: the batch at {self.where} offset {record.offset} continues "
                f"source offset {follows}, but the state before it stands at {self.mark} and nothing is missing between"
            )
        self.mark, self._last, self._missing = offset, (offset, follows), False


def late_keys(records: Iterable[Any], epoch: int, stale: dict[bytes, None]) -> None:
    """Note in `stale` the keys that lower epochs wrote after our epoch record, and forget those we wrote since.

    Raises BrokenGuarantee if a newer owner has been here: then we are the zombie.
    """
    for record in records:
        newer = record.offset if record.key == EPOCH_KEY else writer_epoch(record)
        if newer > epoch:
            raise BrokenGuarantee(f"one owner per partition: epoch {newer} was written beyond our epoch {epoch}")
        if record.key in _CONTROL_KEYS:
            continue
        if newer < epoch:
            stale[record.key] = None
        else:
            stale.pop(record.key, None)
