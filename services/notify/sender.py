"""Sends what the outbox of one channel holds, one message at a time; several senders may do so at once.

    take under a lease ─► put the attempt on record ─► send ─► mark
          leased               before_send               after_send   after_mark      (points at which tests kill it)

Killed before the attempt is on record: nothing was sent. Killed after the answer, before the mark: the message goes
out once more when the lease has run out, and this is counted. Killed after the mark: nothing is sent again.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from urllib.parse import quote

from services.adapters.metrics import Metrics
from services.adapters.outbox_rows import LEASE_SECONDS, OutboxRows, Row, Taken, Turn
from services.adapters.timescale_retry import until_done
from services.core.delivery import Note, Outcome, Said
from services.core.messages import Facts, most_urgent, sum_up, tell
from services.core.pacing import BREAKER_OPENS, pause_s
from services.ports import Channel, Clock

log = logging.getLogger("floorstream.notify")

LOOK_SECONDS = 1.0
"""How often a sender looks for work that nobody told it of: leases that ran out, pauses that are over."""
SHORTEST_SECONDS = 0.02

Links = Callable[[Facts, str], str | None]
"""The address that opens an alert, for a recipient; None where this system has no address of its own."""


class Sender:
    """The sender of one channel."""

    def __init__(
        self, name: str, channel: Channel, outbox: OutboxRows, links: Links, clock: Clock, metrics: Metrics,
        reached: Callable[[str], None] = lambda point: None,
    ) -> None:  # fmt: skip
        """`reached` is told the points at which it stands."""
        self._name = name
        self._channel = channel
        self._outbox = outbox
        self._links = links
        self._clock = clock
        self._metrics = metrics
        self._reached = reached
        self._troubled = ""
        self.news = asyncio.Event()
        """Set it when there is something new to send."""
        self._stopping = False

    def stop(self) -> None:
        """Begin no further message."""
        self._stopping = True
        self.news.set()

    async def run(self) -> None:
        """Until stopped."""
        await until_done(lambda: self._outbox.know(self._name), f"channel {self._name}")
        while not self._stopping:
            self.news.clear()
            turn = await until_done(
                lambda: self._outbox.take(self._name, self._channel.per_minute), f"channel {self._name}"
            )
            self._count(turn)
            if turn.taken is not None:
                await self._deliver(turn.taken, asyncio.get_running_loop().time())
                continue
            # Nothing, or nothing yet: news may come earlier, but cannot make a target ready earlier.
            if turn.wait_s > 0:
                await asyncio.sleep(min(max(turn.wait_s, SHORTEST_SECONDS), LOOK_SECONDS))
            else:
                await _wait(self.news, LOOK_SECONDS)

    async def _deliver(self, taken: Taken, since: float) -> None:
        self._reached("leased")
        begun = await until_done(lambda: self._outbox.begin(taken), f"channel {self._name}")
        self._reached("before_send")
        if not begun or asyncio.get_running_loop().time() - since > LEASE_SECONDS / 2:
            # We did not run for a while: somebody else has it, or will find it begun and count a possible repeat.
            log.warning("channel %s: the lease ran out before sending; left to whoever has it now", self._name)
            return
        self._metrics.repeats.labels(self._name).inc(sum(row.perhaps for row in taken.rows))
        outcome = await self._channel.send(self.note(taken))
        self._reached("after_send")
        pause = pause_s(taken.failures + 1, random.random(), outcome.retry_after_s, outcome.said is Said.MISCONFIGURED)
        await until_done(lambda: self._outbox.done(taken, outcome, pause), f"channel {self._name}")
        self._reached("after_mark")
        self._report(taken, outcome)

    def note(self, taken: Taken) -> Note:
        """The message for what was taken."""
        rows = taken.rows
        first = rows[0]
        facts = tuple(row.facts for row in rows)
        single = taken.digest is None
        message = tell(first.facts, first.language) if single else sum_up(facts, first.language)
        mentioned = dict.fromkeys(member for row in rows for member in row.mentions)
        return Note(
            key=_key(taken, first), message=message, link=self._links(most_urgent(facts), taken.recipient),
            mentions=tuple(mentioned), alerts=facts,
        )  # fmt: skip

    def _count(self, turn: Turn) -> None:
        self._metrics.collapsed.labels(self._name).inc(turn.collapsed)
        self._metrics.given_up.labels(self._name).inc(turn.given_up)
        if turn.given_up:
            log.error("channel %s: %d notifications given up: a day old and never taken", self._name, turn.given_up)

    def _report(self, taken: Taken, outcome: Outcome) -> None:
        if outcome.sent:
            now = self._clock.now_us()
            for row in taken.rows:
                self._metrics.notified.labels(self._name, row.facts.kind).inc()
                self._metrics.notify_seconds.observe(max(0, now - row.facts.at_us) / 1_000_000)
            self._metrics.digests.labels(self._name).inc(taken.digest is not None)
            if self._troubled:
                log.warning("channel %s takes messages again", self._name)
                self._troubled = ""
            return
        self._metrics.notify_failures.labels(self._name, str(outcome.said)).inc()
        trouble = f"{outcome.said}: {outcome.detail}"
        if trouble != self._troubled:
            log.error("channel %s did not take a message (%s)", self._name, trouble)
            self._troubled = trouble
        if taken.failures + 1 == BREAKER_OPENS:
            log.error("channel %s: %d failures in a row; asked once in a while now", self._name, BREAKER_OPENS)


def _key(taken: Taken, first: Row) -> str:
    if taken.digest is not None:
        parts = ("digest", taken.digest, taken.recipient)
    else:
        parts = (first.alert_id, str(first.version), taken.recipient)
    return "/".join(quote(part, safe="") for part in parts)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
