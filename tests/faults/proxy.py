"""A TCP proxy between a worker and its broker that loses the answers to Produce requests, appended but never told, or
refuses the requests in the broker's name, which then never sees them.

Only requests of the Kafka protocol with acknowledgements pass here: 4 bytes of length, then API key, its version,
correlation id and client id in a request, the correlation id in its answer
(https://kafka.apache.org/protocol.html#protocol_messages).
"""

import asyncio
from collections.abc import AsyncIterator
from enum import Enum, auto
from typing import Any

from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.protocol import produce

PRODUCE = 0
REFUSED = TopicAuthorizationFailedError.errno
HOST = "127.0.0.1"


class Fault(Enum):
    """What happens to a Produce request or to its answer."""

    NONE = auto()
    SWALLOW = auto()
    CLOSE = auto()
    REFUSE = auto()


class ProduceProxy:
    """Listens on a port of its own; `fault` may be changed at any time, and `topic`, empty for all of them."""

    def __init__(self, broker: str) -> None:
        """Listens after start()."""
        host, _, port = broker.partition(":")
        self._broker = (host, int(port))
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.fault = Fault.NONE
        self.topic = ""
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
                asyncio.create_task(self._requests(reader, back, writer, produced)),
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

    async def _requests(
        self, reader: asyncio.StreamReader, broker: asyncio.StreamWriter, client: asyncio.StreamWriter,
        produced: set[bytes],
    ) -> None:  # fmt: skip
        async for frame in frames(reader):
            if int.from_bytes(frame[4:6], "big") == PRODUCE:
                version, request = produce_request(frame)
                if self.topic in ("", *(topic for topic, _ in request.topics)):
                    if self.fault is Fault.REFUSE:
                        self.lost += 1
                        client.write(refusal(frame[8:12], version, request))
                        continue
                    produced.add(frame[8:12])
            broker.write(frame)
            await broker.drain()

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


def produce_request(frame: bytes) -> tuple[int, Any]:
    """Version and content."""
    version, client_id = int.from_bytes(frame[6:8], "big"), int.from_bytes(frame[12:14], "big", signed=True)
    schema = getattr(produce, f"ProduceRequest_v{version}")
    return version, schema.decode(frame[14 + max(0, client_id) :])


def refusal(correlation: bytes, version: int, request: Any) -> bytes:
    """The answer of a broker that lets this client write nothing of it."""
    more = {0: (), 1: (), 8: (-1, -1, [], None)}.get(version, (-1, -1) if version >= 5 else (-1,))
    topics = [(topic, [(number, REFUSED, -1, *more) for number, _ in parts]) for topic, parts in request.topics]
    schema = getattr(produce, f"ProduceResponse_v{version}")
    body: bytes = correlation + (schema(topics, 0) if version else schema(topics)).encode()
    return len(body).to_bytes(4, "big") + body


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Length and content of every message until the connection ends."""
    try:
        while True:
            length = await reader.readexactly(4)
            yield length + await reader.readexactly(int.from_bytes(length, "big"))
    except (asyncio.IncompleteReadError, ConnectionError):
        return
