"""A TCP proxy between a worker and its broker that loses the answers to Produce requests, appended but never told, or
refuses what they hold in the broker's name, which then never sees it.

Only requests of the Kafka protocol with acknowledgements pass here: 4 bytes of length, then API key, its version,
correlation id and client id in a request, the correlation id in its answer
(https://kafka.apache.org/protocol.html#protocol_messages).
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
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


@dataclass
class Passing:
    """Requests of one connection that wait for an answer, by correlation id.

    `refused`: what of a request was held back, as its answer will say.
    """

    produced: set[bytes] = field(default_factory=set)
    refused: dict[bytes, Any] = field(default_factory=dict)


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
            passing = Passing()
            ways = [
                asyncio.create_task(self._requests(reader, back, writer, passing)),
                asyncio.create_task(self._answers(there, writer, passing)),
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
        passing: Passing,
    ) -> None:  # fmt: skip
        async for frame in frames(reader):
            if int.from_bytes(frame[4:6], "big") == PRODUCE:
                correlation, (version, request) = frame[8:12], produce_request(frame)
                meant = [topic for topic in request.topics if self.topic in ("", topic[0])]
                if meant and self.fault is Fault.REFUSE:
                    self.lost += 1
                    rest = [topic for topic in request.topics if self.topic not in ("", topic[0])]
                    if not rest:
                        client.write(framed(correlation + refused(version, meant).encode()))
                        continue
                    passing.refused[correlation] = refused(version, meant)
                    frame = with_topics(frame, request, rest)
                elif meant:
                    passing.produced.add(correlation)
            broker.write(frame)
            await broker.drain()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passing: Passing) -> None:
        async for frame in frames(reader):
            correlation = frame[4:8]
            if correlation in passing.produced:
                passing.produced.discard(correlation)
                if self.fault is not Fault.NONE:
                    self.lost += 1
                    if self.fault is Fault.CLOSE:
                        return
                    continue
            more = passing.refused.pop(correlation, None)
            writer.write(frame if more is None else with_answers(frame, more))
            await writer.drain()


def produce_request(frame: bytes) -> tuple[int, Any]:
    """Version and content."""
    version = int.from_bytes(frame[6:8], "big")
    schema = getattr(produce, f"ProduceRequest_v{version}")
    return version, schema.decode(frame[content_of(frame) :])


def content_of(frame: bytes) -> int:
    """Where the content of a request begins, behind the client id."""
    return 14 + max(0, int.from_bytes(frame[12:14], "big", signed=True))


def with_topics(frame: bytes, request: Any, topics: list[Any]) -> bytes:
    """The same request for these topics only."""
    values = [topics if name == "topics" else getattr(request, name) for name in request.SCHEMA.names]
    return framed(frame[4 : content_of(frame)] + type(request)(*values).encode())


def refused(version: int, topics: list[Any]) -> Any:
    """The answer of a broker that lets this client write nothing to these topics."""
    more: tuple[Any, ...] = {0: (), 1: (), 8: (-1, -1, [], None)}.get(version, (-1, -1) if version >= 5 else (-1,))
    answers = [(topic, [(number, REFUSED, -1, *more) for number, _ in parts]) for topic, parts in topics]
    schema = getattr(produce, f"ProduceResponse_v{version}")
    return schema(answers, 0) if version else schema(answers)


def with_answers(frame: bytes, more: Any) -> bytes:
    """The broker's answer with these as well."""
    answer = type(more).decode(frame[8:])
    values = [[*answer.topics, *more.topics] if n == "topics" else getattr(answer, n) for n in answer.SCHEMA.names]
    return framed(frame[4:8] + type(more)(*values).encode())


def framed(content: bytes) -> bytes:
    """With its length."""
    return len(content).to_bytes(4, "big") + content


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Length and content of every message until the connection ends."""
    try:
        while True:
            length = await reader.readexactly(4)
            yield length + await reader.readexactly(int.from_bytes(length, "big"))
    except (asyncio.IncompleteReadError, ConnectionError):
        return
