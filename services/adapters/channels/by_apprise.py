"""Everything else, by the library apprise: ntfy, e-mail, Telegram, Slack, Teams and a hundred more.

https://appriseit.com/services/ says how each address is written. Apprise is synchronous and only says whether all
went well, so it runs in a thread of its own with a deadline, and what failed may have arrived. It connects where it
wants: the rules of `outbound` do not hold here.
"""

import asyncio
import logging
from concurrent.futures import Future, ThreadPoolExecutor

import apprise

from services.adapters.channels.markup import unmentioning
from services.core.delivery import SENT, Note, Outcome, Said

SECONDS = 15.0
PER_MINUTE = 60

logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would repeat addresses, which hold secrets


class BadAddress(ValueError):
    """Apprise cannot read the address."""


class AppriseChannel:
    """One address of apprise's."""

    def __init__(self, url: str, per_minute: int | None) -> None:
        """Raises BadAddress."""
        self._apprise = apprise.Apprise()
        if not self._apprise.add(url):
            raise BadAddress("apprise does not know such an address: https://appriseit.com/services/ 地址无法识别")
        self.per_minute = per_minute or PER_MINUTE
        self._thread = ThreadPoolExecutor(1, "apprise")
        self._running: Future[bool] | None = None

    async def send(self, note: Note) -> Outcome:
        """One at a time: while the last one hangs nothing else is begun."""
        if self._running is not None and not self._running.done():
            return Outcome(Said.AWAY, "the last message still hangs 上一条消息仍未结束")
        self._running = self._thread.submit(self._notify, note)
        try:
            async with asyncio.timeout(SECONDS):
                taken = await asyncio.shield(asyncio.wrap_future(self._running))
        except TimeoutError:
            return Outcome(Said.AWAY, f"no answer within {SECONDS:g} s 超时", perhaps=True)
        if taken:
            return SENT
        return Outcome(Said.AWAY, "apprise could not deliver it 未能送达", perhaps=True)

    def _notify(self, note: Note) -> bool:
        text = note.message.text + (f"\n{note.link}" if note.link is not None else "")
        kind = apprise.NotifyType.WARNING if note.message.urgent else apprise.NotifyType.SUCCESS
        result = self._apprise.notify(
            body=unmentioning(text), title=unmentioning(note.message.title), notify_type=kind,
            body_format=apprise.NotifyFormat.TEXT,
        )  # fmt: skip
        return bool(result)

    async def close(self) -> None:
        """Leave the thread to itself: what hangs must not hold us."""
        self._thread.shutdown(wait=False, cancel_futures=True)
