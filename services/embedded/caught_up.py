"""How far a new life of the log has been counted again, so that whoever judges numbers never sees half of them.

track, store, front ─► all rows are there ─► aggregate ─► all counts are on the board ─► alert, notify
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg
import httpx

from services.adapters.rebuild import Life
from services.adapters.timescale_pool import connect
from services.adapters.timescale_read import marks

ASK_EVERY_S = 0.5
TELL_EVERY_S = 2.0
ANSWER_S = 0.9


class CaughtUp:
    """Asks the database and the board, now and then; once reached, for ever."""

    def __init__(self, life: Life, database: str, address: str, say: Callable[[str], None]) -> None:
        """Nothing is asked yet. `say` is told the progress."""
        self._life = life
        self._database = database
        self._address = address
        self._say = say
        self._asked = self._told = 0.0
        self._rows = self._board = not any(life.ends.values())

    def rows(self) -> bool:
        """Are the rows of all that was filled in the database?"""
        if not self._rows and self._may_ask():
            reached = asyncio.run(self._marks())
            self._rows = self._covers(reached)
            self._tell(reached)
        return self._rows

    def board(self) -> bool:
        """Are the counts of all that was filled on the board?"""
        if not self._board and self._rows and self._may_ask():
            self._board = self._covers(self._coverage())
        return self._board

    def _may_ask(self) -> bool:
        now = time.monotonic()
        if now - self._asked < ASK_EVERY_S:
            return False
        self._asked = now
        return True

    def _covers(self, reached: Mapping[int, int]) -> bool:
        return all(reached.get(partition, -1) >= end - 1 for partition, end in self._life.ends.items())

    async def _marks(self) -> dict[int, int]:
        try:
            conn = await connect(self._database, application="floorstream up", command_timeout=ANSWER_S)
            try:
                return await marks(conn, self._life.generation)
            finally:
                await conn.close()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            return {}  # it is started again when it has ended; then it answers

    def _coverage(self) -> dict[int, int]:
        try:
            with httpx.Client(base_url=self._address, trust_env=False, timeout=ANSWER_S) as client:
                return covered(client.get("/v1/operations").json(), self._life.generation)
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
            return {}  # the front is not up yet

    def _tell(self, reached: Mapping[int, int]) -> None:
        now = time.monotonic()
        if self._rows or now - self._told >= TELL_EVERY_S:
            self._told = now
            total = sum(self._life.ends.values())
            done = sum(min(reached.get(partition, -1) + 1, end) for partition, end in self._life.ends.items())
            self._say(f"    counted again 重新计数: {done:,} / {total:,}")


def covered(board: Mapping[str, Any], generation: int) -> dict[int, int]:
    """The offsets the plant's totals on the board include, of this generation of the log."""
    plant = board.get("plant") or {}
    coverage = (plant.get("state") or {}).get("coverage", {})
    return {int(partition): at for partition, (of, at) in coverage.items() if of == generation}
