"""floor.visits → what subscribers are told: the bytes of a message, the same whenever it is made again."""

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from services import topology
from services.adapters.sink_wire import Record, of_this_life, strictly
from services.core.errors import BrokenGuarantee, Guarantee
from services.core.stored import FrameMark
from services.core.visits_lane import VisitsChanged, VisitTold


class _Change(msgspec.Struct):
    generation: int
    forwarded: list[int] | None = None
    accepted: int = -1
    offset: int = -1
    unit_id: str = ""
    visits: list[dict[str, Any]] = []
    deleted: list[int] = []


class _Mark(msgspec.Struct):
    generation: int
    mark: int


_change = msgspec.json.Decoder(_Change).decode
_mark = msgspec.json.Decoder(_Mark).decode


def visits_record(record: Record, generation: int) -> VisitsChanged | FrameMark | None:
    """A record of floor.visits; None where it tells nothing of visits in this generation. Raises BrokenGuarantee."""
    if record.key == topology.MARK_KEY:
        mark = strictly(_mark, record)
        return FrameMark(mark.mark) if of_this_life(mark.generation, generation, record) else None
    change = strictly(_change, record)
    if not of_this_life(change.generation, generation, record) or change.forwarded is not None:
        return None
    try:
        visits = tuple((row["visit_seq"], row) for row in change.visits)
    except KeyError as error:
        raise BrokenGuarantee(
            Guarantee.OWN_TOPICS,
            f"{record.topic}/{record.partition} offset {record.offset} has a visit without {error}",
        ) from error
    return VisitsChanged(change.offset, change.unit_id, change.accepted, visits, tuple(change.deleted))


def message(subscriber: str, generation: int, told: Sequence[VisitTold]) -> tuple[bytes, str]:
    """The body, and its Idempotency-Key: another for other visits, the same whenever these are told again."""
    body = msgspec.json.encode({"subscriber": subscriber, "visits": [_visit(generation, each) for each in told]})
    return body, hashlib.sha256(body).hexdigest()


def _visit(generation: int, told: VisitTold) -> dict[str, Any]:
    return {
        **(told.row or {}),
        "key": f"{quote(told.unit_id, safe='')}/{told.visit_seq}/{generation}.{told.accepted}",
        "unit_id": told.unit_id,
        "visit_seq": told.visit_seq,
        "generation": generation,
        "revision": told.accepted,
        "deleted": told.row is None,
    }
