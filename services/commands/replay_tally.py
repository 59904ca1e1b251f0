"""What a replay counts, the pace it keeps, and what it needs to know of a line to send it where it belongs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import msgspec

from services.commands.log_file import LogLine
from services.core.text import clean

BREATH_LINES = 200
"""After so many lines everybody else has a turn: reading a file never waits by itself."""


class NotSent(Exception):
    """The replay cannot go on; the message says why."""


@dataclass
class Tally:
    """What became of the lines so far. `unsent`: cannot be sent at all, being too long."""

    read: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unsent: int = 0
    settled: int = 0


class Whose(msgspec.Struct):
    """The two fields that decide where a line goes."""

    unit_id: str = ""
    source: str | None = None


_decode = msgspec.json.Decoder(Whose).decode


def whose(line: LogLine) -> Whose:
    """The unit of a line as the system will know it, and its source; empty where that cannot be read."""
    try:
        found = _decode(line.value)
        return Whose(clean(found.unit_id), found.source or None)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        return Whose()


async def paced(lines: Iterable[LogLine], rate: float | None, tally: Tally) -> AsyncIterator[LogLine]:
    """The lines, at most `rate` of them per second."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for line in lines:
        tally.read += 1
        ahead = begun + tally.read / rate - loop.time() if rate else 0.0
        if ahead > 0 or tally.read % BREATH_LINES == 0:
            await asyncio.sleep(max(0.0, ahead))
        yield line
