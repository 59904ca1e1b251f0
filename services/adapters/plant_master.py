"""Master data as every stage knows it: all plant-model versions and orders, read from floor.master and followed.

The first record of a version counts; of an order the highest revision. `get(v)` waits until the content of v is
there, because a marker may be read before the model it names.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from services.adapters.kafka_whole_log import LogRecord, WholeLog
from services.core.errors import BrokenGuarantee, Guarantee
from services.topology import MASTER

log = logging.getLogger(__name__)

READ_SECONDS = 0.2
MOST_REVISIONS = 10_000
"""Revisions of orders that are remembered as they came; whoever wrote one asks for it in the next seconds."""
PLANT_PREFIX, ORDER_PREFIX = b"plant/", b"order/"
Document = dict[str, Any]


class PlantRecord(msgspec.Struct, frozen=True):
    """A version of the plant model as it stands in the log. `model`: the canonical document."""

    version: int
    created_us: int
    created_by: str
    model: Document


class Feed(Protocol):
    """Where master data is read: services.adapters.kafka_whole_log.WholeLog, or a log in memory."""

    @property
    def at_end(self) -> bool: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def read(self, timeout_s: float) -> list[LogRecord]: ...


_decode_plant = msgspec.json.Decoder(PlantRecord).decode


class PlantMaster:
    """A follower of floor.master. `run` keeps it up to date; everything else may be used at any time."""

    def __init__(self, feed: Feed) -> None:
        """Reads nothing before run()."""
        self._feed = feed
        self._changed = asyncio.Condition()
        self._records: dict[int, PlantRecord] = {}
        self.versions: dict[int, Document] = {}
        self.orders: dict[str, Document] = {}
        self._revisions: OrderedDict[tuple[str, int], Document] = OrderedDict()
        self.overtaken: set[str] = set()
        """Orders whose last record is not the one that holds: compaction would keep that one."""
        self.position = -1
        """Offset of the record read last."""
        self.complete = False
        """Has the log been read to its end?"""

    @property
    def newest(self) -> int:
        """The highest version, 0 where there is none yet."""
        return max(self.versions, default=0)

    def record(self, version: int) -> PlantRecord:
        """Who made a version, when, and what it holds; KeyError where there is none."""
        return self._records[version]

    def took_hold(self, order: Mapping[str, Any] | None) -> bool:
        """Did this revision come to hold, or was another one of its number first? Of those read lately."""
        return order is not None and self._revisions.get((order["order_id"], order["revision"])) == order

    async def get(self, version: int) -> Document:
        """The canonical document of a version, as soon as it is there."""
        await self.wait_for(lambda: version in self.versions)
        return self.versions[version]

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Until the condition holds; it is asked whenever something has been read."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def run(self) -> None:
        """Follow the log until cancelled. Raises BrokenGuarantee."""
        try:
            await self._feed.start()
            while True:
                records = await self._feed.read(READ_SECONDS)
                for record in records:
                    self._take(record)
                if records or (self._feed.at_end and not self.complete):
                    self.complete = self.complete or self._feed.at_end
                    async with self._changed:
                        self._changed.notify_all()
        finally:
            await self._feed.stop()

    def _take(self, record: LogRecord) -> None:
        key, value = record.key or b"", record.value
        self.position = record.offset
        if value is None:
            return
        try:
            if key.startswith(PLANT_PREFIX):
                self._take_plant(record.offset, _decode_plant(value))
            elif key.startswith(ORDER_PREFIX):
                self._take_order(key.removeprefix(ORDER_PREFIX).decode(), msgspec.json.decode(value))
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
            raise BrokenGuarantee(
                Guarantee.OWN_TOPICS, f"{MASTER.name} offset {record.offset} is not master data: {error}"
            ) from error

    def _take_plant(self, offset: int, plant: PlantRecord) -> None:
        if plant.version in self._records:
            if plant.model != self._records[plant.version].model:
                log.error(
                    "%s offset %d: version %d has other content than before; ignored",
                    MASTER.name,
                    offset,
                    plant.version,
                )
            return
        self._records[plant.version] = plant
        self.versions[plant.version] = plant.model

    def _take_order(self, order_id: str, order: Document) -> None:
        known = self.orders.get(order_id)
        if known is not None and order["revision"] <= known["revision"] and order != known:
            self.overtaken.add(order_id)
            return
        self.overtaken.discard(order_id)
        if order != known:
            self.orders[order_id] = order
            self._revisions[order_id, order["revision"]] = order
            while len(self._revisions) > MOST_REVISIONS:
                self._revisions.popitem(last=False)


def follow(brokers: str) -> PlantMaster:
    """The master data of a broker."""
    return PlantMaster(WholeLog(brokers, MASTER.name))


def plant_key(version: int) -> bytes:
    """Key of a plant-model version in floor.master."""
    return b"%b%d" % (PLANT_PREFIX, version)


def order_key(order_id: str) -> bytes:
    """Key of an order in floor.master."""
    return ORDER_PREFIX + order_id.encode()


def plant_value(record: PlantRecord) -> bytes:
    """The bytes of a plant-model version."""
    return msgspec.json.encode(record)


def as_record(row: Mapping[str, Any]) -> PlantRecord:
    """A version as the database keeps it: version, created (µs), created_by, model (JSON text)."""
    model = row["model"]
    return PlantRecord(
        row["version"],
        row["created"],
        row["created_by"],
        msgspec.json.decode(model) if isinstance(model, str) else model,
    )
