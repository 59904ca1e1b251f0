"""Scanners on the network: one line for every read, over a connection that they make or we make.

A scanner hears no answer and repeats nothing, so what it sent is put into the queue before more is read: where the
queue is full, the connection itself makes the scanner wait.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass

from services.adapters.scanner_reads import ReadSettings, ScannerReads
from services.core.scanner_lines import Lines
from services.ports import Notes, Take

log = logging.getLogger("floorstream.edge")

PIECE = 64 * 1024
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
CONNECT_SECONDS = 10.0
KEEPALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
"""A cable that was pulled is noticed within a minute."""


@dataclass(frozen=True)
class ScannerSettings:
    """One scanner of the edge file, or those that connect to one port."""

    reads: ReadSettings
    host: str
    port: int
    listens: bool


class TcpScanner:
    """See ports.Collector."""

    def __init__(self, settings: ScannerSettings, now_us: Callable[[], int]) -> None:
        """Nothing is connected before run()."""
        self._settings = settings
        self._reads = ScannerReads(settings.reads, now_us)
        self._open: set[asyncio.StreamWriter] = set()
        self.port = settings.port
        """Where it listens, once it does."""

    @property
    def name(self) -> str:
        """See ports.Collector."""
        return self._settings.reads.name

    @property
    def up(self) -> bool:
        """Is a scanner connected?"""
        return bool(self._open)

    async def run(self, take: Take, notes: Notes) -> None:
        """See ports.Collector."""
        if self._settings.listens:
            await self._listen(take)
        else:
            await self._connect(take)

    async def _listen(self, take: Take) -> None:
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await self._read(reader, writer, take)
            except Exception as error:  # of the queue: the whole collector has to know
                if not failed.done():
                    failed.set_exception(error)

        server = await asyncio.start_server(connected, self._settings.host, self._settings.port, limit=PIECE)
        self.port = server.sockets[0].getsockname()[1]
        log.info("%s: scanners may connect to port %d 等待扫描器连接", self.name, self.port)
        try:
            await failed
        finally:  # from Python 3.12 on a server waits for connections that nobody closes
            server.close()
            for writer in tuple(self._open):
                writer.close()

    async def _connect(self, take: Take) -> None:
        settings, pause = self._settings, FIRST_PAUSE_SECONDS
        while True:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    reader, writer = await asyncio.open_connection(settings.host, settings.port, limit=PIECE)
            except OSError as error:
                log.warning("%s: no connection to %s:%d: %s 无法连接", self.name, settings.host, settings.port, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            pause = FIRST_PAUSE_SECONDS
            await self._read(reader, writer, take)
            await asyncio.sleep(pause)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, take: Take) -> None:
        peer = str((writer.get_extra_info("peername") or ("?",))[0])
        _keep_alive(writer)
        lines = Lines()
        self._open.add(writer)
        log.info("%s: connected with %s 已连接", self.name, peer)
        why = "closed"
        try:
            while data := await asyncio.wait_for(reader.read(PIECE), self._settings.reads.heard_within_s):
                await self._reads.take(lines, data, peer, take)
        except TimeoutError:
            why = "silent"
        except OSError as error:
            why = str(error)
        finally:
            self._open.discard(writer)
            writer.close()
        log.warning("%s: connection with %s ended: %s 连接结束", self.name, peer, why)
        await self._reads.ended(lines, take)
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
