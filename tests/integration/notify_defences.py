"""Defences of notify, taken away one at a time to see that its tests can fail. Never in the product."""

from collections.abc import Callable, Mapping
from typing import Any

from services.adapters import notify_wire, outbox_rows
from services.adapters.outbox_rows import OutboxRows, Taken
from services.core import pacing
from services.notify import app, sender


def _attempts() -> None:
    """An attempt is not put on record before it is sent: whoever finds it later knows nothing of it."""

    async def begin(self: OutboxRows, taken: Taken) -> bool:
        return True

    OutboxRows.begin = begin  # type: ignore[method-assign]
    sender.LEASE_SECONDS = 1e9  # type: ignore[attr-defined]


def _leases() -> None:
    """Nothing is leased: whoever looks takes what waits."""
    lease = OutboxRows._lease

    async def none(self: OutboxRows, conn: Any, *rest: Any) -> Taken | None:
        taken = await lease(self, conn, *rest)
        await conn.execute("UPDATE notifications SET lease = NULL, lease_until = NULL WHERE lease IS NOT NULL")
        return taken

    OutboxRows._lease = none  # type: ignore[method-assign]
    _attempts()


def _epochs() -> None:
    """Whatever is in floor.alerts counts, whoever wrote it."""

    def credulous(record: notify_wire.Record, epoch: int) -> Any:
        return notify_wire.counted(record, -1)[0], epoch

    app.notify_wire = type("Wire", (), {"counted": staticmethod(credulous)})  # type: ignore[assignment]


def _positions() -> None:
    """Every start reads from the beginning, and rows do not know that they are there already."""

    async def nothing(self: OutboxRows, partitions: Any) -> dict[int, Any]:
        return {}

    OutboxRows.positions = nothing  # type: ignore[method-assign]


def _rows_that_know() -> None:
    """A record read again asks for a new row."""
    init = OutboxRows.__init__

    def forgetful(self: OutboxRows, *rest: Any) -> None:
        init(self, *rest)
        tell = self._sql["tell"].replace("$4, $5, $6", "$4 + (random() * 1e8)::int, $5, $6")
        self._sql = {**self._sql, "tell": tell}

    OutboxRows.__init__ = forgetful  # type: ignore[method-assign]
    _positions()


def short_lease() -> None:
    """No defence, but leases of two seconds, for tests that wait until one has run out."""
    outbox_rows.LEASE_SECONDS = 2.0
    if sender.LEASE_SECONDS < 1e9:  # type: ignore[attr-defined]
        sender.LEASE_SECONDS = 2.0  # type: ignore[attr-defined]


def short_pauses() -> None:
    """No defence, but a target that failed is asked again within a second."""
    pacing.FIRST_PAUSE_S, pacing.LONGEST_PAUSE_S = 0.1, 1.0


DEFENCES: Mapping[str, Callable[[], None]] = {
    "attempts": _attempts,
    "leases": _leases,
    "epochs": _epochs,
    "rows that know": _rows_that_know,
    "positions": _positions,
}
