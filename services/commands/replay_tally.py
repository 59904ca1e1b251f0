"""What a replay counts, the pace it keeps, how far it has come, and what it needs to know of a line to send it."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from services.commands.log_file import LogLine
from services.core.reading import LONGEST_SOURCE
from services.core.records import BadRecord, Place
from services.core.text import clean

BREATH_LINES = 200
"""After so many lines everybody else has a turn: reading a file never waits by itself."""
UNREADABLE = "unreadable"
"""The reason of a record that no event could be made of."""


class NotSent(Exception):
    """The replay cannot go on; the message says why."""


class OfFile(NamedTuple):
    """What was found in a file."""

    path: Path
    line: LogLine | BadRecord


class Refusal(NamedTuple):
    """A line that will not count, and why; `column` where it is known."""

    path: Path
    line: int
    column: str
    reason: str
    detail: str
    record: bytes


class Sent:
    """A line on its way."""

    __slots__ = ("done", "line", "path")

    def __init__(self, path: Path, line: LogLine) -> None:
        self.path = path
        self.line = line
        self.done = False


@dataclass
class Tally:
    """What became of the lines so far. `unsent`: cannot be sent at all.

    Lines are settled in any order; `reached` hears of a place once everything before it is.
    """

    read: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unsent: int = 0
    settled: int = 0
    refuse: Callable[[Refusal], None] = lambda refusal: None
    reached: Callable[[Path, Place], None] = lambda path, place: None
    _under_way: deque[Sent] = field(default_factory=deque)

    def begin(self, path: Path, line: LogLine) -> Sent:
        """A line is on its way."""
        sent = Sent(path, line)
        self._under_way.append(sent)
        return sent

    def bad(self, path: Path, record: BadRecord) -> None:
        """A record that no event could be made of."""
        self.refused[UNREADABLE] += 1
        both = f"{record.en} / {record.zh}"
        self.refuse(Refusal(path, record.line, record.column, UNREADABLE, both, record.raw))
        self._passed(path, LogLine(record.line, b"", after=record.after))

    def cannot_be_sent(self, path: Path, line: LogLine, reason: str, detail: str) -> None:
        """A line that no way leads to."""
        self.unsent += 1
        self.refuse(Refusal(path, line.number, "", reason, detail, line.value[:4096]))
        self._passed(path, line)

    def bad_source(self, path: Path, line: LogLine) -> None:
        """A line of a source that no request and no record can name."""
        en, zh = (
            f"source: expected at most {LONGEST_SOURCE} characters, no control characters",
            "source 含控制字符或过长",
        )
        self.bad(path, BadRecord(line.number, "source", en, zh, line.value, line.after))

    def _passed(self, path: Path, line: LogLine) -> None:
        self.settle([self.begin(path, line)])
        self.settled -= 1

    def refused_by_server(self, sent: Sent, reason: str, detail: str) -> None:
        """The verdict of one line."""
        self.refused[reason] += 1
        self.refuse(Refusal(sent.path, sent.line.number, "", reason, detail, sent.line.value))

    def settle(self, lines: Sequence[Sent]) -> None:
        """They have their verdicts."""
        for sent in lines:
            sent.done = True
        self.settled += len(lines)
        place: tuple[Path, Place] | None = None
        while self._under_way and self._under_way[0].done:
            first = self._under_way.popleft()
            if first.line.after is not None:
                place = first.path, first.line.after
        if place is not None:
            self.reached(*place)


class Whose(msgspec.Struct):
    """The two fields that decide where a line goes. `source` None: it names none; empty: no header can say it."""

    unit_id: str = ""
    source: str | None = None


_decode = msgspec.json.Decoder(Whose).decode


def whose(line: LogLine) -> Whose:
    """The unit of a line as the system will know it, and its source; empty where that cannot be read."""
    try:
        found = _decode(line.value)
        return Whose(clean(found.unit_id), _source(found.source) if found.source else None)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        return Whose()


def _source(text: str) -> str | None:
    try:
        source = clean(text)
    except ValueError:
        return ""
    return (source or None) if len(source) <= LONGEST_SOURCE else ""


async def paced(lines: Iterable[OfFile], rate: float | None, tally: Tally) -> AsyncIterator[tuple[Path, LogLine]]:
    """The lines, at most `rate` of them per second; what is none is counted, and passed over."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for path, line in lines:
        tally.read += 1
        ahead = begun + tally.read / rate - loop.time() if rate else 0.0
        if ahead > 0 or tally.read % BREATH_LINES == 0:
            await asyncio.sleep(max(0.0, ahead))
        if isinstance(line, BadRecord):
            tally.bad(path, line)
        else:
            yield path, line
