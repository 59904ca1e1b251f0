"""What the simulated floor says, and its bytes: a read of a scanner, or a split or merge that the MES reports."""

import json
from typing import Any, NamedTuple

from services.core.instant import format_instant

SUFFIXES = {"arrive": "IN", "start": "RUN", "finish": "END", "depart": "OUT"}
HOLD, RELEASE, SCRAP = "QA-HOLD", "QA-RELEASE", "QA-SCRAP"
"""Read points of the quality terminal: wherever the unit is."""


class Part(NamedTuple):
    """A lot that goes into a split or merge, or comes out of it; `quantity` in pieces."""

    unit_id: str
    quantity: int


class Transform(NamedTuple):
    """A split or merge: the parents are used up, the children are at the operation."""

    operation: str
    product_id: str
    parents: tuple[Part, ...]
    children: tuple[Part, ...]


class Read(NamedTuple):
    """One read as a scanner makes it; `time` in µs. `number`: the how-manyth of its unit, from 1.

    `source`: whose scanner it is. `quantity` and `scrap` in pieces. With a `transform` it is that, and no scanner's.
    """

    time: int
    unit_id: str
    number: int
    read_point_id: str
    product_id: str | None = None
    source: str = "demo"
    quantity: int | None = None
    scrap: int | None = None
    transform: Transform | None = None

    @property
    def event_id(self) -> str:
        """The same for every repeat of this read."""
        return f"{self.unit_id}/{self.number}"

    @property
    def units(self) -> tuple[str, ...]:
        """Everything it says something about."""
        if self.transform is None:
            return (self.unit_id,)
        return tuple(part.unit_id for part in (*self.transform.parents, *self.transform.children))


def event(read: Read, clock: int = 0, sent: int | None = None, twin: bool = False) -> bytes:
    """The read as it is sent. µs: `clock` is how far ahead the source's was at the read, `sent` what it says now.

    `twin`: the scanner has read twice what passed once, and gave the second read an id of its own.
    """
    body: dict[str, Any] = {
        "event_id": f"{read.event_id}b" if twin else read.event_id,
        "event_time": format_instant(read.time + clock),
    }
    if read.transform is not None:
        body |= _transform(read.transform)
    else:
        body |= {"unit_id": read.unit_id, "read_point_id": read.read_point_id}
        if read.product_id is not None:
            body["product_id"] = read.product_id
        if read.quantity is not None:
            body["quantity"] = str(read.quantity)
        if read.scrap is not None:
            body["scrap_quantity"] = str(read.scrap)
    if sent is not None:
        body["sent_time"] = format_instant(sent)
    return json.dumps(body).encode()


def _transform(transform: Transform) -> dict[str, Any]:
    product = {"product_id": transform.product_id}
    return {
        "operation_id": transform.operation,
        "parents": [{"unit_id": unit, "quantity": str(pieces)} for unit, pieces in transform.parents],
        "children": [{"unit_id": unit, "quantity": str(pieces)} | product for unit, pieces in transform.children],
    }
