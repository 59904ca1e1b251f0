"""A TCP proxy between a stage and a server: connections that hang without an end, and answers that come late."""

import asyncio
from urllib.parse import urlsplit, urlunsplit

HOST = "127.0.0.1"
CHUNK = 1 << 16


class TcpProxy:
    """Listens on a port of its own; what it does to its connections may be changed at any time."""

    def __init__(self, host: str, port: int) -> None:
        """Listens after start(). `delay` in seconds, for every piece of an answer."""
        self._server_at = (host, port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.Event] = set()
        self.delay = 0.0
        self.connections = 0

    async def start(self) -> int:
        """The port to connect to instead of the server's."""
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Close all connections."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self) -> int:
        """From now on nothing passes through the connections there are, in either direction; how many they are.

        As when a firewall has forgotten them: neither side is told. New connections are not touched.
        """
        for flows in self._open:
            flows.clear()
        return len(self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        flows = asyncio.Event()
        flows.set()
        self._open.add(flows)
        try:
            there, back = await asyncio.open_connection(*self._server_at)
            ways = [
                asyncio.create_task(self._pass(reader, back, flows, answers=False)),
                asyncio.create_task(self._pass(there, writer, flows, answers=True)),
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
            self._open.discard(flows)
            self._tasks.discard(task)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event, answers: bool
    ) -> None:
        while data := await reader.read(CHUNK):
            if answers and self.delay:
                await asyncio.sleep(self.delay)
            await flows.wait()
            writer.write(data)
            await writer.drain()


def at_port(url: str, port: int) -> str:
    """The same address, but at this port of this machine."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{HOST}:{port}"))
