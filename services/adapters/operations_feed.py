"""floor.operations read whole and followed: no group, nothing committed, the newest value of each key counts.

    start ─► assign every partition ─► from the beginning of each ─► follow, over outages of the broker too

Beside that it asks how far floor.scans has come, so that the board can tell whether everything is counted. ListOffsets,
which the embedded broker answers by a few records too low, is good enough for that.

A log that begins anew (the topic was made again, or a broker that keeps nothing was started again) is read from its
new beginning, and the board forgets what it knew from the old one.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.ports import Clock
from services.settings import KafkaSettings
from services.topology import OPERATIONS, PLANT_KEY, SCANS

log = logging.getLogger(__name__)

FETCH_WAIT_MS = 50
FETCH_BYTES = 1 << 20
READ_MS = 200
MOST_RECORDS = 2_000
RETRY_BACKOFF_MS = 200
START_PAUSE_SECONDS = 0.5
STOP_SECONDS = 3.0
METADATA_MS = 30_000
ENDS_SECONDS = 2.0


class Percentiles(msgspec.Struct, gc=False):
    """Percentiles of a duration in µs."""

    p50: int | None = None
    p85: int | None = None
    p95: int | None = None


class Window(msgspec.Struct, gc=False):
    """One operation over the last 15 min, 1 h or 8 h."""

    departures: int
    throughput_per_h: float
    dwell_us: Percentiles
    queue_us: Percentiles
    process_us: Percentiles


class OldestStay(msgspec.Struct, gc=False):
    """An open stay that has lasted long."""

    unit_id: str
    visit_id: str
    arrived_us: int
    over_p85_in_us: int | None = None


class OperationState(msgspec.Struct, gc=False):
    """An operation in floor.operations."""

    operation_id: str
    as_of_us: int
    wip: int
    queued: int
    running: int
    finished: int
    held: int
    quantity: str
    value: str
    arrivals: int
    departures: int
    completed: int
    scrapped: int
    rework: int
    coverage: dict[str, tuple[int, int]]
    oldest: list[OldestStay] = []
    windows: dict[str, Window] = {}
    over_dwell_limit: int | None = None
    over_dwell_limit_is_least: bool = False
    last_departure_us: int | None = None
    backfilled: int = 0
    newest_event_us: int | None = None


class PlantUnits(msgspec.Struct, gc=False):
    """Units of the plant."""

    entered: int
    completed: int
    scrapped: int
    in_process: int
    in_transit: int


class PlantState(msgspec.Struct, gc=False):
    """The plant in floor.operations."""

    as_of_us: int
    units: PlantUnits
    wip: int
    coverage: dict[str, tuple[int, int]]
    newest_event_us: int | None = None


class Board(Protocol):
    """Who is told; services.show.handler.Board."""

    def take_operation(self, partition: int, state: Mapping[str, Any]) -> None: ...
    def take_plant(self, partition: int, state: Mapping[str, Any]) -> None: ...
    def take_ends(self, ends: Mapping[int, int], now_us: int) -> None: ...
    def forget(self, partition: int) -> None: ...


_operation = msgspec.json.Decoder(OperationState).decode
_plant = msgspec.json.Decoder(PlantState).decode


def deliver(board: Board, partition: int, key: bytes | None, value: bytes | None) -> None:
    """Hand one record of floor.operations to the board; one that nobody can read is said and passed over."""
    if key is None or value is None:
        return
    try:
        if key == PLANT_KEY:
            board.take_plant(partition, msgspec.to_builtins(_plant(value)))
        else:
            board.take_operation(partition, msgspec.to_builtins(_operation(value)))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.error("%s/%d key %r is not a state (%s): passed over", OPERATIONS.name, partition, key, error)


class OperationsFeed:
    """Keeps a board up to date; `caught_up` once everything has been read that was there at some moment."""

    def __init__(self, settings: KafkaSettings, board: Board, clock: Clock, changed: Callable[[], None]) -> None:
        """Connects in run(). `changed` is called after every batch of records."""
        self._settings = settings
        self._board = board
        self._clock = clock
        self._changed = changed
        self._positions = {TopicPartition(OPERATIONS.name, p): 0 for p in range(settings.operation_partitions)}
        self._at_end: set[TopicPartition] = set()

    @property
    def caught_up(self) -> bool:
        """Has everything been read that was there at some moment since the start?"""
        return len(self._at_end) == len(self._positions)

    async def run(self) -> None:
        """Follow until cancelled."""
        consumer = await self._connect()
        asking = asyncio.create_task(self._ask_ends(consumer))
        try:
            while not asking.done():
                await self._read(consumer)
            asking.result()
        finally:
            asking.cancel()
            await asyncio.wait([asking])
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await consumer.stop()
            except TimeoutError:
                log.warning("the broker did not answer the farewell; it will notice by itself")

    async def _connect(self) -> Any:
        waiting = False
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._settings.brokers,
                client_id="floor-show",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                fetch_max_wait_ms=FETCH_WAIT_MS,
                max_partition_fetch_bytes=FETCH_BYTES,
                retry_backoff_ms=RETRY_BACKOFF_MS,
                metadata_max_age_ms=METADATA_MS,
            )
            try:
                await consumer.start()
                consumer.assign(list(self._positions))
                await consumer.seek_to_beginning(*self._positions)
            except (KafkaError, OSError) as error:
                await consumer.stop()
                if not waiting:
                    log.warning("no broker at %s (%s); trying again", self._settings.brokers, error)
                waiting = True
                await asyncio.sleep(START_PAUSE_SECONDS)
            except BaseException:
                await consumer.stop()
                raise
            else:
                return consumer

    async def _ask_ends(self, consumer: Any) -> None:
        scans = [TopicPartition(SCANS.name, p) for p in range(self._settings.scan_partitions)]
        while True:
            try:
                async with asyncio.timeout(ENDS_SECONDS):
                    ends = await consumer.end_offsets(scans)
                self._board.take_ends({tp.partition: end for tp, end in ends.items()}, self._clock.now_us())
            except (KafkaError, TimeoutError) as error:
                log.debug("the broker does not say where %s ends: %s", SCANS.name, error)
            await asyncio.sleep(ENDS_SECONDS)

    async def _read(self, consumer: Any) -> None:
        try:
            batches = await consumer.getmany(timeout_ms=READ_MS, max_records=MOST_RECORDS)
        except KafkaError as error:
            if not error.retriable:
                raise
            log.warning("reading %s failed (%s); trying again", OPERATIONS.name, error)
            await asyncio.sleep(START_PAUSE_SECONDS)
            return
        for partition, records in batches.items():
            self._take(partition, records)
        for partition, position in self._positions.items():
            await self._judge(consumer, partition, position)
        if batches:
            self._changed()

    def _take(self, tp: TopicPartition, records: list[Any]) -> None:
        if records[0].offset < self._positions[tp]:
            self._forget(tp, f"offset {records[0].offset} comes after {self._positions[tp] - 1}")
        for record in records:
            deliver(self._board, tp.partition, record.key, record.value)
        self._positions[tp] = records[-1].offset + 1

    async def _judge(self, consumer: Any, tp: TopicPartition, position: int) -> None:
        end = consumer.highwater(tp)
        if end is None:
            return
        if end < position:
            # The embedded broker, started again, says nothing of a position it never had: it only stays silent.
            self._forget(tp, f"it ends at {end}, but {position - 1} has been read")
            consumer.seek(tp, 0)
            self._positions[tp] = 0
            self._changed()
        elif tp not in self._at_end and await consumer.position(tp) >= end:
            self._at_end.add(tp)

    def _forget(self, tp: TopicPartition, why: str) -> None:
        log.warning("%s/%d has begun anew (%s): what was known from it is forgotten", tp.topic, tp.partition, why)
        self._board.forget(tp.partition)
