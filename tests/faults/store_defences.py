"""Defences of the store, taken away one at a time to see that its fault tests can fail. Never in the product."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import asyncpg

from services.adapters import timescale_pool, timescale_retry
from services.adapters.timescale_write import Advance, SinkWriter
from services.store import app

T = TypeVar("T")


def _retries() -> None:
    """What the database does not take the first time is not tried again."""

    async def once(attempt: Callable[[], Awaitable[T]], what: str) -> T:
        return await attempt()

    app.until_done = once  # type: ignore[attr-defined]


def _patience(sqlstate_class: str) -> Callable[[], None]:
    """This class of troubles is taken for one that stays."""

    def forget() -> None:
        timescale_retry.PASSING_CLASSES = timescale_retry.PASSING_CLASSES - {sqlstate_class}

    return forget


def _deadlines() -> None:
    """Statements and connections have all the time of the world."""
    timescale_pool.COMMAND_SECONDS = None  # type: ignore[assignment]
    timescale_pool.SERVER_SETTINGS["statement_timeout"] = "0"


def _bound() -> None:
    """It goes on reading while what it has read waits to be written."""
    app.MOST_ROWS = app.MOST_BYTES = 1 << 40


def _one_transaction() -> None:
    """Positions move on in a transaction of their own, before the rows."""
    check, advance = SinkWriter._check_epochs, SinkWriter._advance

    async def early(self: SinkWriter, conn: asyncpg.Connection, advances: Sequence[Advance]) -> None:
        async with self._pool.acquire() as other:
            await advance(self, other, advances)
        await check(self, conn, advances)

    async def nothing(self: SinkWriter, conn: asyncpg.Connection, advances: Sequence[Advance]) -> None:
        pass

    SinkWriter._check_epochs = early  # type: ignore[method-assign]
    SinkWriter._advance = nothing  # type: ignore[method-assign]


DEFENCES: Mapping[str, Callable[[], None]] = {
    "retries": _retries,
    "patience with a full disk": _patience("53"),
    "patience with deadlocks": _patience("40"),
    "patience with locks": _patience("57"),
    "deadlines": _deadlines,
    "bound": _bound,
    "one transaction": _one_transaction,
}


def prepare(environment: Mapping[str, str]) -> None:
    """WITHOUT=DEFENCE, and limits that are shorter or smaller than in life.

    DEADLINE_S: of the client for one statement; the server's is a tenth of it shorter. FLUSH_ROWS: of one transaction.
    """
    if "DEADLINE_S" in environment:
        seconds = float(environment["DEADLINE_S"])
        timescale_pool.COMMAND_SECONDS = seconds
        timescale_pool.SERVER_SETTINGS["statement_timeout"] = str(int(seconds * 900))
    if "FLUSH_ROWS" in environment:
        app.FLUSH_ROWS = int(environment["FLUSH_ROWS"])
        app.MOST_ROWS = 4 * app.FLUSH_ROWS
        app.READ_RECORDS = app.FLUSH_ROWS
    if environment.get("WITHOUT"):
        DEFENCES[environment["WITHOUT"]]()
