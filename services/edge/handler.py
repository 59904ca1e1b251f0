"""What is read becomes rows of the queue; what no server could take is kept with its reason, and hinders nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from services.core.reading import Reading, Row, Unreadable, row_of
from services.ports import NO_NOTES


class Queue(Protocol):
    """Where rows wait; services.adapters.spool in the product."""

    async def add(
        self, collector: str, rows: Sequence[Row], notes: Mapping[str, str | None], unreadable: Sequence[Unreadable]
    ) -> None:
        """All of it or nothing; returns when it is on the disk."""
        ...

    async def note(self, collector: str, key: str) -> str | None:
        """A collector's note."""
        ...

    async def notes(self, collector: str, prefix: str) -> dict[str, str]:
        """A collector's notes whose key begins so."""
        ...


Count = Callable[[str, int, int], None]
"""Hears of a collector's readings: its name, how many were taken, how many could not be read."""


class Desk:
    """What one collector is given: a place for its readings, and its notes (see ports.Take and ports.Notes)."""

    def __init__(self, collector: str, queue: Queue, count: Count) -> None:
        """`collector`: its name."""
        self._collector = collector
        self._queue = queue
        self._count = count

    async def take(
        self,
        readings: Sequence[Reading],
        *,
        notes: Mapping[str, str | None] = NO_NOTES,
        unreadable: Sequence[Unreadable] = (),
    ) -> None:
        """See ports.Take."""
        rows: list[Row] = []
        kept = list(unreadable)
        for reading in readings:
            row = row_of(reading)
            if isinstance(row, Row):
                rows.append(row)
            else:
                kept.append(row)
        await self._queue.add(self._collector, rows, notes, kept)
        self._count(self._collector, len(rows), len(kept))

    async def get(self, key: str) -> str | None:
        """See ports.Notes."""
        return await self._queue.note(self._collector, key)

    async def find(self, prefix: str) -> dict[str, str]:
        """See ports.Notes."""
        return await self._queue.notes(self._collector, prefix)
