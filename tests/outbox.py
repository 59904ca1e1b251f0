"""The outbox of notify on a real database, with channels that lead to a local server; no broker, no process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.adapters.channels import webhook
from services.adapters.channels.opened import JSON, HttpChannel, Request
from services.adapters.channels.outbound import Allowed, Outbound
from services.adapters.clock import SystemClock
from services.adapters.metrics import Metrics
from services.adapters.outbox_rows import OutboxRows, Position
from services.adapters.timescale_pool import open_pool
from services.core.delivery import Note
from services.core.equipment import PlantModel
from services.core.notices import Tell, steps
from services.core.roster import Recipient
from services.notify.sender import Sender
from services.ports import Channel
from tests.notify_alerts import counted, plant
from tests.parts import ask
from tests.phone_server import SECRET, PhoneServer


@dataclass
class Floor:
    """An outbox with one sender per channel."""

    dsn: str
    rows: OutboxRows
    metrics: Metrics = field(default_factory=Metrics)
    model: PlantModel = field(default_factory=plant)
    senders: dict[str, Sender] = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _offset: int = 0

    async def alert(self, *alerts: dict[str, Any], to: Sequence[str] = ("robot",)) -> None:
        """Write what these records ask for, told to these channels alone."""
        for alert in alerts:
            self._offset += 1
            found = steps(counted(alert), self.model, to.__contains__)
            kept = [s for s in found if not isinstance(s, Tell) or (s.recipient.channel in to)]
            await self.rows.write(kept, {0: Position(self._offset, 0)})
        for sender in self.senders.values():
            sender.news.set()

    async def tell(self, *told: Tell) -> None:
        """Write these."""
        await self.rows.write(told, {})

    def send(self, name: str, url: str, per_minute: int = 6_000) -> None:
        """Begin to send what is for the channel to a webhook."""
        clock = SystemClock()

        def request(note: Note, now_us: int) -> Request:
            payload = webhook.body(note)
            return Request(f"{url}/{name}", payload, {**JSON, **webhook.headers(note, payload, SECRET, now_us)})

        self.send_by(name, HttpChannel(Outbound(Allowed(["127.0.0.1"])), clock, per_minute, request, webhook.judge))

    def send_by(self, name: str, way: Channel) -> None:
        """Begin to send what is for the channel by this way."""
        sender = Sender(name, way, self.rows, lambda facts, recipient: None, SystemClock(), self.metrics)
        self.senders[name] = sender

        async def run() -> None:
            try:
                await sender.run()
            finally:
                await way.close()

        self.tasks.append(asyncio.create_task(run()))

    async def states(self, channel: str = "robot") -> list[tuple[Any, ...]]:
        """(alert_id, version, kind, state) of the channel's rows."""
        query = "SELECT alert_id, version, kind, state FROM notifications WHERE channel = $1 ORDER BY alert_id, version"
        return [tuple(row) for row in await ask(self.dsn, query, channel)]

    async def quiet(self) -> bool:
        """Is nothing waiting any more?"""
        return not await ask(self.dsn, "SELECT 1 FROM notifications WHERE state = 'waiting' LIMIT 1")

    def metric(self, name: str, **labels: str) -> float:
        """A metric's value."""
        return self.metrics.registry.get_sample_value(f"floorstream_{name}", labels) or 0.0


@contextlib.asynccontextmanager
async def outbox(dsn: str) -> AsyncIterator[Floor]:
    """An outbox of its own, its senders stopped at the end."""
    pool = await open_pool(dsn, application="floorstream notify test", maximum=4)
    floor = Floor(dsn, OutboxRows(pool, 1))
    try:
        yield floor
    finally:
        for task in floor.tasks:
            task.cancel()
        ended = await asyncio.gather(*floor.tasks, return_exceptions=True)
        pool.terminate()
    for error in ended:
        if isinstance(error, Exception):
            raise error


def told(server: PhoneServer) -> list[tuple[str, ...]]:
    """The alerts of each message taken, by `alert_id/incident/kind`."""
    return [tuple(alert["key"] for alert in request.body["alerts"]) for request in server.taken]


def waiting(facts: Any, channel: str = "robot", member: str = "") -> Tell:
    """A notification that waits."""
    return Tell(facts, Recipient(channel, member, "zh"), "waiting")
