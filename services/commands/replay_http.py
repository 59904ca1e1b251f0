"""A replay through the front door: full requests, several at a time, and every unit's lines in their order.

lines ─► lane of the unit ─► requests of one source and kind ─► POST, again with the same bytes while it is busy
"""

import asyncio
from collections.abc import Iterable

from services.commands.log_file import LogLine
from services.commands.replay_tally import NotSent, OfFile, Sent, Tally, paced, whose
from services.commands.scans_client import (
    MACHINE_EVENTS_PATH,
    MOST_BYTES,
    MOST_ITEMS,
    SCANS_PATH,
    Refused,
    ScansClient,
    Unreachable,
)
from services.core.identity import partition_of

LANES = 4
WAITING_REQUESTS = 2
"""Per lane, besides the one under way."""
CUT_LINES = 10_000
"""After so many lines everything is sent, however little of it some lane has."""
PATIENCE_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 0.5
"""With a low rate a request is sent before it is full."""


class Lane:
    """The lines of some units on their way, request after request."""

    def __init__(self, client: ScansClient, tally: Tally, most_items: int) -> None:
        """Sends while run() runs."""
        self._client = client
        self._tally = tally
        self._most_items = most_items
        self._of = ("", "")
        self._lines: list[Sent] = []
        self._bytes = 0
        self._requests: asyncio.Queue[tuple[str, str, list[Sent]] | None] = asyncio.Queue(WAITING_REQUESTS)

    async def put(self, source: str, sent: Sent) -> None:
        """Queue a line; waits while the lane is full."""
        size = len(sent.line.value) + 1
        full = self._bytes + size > MOST_BYTES or len(self._lines) >= self._most_items
        if full or (source, sent.line.kind) != self._of:
            await self.cut()
        self._of = source, sent.line.kind
        self._lines.append(sent)
        self._bytes += size

    async def end(self) -> None:
        """No line comes any more."""
        await self.cut()
        await self._requests.put(None)

    async def cut(self) -> None:
        """What is there goes on its way, though the request is not full."""
        if self._lines:
            await self._requests.put((*self._of, self._lines))
        self._lines, self._bytes = [], 0

    async def run(self) -> None:
        """Send until the end. Raises NotSent."""
        while (request := await self._requests.get()) is not None:
            source, kind, lines = request
            path = SCANS_PATH if kind == "scan" else MACHINE_EVENTS_PATH
            try:
                verdicts = await self._client.send([sent.line.value for sent in lines], source, path)
            except (Refused, Unreachable) as error:
                raise NotSent(str(error)) from error
            self._tally.accepted += verdicts.accepted
            for sent, result in zip(lines, verdicts.results, strict=False):
                if result["status"] != "accepted":
                    self._tally.refused_by_server(sent, result["reason"], str(result.get("detail") or ""))
            self._tally.settle(lines)


async def over_http(address: str, lines: Iterable[OfFile], source: str, rate: float | None, tally: Tally) -> None:
    """Send all lines. Raises NotSent, and what reading them raises."""
    most = MOST_ITEMS if rate is None else max(1, min(MOST_ITEMS, round(rate * LONGEST_WAIT_SECONDS / LANES)))
    async with ScansClient(address, source, patience_s=PATIENCE_SECONDS) as client:
        lanes = [Lane(client, tally, most) for _ in range(LANES)]
        try:
            async with asyncio.TaskGroup() as group:
                for lane in lanes:
                    group.create_task(lane.run())
                group.create_task(_deal(lanes, lines, source, rate, tally))
        except* NotSent as errors:
            raise NotSent(str(errors.exceptions[0])) from None
        except* (OSError, ValueError) as errors:
            raise errors.exceptions[0] from None


async def _deal(lanes: list[Lane], lines: Iterable[OfFile], source: str, rate: float | None, tally: Tally) -> None:
    cut_at = CUT_LINES
    async for path, line in paced(lines, rate, tally):
        if len(line.value) >= MOST_BYTES:
            tally.cannot_be_sent(path, line, "too_long", f"more than {MOST_BYTES} bytes 超过上限")
            continue
        if tally.read >= cut_at:  # one rare unit would hold up the place that is reached
            cut_at = tally.read + CUT_LINES
            for lane in lanes:
                await lane.cut()
        unit, named = _unit_and_source(line)
        if named == "":
            tally.bad_source(path, line)
            continue
        await lanes[partition_of(unit, len(lanes))].put(named or source, tally.begin(path, line))
    for lane in lanes:
        await lane.end()


def _unit_and_source(line: LogLine) -> tuple[str, str | None]:
    """What decides the lane: events of one unit, and of all machines, keep their order."""
    if line.kind != "scan":
        return "", None
    found = whose(line)
    return found.unit_id, found.source
