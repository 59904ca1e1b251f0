"""floor.operations onto a board: the newest state of each key counts.

Beside that it asks how far floor.scans has come, so that the board can tell whether everything is counted. ListOffsets,
which the embedded broker answers by a few records too low, is good enough for that.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from services.adapters.kafka_follow import Beside, Followed
from services.ports import Clock
from services.topology import OPERATIONS, PLANT_KEY, SCANS

log = logging.getLogger(__name__)

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


class Counted(msgspec.Struct, gc=False):
    """WIP by counters."""

    wip: int
    came_in: int
    went_out: int
    difference: int


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
    counted: Counted | None = None
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


def followed(board: Board, partitions: int) -> Followed:
    """floor.operations, handed to the board."""
    return Followed(
        OPERATIONS.name,
        partitions,
        lambda partition, record: deliver(board, partition, record.key, record.value),
        board.forget,
    )


def scan_ends(board: Board, clock: Clock, partitions: int) -> Beside:
    """Tells the board now and then how far floor.scans has come."""
    scans = [TopicPartition(SCANS.name, p) for p in range(partitions)]

    async def ask(consumer: Any) -> None:
        while True:
            try:
                async with asyncio.timeout(ENDS_SECONDS):
                    ends = await consumer.end_offsets(scans)
                board.take_ends({tp.partition: end for tp, end in ends.items()}, clock.now_us())
            except (KafkaError, TimeoutError) as error:
                log.debug("the broker does not say where %s ends: %s", SCANS.name, error)
            await asyncio.sleep(ENDS_SECONDS)

    return ask
