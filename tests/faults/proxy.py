"""A TCP proxy between a worker and its broker that can lose the answers to Produce requests: appended, but never told.

Only requests of the Kafka protocol with acknowledgements pass here: 4 bytes of length, then API key and correlation
id in a request, the correlation id in its answer.
"""

import asyncio
from collections.abc import AsyncIterator
from enum import Enum, auto

PRODUCE = 0
HOST = "127.0.0.1"


class Fault(Enum):
    """What happens to the answer of a Produce request."""

    NONE = auto()
    SWALLOW = auto()
    CLOSE = auto()


class ProduceProxy:
    """Listens on a port of its own; `fault` may be changed at any time."""

    def __init__(self, broker: str) -> None:
        """Listens after start()."""
        host, _, port = broker.partition(":")
        self._broker = (host, int(port))
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.fault = Fault.NONE
        self.lost = 0

    async def start(self) -> str:
        """The address to connect to instead of the broker's."""
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        return f"{HOST}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Close all connections."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            there, back = await asyncio.open_connection(*self._broker)
            produced: set[bytes] = set()
            ways = [
                asyncio.create_task(self._requests(reader, back, produced)),
                asyncio.create_task(self._answers(there, writer, produced)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                back.close()
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, produced: set[bytes]) -> None:
        async for frame in frames(reader):
            if int.from_bytes(frame[4:6], "big") == PRODUCE:
                produced.add(frame[8:12])
            writer.write(frame)
            await writer.drain()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, produced: set[bytes]) -> None:
        async for frame in frames(reader):
            if frame[4:8] in produced:
                produced.discard(frame[4:8])
                if self.fault is not Fault.NONE:
                    self.lost += 1
                    if self.fault is Fault.CLOSE:
                        return
                    continue
            writer.write(frame)
            await writer.drain()


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Length and content of every message until the connection ends."""
    try:
        while True:
            length = await reader.readexactly(4)
            yield length + await reader.readexactly(int.from_bytes(length, "big"))
    except (asyncio.IncompleteReadError, ConnectionError):
        return
