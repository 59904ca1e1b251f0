"""Stored records as they are written into a log again: the same bytes, under the time and the source of their first.

raw_scans ──► floor.scans    with header `recorded`; first coordinates of an earlier life would name other records
machine_events ─► floor.machines
alerts ──► floor.alerts      the newest version of each, so that an incident that goes on stays the same one
plant_models, orders ─► floor.master
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import msgspec

from services import topology
from services.adapters.plant_master import as_record, order_key, plant_key, plant_value
from services.adapters.timescale_read import RawRecord
from services.adapters.wire import decode_marker, encode
from services.core.identity import partition_of
from services.ports import Outbox, Outgoing

OF_AN_EARLIER_LIFE = {topology.FIRST_HEADER, topology.RECORDED_HEADER}
MOST_RECORDS = 2_000
MOST_BYTES = 2 << 20
FIRST_EPOCH = 0
"""The epoch record that stands before all alerts lies at this offset, which makes it their epoch."""


def scan_again(record: RawRecord) -> Outgoing | None:
    """A raw record; None for a drain barrier, which nobody waits for any more."""
    if record.key == topology.MARKER_KEY and decode_marker(record.value).model is None:
        return None
    kept = [(name, value) for name, value in record.headers if name not in OF_AN_EARLIER_LIFE]
    headers = [*kept, (topology.RECORDED_HEADER, b"%d" % record.recorded)]
    return Outgoing(topology.SCANS.name, record.partition, record.key, record.value, headers)  # type: ignore[arg-type]


def machine_again(partition: int, row: Mapping[str, Any]) -> Outgoing:
    """A machine event."""
    headers = [
        (topology.SOURCE_HEADER, row["source"].encode()), (topology.RECORDED_HEADER, b"%d" % row["recorded"]),
    ]  # fmt: skip
    return Outgoing(topology.MACHINES.name, partition, row["work_unit_id"].encode(), row["value"], headers)


def machine_marker(partition: int, recorded: int, value: bytes) -> Outgoing:
    """That a plant model came into force, as floor.machines was told when floor.scans was."""
    headers = [(topology.MARKER_HEADER, b"1"), (topology.RECORDED_HEADER, b"%d" % recorded)]
    return Outgoing(topology.MACHINES.name, partition, topology.MARKER_KEY, value, headers)


def plant_again(row: Mapping[str, Any]) -> Outgoing:
    """A version of the plant model."""
    record = as_record(row)
    return Outgoing(topology.MASTER.name, 0, plant_key(record.version), plant_value(record))


def order_again(row: Mapping[str, Any]) -> Outgoing:
    """A production order, in the revision that holds."""
    return Outgoing(topology.MASTER.name, 0, order_key(row["order_id"]), row["document"].encode())


def alerts_again(rows: Iterable[Mapping[str, Any]], partitions: int) -> list[Outgoing]:
    """An epoch record per partition of floor.alerts, then the newest version of each alert under it."""
    epochs = [Outgoing(topology.ALERTS.name, p, topology.EPOCH_KEY, b"{}") for p in range(partitions)]
    return [*epochs, *(_alert(row, partition_of(row["subject_id"], partitions)) for row in rows)]


def _alert(row: Mapping[str, Any], partition: int) -> Outgoing:
    value = {
        **{name: row[name] for name in _ALERT_AS_IT_IS}, "epoch": FIRST_EPOCH, "version": row["newest"],
        "limit": row["limit_value"], "end": row["ended"], "told": row["told"],
        "units": msgspec.json.decode(row["units"]),
        **{f"{name}_us": row[name] for name in _ALERT_INSTANTS},
    }  # fmt: skip
    return Outgoing(topology.ALERTS.name, partition, row["alert_id"].encode(), encode(value))


_ALERT_AS_IT_IS = (
    "alert_id", "incident", "change", "state", "notify", "rule_id", "measure", "subject_kind", "subject_id",
    "priority", "value", "acknowledged_by", "shelved_by", "shelve_reason", "muted", "history", "units_over", "model",
)  # fmt: skip
_ALERT_INSTANTS = ("at", "since", "raised", "acknowledged", "returned", "shelved_until")


class Refill:
    """Writes records in batches, in their order; `ends` is the offset behind the last one of each partition."""

    def __init__(self, outbox: Outbox) -> None:
        """Over a started outbox."""
        self._outbox = outbox
        self._waiting: list[Outgoing] = []
        self._bytes = 0
        self.ends: dict[tuple[str, int], int] = {}
        self.written = 0

    async def put(self, record: Outgoing) -> bool:
        """One more; True where a batch has been acknowledged with it. Raises BrokerAway."""
        self._waiting.append(record)
        self._bytes += len(record.value or b"")
        if len(self._waiting) < MOST_RECORDS and self._bytes < MOST_BYTES:
            return False
        await self.flush()
        return True

    async def put_all(self, records: AsyncIterator[Outgoing]) -> None:
        """All of them, acknowledged."""
        async for record in records:
            await self.put(record)
        await self.flush()

    async def flush(self) -> None:
        """What waits is acknowledged when this returns. Raises BrokerAway."""
        batch, self._waiting, self._bytes = self._waiting, [], 0
        for record, offset in zip(batch, await self._outbox.send(batch), strict=True):
            self.ends[record.topic, record.partition] = offset + 1
        self.written += len(batch)
