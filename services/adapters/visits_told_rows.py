"""Where subscribers to visits go on, in the database: table visits_told, of one generation."""

import uuid
from collections.abc import Mapping, Sequence

import asyncpg

from services import topology
from services.adapters.statements import statements
from services.core.visits_lane import Place


class VisitsToldRows:
    """Places of all subscribers. Whoever claims a partition last owns it; nobody else may tell, or move its place."""

    def __init__(self, pool: asyncpg.Pool, generation: int) -> None:
        self._pool = pool
        self._generation = generation
        self._sql = statements("visits_told")

    async def claim(
        self, subscriber: str, owner: uuid.UUID, partitions: Sequence[int], from_now: bool
    ) -> dict[int, Place]:
        """Become the owner of these partitions; where they go on.

        A subscriber that nobody knew begins where the store has come to (`from_now`), or at the beginning of the log;
        one known from an earlier generation is told the whole of this one, in higher revisions.
        """
        async with self._pool.acquire() as conn:
            rows = await conn.fetch(
                self._sql["claim"], subscriber, self._generation, list(partitions), owner, from_now,
                topology.VISITS.name,
            )  # fmt: skip
        return {row["partition"]: Place(row["position"], row["mark"]) for row in rows}

    async def owns(self, subscriber: str, owner: uuid.UUID, partitions: Sequence[int]) -> bool:
        """Does nobody else own one of them by now?"""
        async with self._pool.acquire() as conn:
            found = await conn.fetchval(self._sql["owned"], subscriber, self._generation, list(partitions), owner)
        return int(found) == len(partitions)

    async def advance(self, subscriber: str, owner: uuid.UUID, places: Mapping[int, Place]) -> bool:
        """All before these places has been taken. False where another owns one of them: that one stays."""
        async with self._pool.acquire() as conn:
            moved = await conn.fetch(
                self._sql["advance"], subscriber, self._generation, owner, list(places),
                [place.position for place in places.values()], [place.mark for place in places.values()],
            )  # fmt: skip
        return len(moved) == len(places)

    async def pass_over(self, subscriber: str, owner: uuid.UUID, partition: int, position: int) -> None:
        """The log begins at this position: what lay before it was deleted untold, and is counted."""
        async with self._pool.acquire() as conn:
            await conn.execute(self._sql["pass_over"], subscriber, self._generation, owner, partition, position)
