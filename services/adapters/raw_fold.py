"""Stored raw records of one partition folded again: what its rows and refusals must be, by the log alone.

What `verify` compares the database with. The same decisions as the stream takes frame by frame, but all at once, so
all of the partition's units and visits are in memory: about 1.5 kB per visit and 1 kB per unit, besides 0.2 kB per
refused or forwarded record.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from services.adapters.timescale_read import RawRecord
from services.adapters.wire import decode_event, decode_marker
from services.core.equipment import PlantModel
from services.core.errors import BadScan, NotYet
from services.core.identity import partition_of
from services.core.log import LogFold
from services.topology import MARKER_KEY, Origin, origin_of

Coordinates = tuple[int, int]
"""Partition and offset in floor.scans at which a record was written first."""

PROGRESS_RECORDS = 100_000


@dataclass(slots=True)
class PartitionFold:
    """A partition of floor.scans folded up to an offset.

    `refused` has every reason under which the record first written there was refused; `sent_on` the offsets of
    records that belong elsewhere, `judged` the first coordinates of those that came from elsewhere; `holes` the
    ranges of offsets (first, last) without a record, `repeated` offsets stored more than once, `unmarked` those
    whose `forwarded` column does not say what became of them.
    """

    partition: int
    up_to: int
    log: LogFold
    records: int = 0
    events: int = 0
    refused: dict[Coordinates, set[str]] = field(default_factory=dict)
    sent_on: set[int] = field(default_factory=set)
    judged: set[Coordinates] = field(default_factory=set)
    holes: list[tuple[int, int]] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    unmarked: list[int] = field(default_factory=list)

    def take(self, record: RawRecord) -> None:
        """Fold one record. Raises NotYet where a marker names a plant model that is not among the models."""
        self.records += 1
        if record.key == MARKER_KEY:
            self._marker(record)
            sent_on = False
        else:
            self.events += 1
            sent_on = self._event(record)
        if sent_on != record.forwarded:
            self.unmarked.append(record.offset)

    def _marker(self, record: RawRecord) -> None:
        version = decode_marker(record.value).model
        if version is None or version <= self.log.version:
            return
        if version not in self.log.models:
            raise NotYet(
                f"plant model version {version} (in force from floor.scans/{self.partition} offset {record.offset} on) "
                "is not in the table plant_models"
            )
        self.log.marker(version)

    def _event(self, record: RawRecord) -> bool:
        """Fold an event; True if it belongs to another partition."""
        came = raw_origin(record)
        if came.first is not None:
            self.judged.add(came.first)
        try:
            event = decode_event(record.value)
            fate = self.log.take(event, came.source, came.recorded, came.first is not None)
        except BadScan as undecodable:
            refusal: BadScan | None = undecodable
        else:
            refusal = fate.refusal
            if fate.forwarded:
                self.sent_on.add(record.offset)
                return True
        if refusal is not None:
            where = came.first or (self.partition, record.offset)
            self.refused.setdefault(where, set()).add(str(refusal.reason))
        return False


def raw_origin(record: RawRecord) -> Origin:
    """What the headers say, as the stream reads them; `recorded` of the row stands for the record's timestamp."""
    return origin_of(record.headers, record.recorded)


async def fold_raw(
    records: AsyncIterator[RawRecord], partition: int, partitions: int, up_to: int, models: Mapping[int, PlantModel],
    progress: Callable[[int, int], None] = lambda partition, offset: None,
) -> PartitionFold:  # fmt: skip
    """Fold the records of a partition (forwarded ones included, in order of offset) up to and including `up_to`.

    `progress` is told partition and offset now and then. Raises NotYet for a plant model that is not there.
    """
    fold = PartitionFold(
        partition, up_to, LogFold(models, is_here=lambda unit: partition_of(unit, partitions) == partition)
    )
    last = -1
    async for record in records:
        if record.offset == last:
            fold.repeated.append(record.offset)
            continue
        if record.offset > last + 1:
            fold.holes.append((last + 1, record.offset - 1))
        last = record.offset
        fold.take(record)
        if fold.records % PROGRESS_RECORDS == 0:
            progress(partition, last)
    if last < up_to:
        fold.holes.append((last + 1, up_to))
    return fold
