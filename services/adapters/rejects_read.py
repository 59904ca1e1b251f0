"""Reads refused events in the order in which they came, for sending them again."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import asyncpg

from services.adapters.statements import statements
from services.adapters.timescale_read import PREFETCH


@dataclass(frozen=True, slots=True)
class Rejected:
    """A refused event. `recorded` µs; `detail` by language; `value` its original bytes; `origin` `kafka` or `http`."""

    partition: int
    offset: int
    recorded: int
    reason: str
    detail: Mapping[str, str]
    source: str
    key: bytes | None
    value: bytes | None
    origin: str


async def rejected(
    conn: asyncpg.Connection, generation: int, reason: str | None, since: int
) -> AsyncIterator[Rejected]:
    """Refused events recorded at or after `since` (µs), the oldest first; only inside a snapshot."""
    async for r in conn.cursor(statements("rejects")["oldest_first"], generation, reason, since, prefetch=PREFETCH):
        yield Rejected(
            r["partition"], r["offset"], r["recorded"], r["reason"], json.loads(r["detail"]), r["source"], r["key"],
            r["value"], r["origin"],
        )  # fmt: skip
