"""The live stream: what has changed, encoded once, to however many clients, none of which can hold up another.

    feed ─► changed() ─► run(): at most every 250 ms one message ─► a queue per client ─► its connection
                               every 5 s a heartbeat

A client that does not read fills its queue of 256 messages; then its connection is closed, and when it comes back it
begins with a snapshot again, as everybody does.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.ports import Clock
from services.show.screens import Document, Screen

log = logging.getLogger(__name__)

PACE_SECONDS = 0.25
GATHERED = 0.12
"""Of the pace passes before what has changed is told: what comes in together is told together."""
HEARTBEAT_SECONDS = 5.0
BACKLOG = 256
MOST_CLIENTS = 4_000
SNAPSHOT_US = 200_000
"""How long a snapshot of an unchanged screen is sent again: it says what time it is."""
RETRY_MS = (1_000, 4_000)
"""Clients are told different pauses, so that they do not come back all at once."""

Encode = Callable[[Any], bytes]


class TooManyClients(Exception):
    """The stream has as many clients as it takes."""


class Client:
    """One connection's queue. `lagging` is set when it has been given up."""

    def __init__(self, first: bytes) -> None:
        self.queue: deque[bytes] = deque([first])
        self.wake = asyncio.Event()
        self.wake.set()
        self.lagging = asyncio.Event()
        self.ending = False

    def put(self, message: bytes) -> bool:
        """Queue a message; False where the client lags too far behind."""
        if len(self.queue) >= BACKLOG:
            self.lagging.set()
            return False
        self.queue.append(message)
        self.wake.set()
        return True

    def end(self) -> None:
        """Let the connection end once the queue is empty."""
        self.ending = True
        self.wake.set()


class Live:
    """Everybody who watches."""

    def __init__(
        self, screen: Screen, clock: Clock, encode: Encode, *, pace_s: float = PACE_SECONDS,
        heartbeat_s: float = HEARTBEAT_SECONDS, most_clients: int = MOST_CLIENTS,
    ) -> None:  # fmt: skip
        """Messages go out while run() runs."""
        self._screen = screen
        self._told = screen.version
        self._clock = clock
        self._encode = encode
        self._pace = pace_s
        self._heartbeat = heartbeat_s
        self._most_clients = most_clients
        self._changed = asyncio.Event()
        self._clients: set[Client] = set()
        self._joined = 0
        self._snapshot = (-1, 0, b"")
        self._closed = False
        self.overflows = 0

    @property
    def clients(self) -> int:
        """How many watch."""
        return len(self._clients)

    def changed(self) -> None:
        """The screen may have something new."""
        self._changed.set()

    def join(self) -> Client:
        """A new client, whose queue begins with a snapshot. Raises TooManyClients."""
        if len(self._clients) >= self._most_clients:
            raise TooManyClients
        self._joined += 1
        least, most = RETRY_MS
        retry = least + self._joined * 617 % (most - least)
        client = Client(b"retry: %d\n\n" % retry + self._whole())
        if self._closed:
            client.end()
        self._clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        """The connection has ended."""
        self._clients.discard(client)

    def close(self) -> None:
        """End every connection: the server stops, and waits for them."""
        self._closed = True
        for client in self._clients:
            client.end()

    async def run(self) -> None:
        """Send what changes, for ever."""
        clock = asyncio.get_running_loop().time
        heartbeat_at = clock() + self._heartbeat
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(heartbeat_at):
                    await self._changed.wait()
            if clock() >= heartbeat_at:
                self._send(message("heartbeat", self._encode(self._screen.heartbeat(self._clock.now_us()))))
                heartbeat_at = clock() + self._heartbeat
            if self._changed.is_set():
                self._changed.clear()
                if self._screen.version != self._told:
                    await asyncio.sleep(self._pace * GATHERED)
                    self._told = self._screen.version
                    self._send(self._changes())
                    await asyncio.sleep(self._pace * (1 - GATHERED))

    def _changes(self) -> bytes:
        changes: Document | None = self._screen.changes(self._clock.now_us())
        return self._whole() if changes is None else message("changed", self._encode(changes))

    def _whole(self) -> bytes:
        """The snapshot, encoded once for all who come together, as they do after an outage."""
        now_us = self._clock.now_us()
        version, at_us, whole = self._snapshot
        if version != self._screen.version or not 0 <= now_us - at_us < SNAPSHOT_US:
            whole = message("snapshot", self._encode(self._screen.snapshot(now_us)))
            self._snapshot = (self._screen.version, now_us, whole)
        return whole

    def _send(self, text: bytes) -> None:
        for client in [client for client in self._clients if not client.put(text)]:
            self._clients.discard(client)
            self.overflows += 1
            log.info("a client of the live stream lags more than %d messages behind: closed", BACKLOG)


def message(event: str, data: bytes) -> bytes:
    """A server-sent event; JSON has no line ends."""
    return b"event: %s\ndata: %s\n\n" % (event.encode(), data)


class LiveResponse(Response):
    """The connection of one client."""

    media_type = "text/event-stream"

    def __init__(self, live: Live) -> None:
        """Joins at once: raises TooManyClients."""
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._live = live
        self._client = live.join()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client is gone, lags too far behind, or the server stops."""
        ends = [
            asyncio.ensure_future(work)
            for work in (self._pump(send), _until_gone(receive), self._client.lagging.wait())
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._live.leave(self._client)
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)

    async def _pump(self, send: Send) -> None:
        client = self._client
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        while True:
            await client.wake.wait()
            client.wake.clear()
            if client.queue:
                body = b"".join(client.queue)
                client.queue.clear()
                await send({"type": "http.response.body", "body": body, "more_body": True})
            elif client.ending:
                break
            if client.queue or client.ending:
                client.wake.set()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
