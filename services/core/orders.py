"""Production orders: which revision follows from what was sent. The highest revision of an order holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Order = Mapping[str, Any]
ANY_REVISION = -1
"""As `expected`: whichever revision holds, but there is such an order."""
CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class OrderConflict(Exception):
    """Not the revision that holds, or one that is older, or the same with other content. `current` 0: no order."""

    current: int


class UnknownOrder(Exception):
    """A change of an order that is not there."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an order is to be. `expected`: the revision it was made from, 0: there is none yet. `partly`: what it does
    not say stays."""

    fields: Mapping[str, Any]
    expected: int | None = None
    partly: bool = False

    @property
    def order_id(self) -> str:
        """Which order."""
        order_id: str = self.fields["order_id"]
        return order_id


_BY_SYSTEM = ("revision", "change", "changed_by", "changed")
"""What the system fills in where a sender does not keep revisions of its own."""


def next_order(known: Order | None, wanted: Wanted, author: str, changed: str) -> dict[str, Any] | None:
    """The revision to write, None when what is wanted holds already. Raises OrderConflict, UnknownOrder.

    Where `revision` is left out, other content than that which holds makes the next one. What holds already is no
    conflict: a change whose answer was lost is sent again as it was, from the revision that it has replaced.
    """
    current = known["revision"] if known else 0
    sent = _sent(known, wanted)
    holds = known is not None and _same(known, sent)
    if not (_is_expected(current, wanted.expected) or (holds and wanted.expected)):
        raise OrderConflict(current)
    if holds:
        return None
    if known is not None and sent.get("revision", current + 1) <= current:
        raise OrderConflict(current)
    change = "new" if known is None else "resequenced"
    return {"revision": current + 1, "change": change, "changed_by": author, "changed": changed, **sent}


def _is_expected(current: int, expected: int | None) -> bool:
    return expected in (None, current) or (expected == ANY_REVISION and current > 0)


def _sent(known: Order | None, wanted: Wanted) -> dict[str, Any]:
    """What the order is to be, all of it. Raises UnknownOrder."""
    sent = dict(wanted.fields)
    cancelled = known is not None and known.get("change") == CANCELLED
    if wanted.partly:
        if known is None:
            raise UnknownOrder
        kept = {key: value for key, value in known.items() if key not in _BY_SYSTEM}
        return {**kept, **({"change": CANCELLED} if cancelled else {}), **sent}
    if cancelled:
        sent.setdefault("change", "new")  # the whole order is sent again: it is to be made after all
    return sent


def _same(known: Order, sent: Order) -> bool:
    return all(known.get(key) == value for key, value in sent.items()) and all(
        key in sent for key, value in known.items() if value is not None and key not in _BY_SYSTEM
    )
