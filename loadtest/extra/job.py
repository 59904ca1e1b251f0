"""The common job, small enough to be written anywhere: the stays of a unit at operations, one record out per stay.

    seen already: dropped │ older than the newest: counted │ arrive, start, finish: is there │ depart, complete: leaves

Per unit, in the order of the log; nothing is re-sorted. kafka_streams/Stays.java is the same in Java, and a run counts
only if its records are those of `expected`, byte for byte.
"""

from collections.abc import Iterable, Sequence

import msgspec

from loadtest.extra.given import Came
from services.core.instant import parse_instant
from services.topology import MARKER_KEY

REMEMBERED = 16
"""Event ids that a unit remembers, so that a scan that comes twice counts once."""
COMPLETE, DEPART = "complete", "depart"


class Read(msgspec.Struct, gc=False):
    """What the job looks at in a scan; the read points of the load are named OPERATION.ACTION."""

    event_id: str
    unit_id: str
    event_time: str
    read_point_id: str = ""
    action: str = ""


class Stay(msgspec.Struct, gc=False):
    """One stay, as it is sent; times in µs. `late`: events of the unit that came too late to count."""

    unit_id: str
    visit_seq: int
    operation_id: str
    arrived_us: int
    departed_us: int
    dwell_us: int
    outcome: str
    late: int


class Unit(msgspec.Struct, array_like=True, gc=False):
    """What is kept of a unit. `place`: the operation where it is since `arrived`, empty: nowhere."""

    seen: list[str] = []
    newest: int = 0
    place: str = ""
    arrived: int = 0
    stays: int = 0
    late: int = 0

    def take(self, read: Read) -> bytes | None:
        """Take a scan; the stay that it ends, if any."""
        seen = self.seen
        if read.event_id in seen:
            return None
        seen.append(read.event_id)
        del seen[:-REMEMBERED]
        time = parse_instant(read.event_time)
        if time < self.newest:
            self.late += 1
            return None
        self.newest = time
        if read.action == COMPLETE:
            return self._leave(read.unit_id, time, "completed")
        operation, _, action = read.read_point_id.rpartition(".")
        here = operation == self.place
        if action == DEPART:
            return self._leave(read.unit_id, time, "moved") if here else None
        if here:
            return None
        left = self._leave(read.unit_id, time, "moved")
        self.place, self.arrived = operation, time
        return left

    def _leave(self, unit_id: str, time: int, outcome: str) -> bytes | None:
        if not self.place:
            return None
        stay = Stay(unit_id, self.stays, self.place, self.arrived, time, time - self.arrived, outcome, self.late)
        self.place = ""
        self.stays += 1
        return encode(stay)


decode_read = msgspec.json.Decoder(Read).decode
encode = msgspec.json.Encoder().encode
decode_unit = msgspec.msgpack.Decoder(Unit).decode
encode_unit = msgspec.msgpack.Encoder().encode


class StaysJob:
    """The common job as a keyed operator that is given records one by one."""

    new, load, dump = Unit, decode_unit, encode_unit

    @staticmethod
    def take(unit: Unit, value: bytes, came: Came) -> bytes | None:
        """Take a record; what is to be sent for it."""
        return unit.take(decode_read(value))


Stays = dict[bytes, list[bytes]]
"""Per unit the records of its stays, in order."""


def expected(keys_and_values: Iterable[tuple[bytes, bytes]]) -> Stays:
    """What every run must send, from the records in the order of the log."""
    units: dict[bytes, Unit] = {}
    found: Stays = {}
    for key, value in keys_and_values:
        if key == MARKER_KEY:
            continue
        stay = units.setdefault(key, Unit()).take(decode_read(value))
        if stay is not None:
            found.setdefault(key, []).append(stay)
    return found


def differing(found: Stays, wanted: Stays) -> Sequence[bytes]:
    """The units whose records differ, lack or are too many."""
    return sorted(unit for unit in {*found, *wanted} if found.get(unit) != wanted.get(unit))
