"""floor.work_units onto a board: the newest state of each work unit; what aggregate goes on with is passed over."""

import logging
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from services.adapters.kafka_follow import Followed, Record
from services.topology import WORK_UNITS

log = logging.getLogger(__name__)


class Parts(msgspec.Struct, gc=False):
    """A part counter."""

    total: int
    reading: int
    resets: int


class ShiftShare(msgspec.Struct, gc=False):
    """Times of one shift."""

    plant_date: str
    shift_id: str
    start_us: int
    end_us: int
    running_us: int
    starved_us: int
    blocked_us: int
    down_us: int
    off_us: int
    unknown_us: int


class WorkUnitState(msgspec.Struct, gc=False):
    """A work unit, without its former changes, which are rows of the database."""

    work_unit_id: str
    generation: int
    partition: int
    offset: int
    as_of_us: int
    newest_event_us: int
    state: str | None = None
    condition: str | None = None
    since_us: int | None = None
    shifts: list[ShiftShare] = []
    good: Parts | None = None
    reject: Parts | None = None
    late: int = 0


class Board(Protocol):
    """Who is told; services.show.handler.Board."""

    def take_work_unit(self, state: Mapping[str, Any]) -> None: ...
    def forget_work_units(self, partition: int) -> None: ...


_state = msgspec.json.Decoder(WorkUnitState).decode


def deliver(board: Board, record: Record) -> None:
    """Hand one record of floor.work_units to the board; one that nobody can read is said and passed over."""
    if record.value is None or (record.key or b"").startswith(b"\x00"):
        return
    try:
        board.take_work_unit(msgspec.to_builtins(_state(record.value)))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.error("%s key %r is not a state (%s): passed over", WORK_UNITS.name, record.key, error)


def followed(board: Board, partitions: int) -> Followed:
    """floor.work_units, handed to the board."""
    return Followed(
        WORK_UNITS.name, partitions, lambda partition, record: deliver(board, record), board.forget_work_units
    )
