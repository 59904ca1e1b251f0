"""All lanes of one assignment: records in by topic, one Flush out."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from services import topology
from services.adapters.kafka_consumer import lost_log
from services.adapters.sink_wire import reject_row, scan_row
from services.adapters.sink_wire_alerts import AlertRows, action_row
from services.adapters.sink_wire_state import machine_row, master_row, sample_row, work_unit_row
from services.adapters.sink_wire_visits import visits_record
from services.adapters.timescale_write import Advance, Claim, Flush
from services.core.errors import BrokenGuarantee, Guarantee
from services.core.stored import Packed, Row, TableRow
from services.store.handler import RowLane, UnitLane

Partition = tuple[str, int]
SCANS, VISITS, ALERTS = topology.SCANS.name, topology.VISITS.name, topology.ALERTS.name
COMPACTED = frozenset(t.name for t in topology.TOPICS if t.config.get("cleanup.policy") == "compact")
Decode = Callable[[Any], TableRow | None]


def first_positions(stored: Mapping[Partition, int], starts: Mapping[Partition, int]) -> dict[Partition, int]:
    """Where to read on. BrokenGuarantee where the log no longer has what the database needs next.

    A compacted topic says everything of its present again, so its start is enough.
    """
    positions = {}
    for (topic, partition), position in sorted(stored.items()):
        start = starts[topic, partition]
        if start > position and topic not in COMPACTED:
            raise lost_log(f"{topic}/{partition} at offset {position}", f"begins at {start}")
        positions[topic, partition] = max(position, start)
    return positions


def of_table(table: str, row: Row | None) -> TableRow | None:
    """The row with its table, if there is one."""
    return None if row is None else (table, row)


class Lanes:
    """The lanes of the partitions this process owns."""

    def __init__(
        self, generation: int, claims: Mapping[Partition, Claim], positions: Mapping[Partition, int] | None = None
    ) -> None:
        """BrokenGuarantee where changes of units came without the scans they belong to."""
        self._claims = claims
        self._units: dict[int, UnitLane] = {}
        self._rows: dict[Partition, RowLane] = {}
        self._bytes = 0
        self._generation = generation
        self._decode: Mapping[str, Decode] = {
            topology.REJECTS.name: lambda record: of_table("rejects", reject_row(record, generation)),
            topology.OPERATIONS.name: sample_row,
            topology.MACHINES.name: lambda record: of_table("machine_events", machine_row(record, generation)),
            topology.WORK_UNITS.name: lambda record: work_unit_row(record, generation),
            topology.MASTER.name: master_row,
            topology.ALERT_ACTIONS.name: lambda record: action_row(record, generation),
        }
        self._alerts = {
            partition: AlertRows(claim.mark) for (topic, partition), claim in claims.items() if topic == ALERTS
        }
        at = positions or {}
        numbers = {topic: {p for t, p in claims if t == topic} for topic in (SCANS, VISITS)}
        if numbers[SCANS] != numbers[VISITS]:
            raise BrokenGuarantee(
                Guarantee.ONE_LIFE,
                f"{SCANS} and {VISITS} must have equally many partitions, but this worker was given "
                f"{sorted(numbers[SCANS])} and {sorted(numbers[VISITS])}: the number is fixed within a generation",
            )
        for topic, partition in claims:
            if topic == SCANS:
                mark = claims[VISITS, partition].mark
                self._units[partition] = UnitLane(at[SCANS, partition], at[VISITS, partition], mark)
            elif topic == ALERTS or topic in self._decode:
                self._rows[topic, partition] = RowLane(at[topic, partition])

    def take(self, topic: str, partition: int, records: Sequence[Any]) -> None:
        """Records of one partition, in order."""
        if topic == SCANS:
            lane = self._units[partition]
            for record in records:
                lane.take_scan(record.offset, scan_row(record, self._generation))
        elif topic == VISITS:
            lane = self._units[partition]
            for record in records:
                lane.take(record.offset, visits_record(record, self._generation))
        else:
            rows = self._rows[topic, partition]
            decode = self._alerts[partition].row if topic == ALERTS else self._decode[topic]
            for record in records:
                rows.take(record.offset, decode(record))
        self._bytes += sum(len(record.value or b"") for record in records)

    @property
    def ready_rows(self) -> int:
        """Rows a cut would bring now; 0 when there is nothing to write, not even a position."""
        return sum(lane.ready_rows for lane in self._units.values()) + sum(r.ready_rows for r in self._rows.values())

    @property
    def ready_bytes(self) -> int:
        """Bytes of the records taken since the last cut."""
        return self._bytes

    def waiting_for_scans(self) -> Collection[Partition]:
        """Partitions of floor.visits that are ahead of their scans."""
        return [(VISITS, partition) for partition, lane in self._units.items() if lane.waits_for_scans]

    def cut(self) -> Flush:
        """Everything that can be written now."""
        flush = Flush()
        self._bytes = 0
        for partition, unit_lane in self._units.items():
            if unit_lane.ready_rows:
                self._cut_units(partition, unit_lane, flush)
        for (topic, partition), row_lane in self._rows.items():
            if row_lane.ready_rows:
                rows, position = row_lane.cut()
                for table, row in rows:
                    flush.rows.setdefault(table, []).append(row)
                mark = self._alerts[partition].epoch if topic == ALERTS else -1
                flush.advances.append(Advance(topic, partition, self._claims[topic, partition].epoch, position, mark))
        return flush

    def _cut_units(self, partition: int, lane: UnitLane, flush: Flush) -> None:
        cut = lane.cut()
        tables: tuple[tuple[str, Sequence[Row | Packed]], ...] = (
            ("raw_scans", cut.scans), ("units", cut.units), ("visits", cut.visits)
        )  # fmt: skip
        for table, rows in tables:
            flush.rows.setdefault(table, []).extend(rows)
        flush.vanished.extend(cut.vanished)
        flush.forwarded.extend((partition, offset) for offset in cut.forwarded)
        for topic, position in ((SCANS, cut.scans_position), (VISITS, cut.visits_position)):
            epoch = self._claims[topic, partition].epoch
            flush.advances.append(Advance(topic, partition, epoch, position, cut.mark if topic == VISITS else -1))
