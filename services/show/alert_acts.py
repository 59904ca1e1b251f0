"""What people do about alerts: judged, written to floor.alert_actions, and awaited in floor.alerts for a moment.

    acknowledge │ the incident the person saw; whoever comes second is told who was first
    shelve      │ nobody is called until an instant, or until the alert has returned
    unshelve    │ somebody is called again

The stage `alert` decides what an action does; it knows each by its action_id, so that a phone on a bad network may send
it as often as it likes. What was sent a moment ago is only waited for here.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from services.core.identity import partition_of
from services.ports import Clock, Outbox, Outgoing
from services.show.alerts import NORMAL, Alert, Alerts
from services.topology import ALERT_ACTIONS

ACKNOWLEDGE, SHELVE, UNSHELVE = "acknowledge", "shelve", "unshelve"
WAIT_SECONDS = 2.0
MOST_WAITING = 200
"""Requests that may wait at a time; further ones are told at once that theirs is on its way."""
MOST_REMEMBERED = 1_000


class NoSuchAlert(Exception):
    """There is no alert of this id."""


class OtherIncident(Exception):
    """The alert is in another incident than the person saw: `alert` is its newest version."""

    def __init__(self, alert: Alert) -> None:
        super().__init__(alert["alert_id"])
        self.alert = alert


@dataclass(frozen=True, slots=True)
class Act:
    """An AlertAction of the contract."""

    action_id: str
    alert_id: str
    incident: int
    action: str
    by: str
    via: str
    at_us: int
    until_us: int | None = None
    reason: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Who it is: another action under the same id is another one."""
        return self.action_id, self.alert_id, self.action


@dataclass(frozen=True, slots=True)
class Outcome:
    """The newest version of the alert, and whether it shows the act already."""

    alert: Alert
    shown: bool


class Acts:
    """Takes what people do."""

    def __init__(
        self, alerts: Alerts, outbox: Outbox, clock: Clock, encode: Callable[[Any], bytes], partitions: int,
        wait_s: float = WAIT_SECONDS,
    ) -> None:  # fmt: skip
        """`partitions` of floor.alert_actions."""
        self._alerts = alerts
        self._outbox = outbox
        self.clock = clock
        self._encode = encode
        self._partitions = partitions
        self._wait_s = wait_s
        self._sent: OrderedDict[tuple[str, str, str], int] = OrderedDict()
        self._waiting: dict[asyncio.Event, Callable[[], bool]] = {}

    async def take(self, act: Act) -> Outcome:
        """Do it. Raises NoSuchAlert, OtherIncident, BrokerAway, TooManyPending."""
        alert = self._of(act)
        if is_done(alert, act):
            return Outcome(alert, True)
        if (offset := self._sent.get(act.key)) is None:
            offset = await self._send(act, alert)
        await self._until(lambda: self._shows(act, offset))
        return Outcome(self._of(act), self._shows(act, offset))

    def look(self) -> None:
        """There may be news in floor.alerts: whoever waits for it goes on."""
        for event in [event for event, holds in self._waiting.items() if holds()]:
            event.set()

    def _of(self, act: Act) -> Alert:
        alert = self._alerts.find(act.alert_id)
        if alert is None:
            raise NoSuchAlert(act.alert_id)
        if alert["incident"] != act.incident:
            raise OtherIncident(alert)
        return alert

    async def _send(self, act: Act, alert: Alert) -> int:
        partition = partition_of(alert["subject_id"], self._partitions)
        record = Outgoing(ALERT_ACTIONS.name, partition, act.alert_id.encode(), self._encode(asdict(act)))
        [offset] = await self._outbox.send([record])
        self._sent[act.key] = offset
        while len(self._sent) > MOST_REMEMBERED:
            self._sent.popitem(last=False)
        return offset

    def _shows(self, act: Act, offset: int) -> bool:
        alert = self._alerts.find(act.alert_id)
        if alert is None or alert["incident"] != act.incident:
            return True  # there is nothing to wait for any more
        return alert["action_offset"] >= offset or is_done(alert, act)

    async def _until(self, holds: Callable[[], bool]) -> None:
        if holds() or len(self._waiting) >= MOST_WAITING:
            return
        event = asyncio.Event()
        self._waiting[event] = holds
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._wait_s):
                    await event.wait()
        finally:
            del self._waiting[event]


def is_done(alert: Alert, act: Act) -> bool:
    """Is the alert, in the act's incident, already as the act would have it? Then there is nothing to write."""
    if act.action == ACKNOWLEDGE:
        return alert["state"] == NORMAL or alert["acknowledged_us"] is not None
    if act.action == UNSHELVE:
        return alert["shelved_by"] is None
    shelved = alert["shelved_by"], alert["shelved_until_us"], alert["shelve_reason"]
    return shelved == (act.by, act.until_us, act.reason)
