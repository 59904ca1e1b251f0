"""A replay through the front door: full requests, several at a time, and every unit's lines in their order.

lines ─► lane of the unit ─► requests of one source ─► POST /v1/scans, again with the same bytes while it is busy
"""

import asyncio
from collections.abc import Iterable

from services.commands.log_file import LogLine
from services.commands.replay_tally import NotSent, Tally, paced, whose
from services.commands.scans_client import MOST_BYTES, MOST_ITEMS, Refused, ScansClient, Unreachable
from services.core.identity import partition_of

LANES = 4
WAITING_REQUESTS = 2
"""Per lane, besides the one under way."""
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
        self._source = ""
        self._lines: list[bytes] = []
        self._bytes = 0
        self._requests: asyncio.Queue[tuple[str, list[bytes]] | None] = asyncio.Queue(WAITING_REQUESTS)

    async def put(self, source: str, line: bytes) -> None:
        """Queue a line; waits while the lane is full."""
        size = len(line) + 1
        full = self._bytes + size > MOST_BYTES or len(self._lines) >= self._most_items
        if full or source != self._source:
            await self._cut()
        self._source = source
        self._lines.append(line)
        self._bytes += size

    async def end(self) -> None:
        """No line comes any more."""
        await self._cut()
        await self._requests.put(None)

    async def _cut(self) -> None:
        if self._lines:
            await self._requests.put((self._source, self._lines))
        self._lines, self._bytes = [], 0

    async def run(self) -> None:
        """Send until the end. Raises NotSent."""
        while (request := await self._requests.get()) is not None:
            source, lines = request
            try:
                verdicts = await self._client.send(lines, source)
            except (Refused, Unreachable) as error:
                raise NotSent(str(error)) from error
            self._tally.accepted += verdicts.accepted
            self._tally.refused += verdicts.refused
            self._tally.settled += len(lines)


async def over_http(address: str, lines: Iterable[LogLine], source: str, rate: float | None, tally: Tally) -> None:
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


async def _deal(lanes: list[Lane], lines: Iterable[LogLine], source: str, rate: float | None, tally: Tally) -> None:
    async for line in paced(lines, rate, tally):
        if len(line.value) >= MOST_BYTES:
            tally.unsent += 1
            continue
        found = whose(line)
        await lanes[partition_of(found.unit_id, len(lanes))].put(found.source or source, line.value)
    for lane in lanes:
        await lane.end()
