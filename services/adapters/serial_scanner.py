"""Scanners on a serial line or a USB port that is one: the bytes as they come, one line for every read.

A device that is unplugged is waited for. The line is set up as the scanner's manual says (termios, raw; no flow
control), and is ours alone while it is open (TIOCEXCL).
"""

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import termios
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.adapters.scanner_reads import ReadSettings, ScannerReads
from services.core.scanner_lines import Lines
from services.ports import Notes, Take

log = logging.getLogger("floorstream.edge")

PIECE = 4 * 1024
PAUSE_SECONDS = 2.0
SAY_AGAIN_SECONDS = 60.0
_BITS = {"7": termios.CS7, "8": termios.CS8}
_PARITY = {"N": 0, "E": termios.PARENB, "O": termios.PARENB | termios.PARODD}
_STOP = {"1": 0, "2": termios.CSTOPB}


@dataclass(frozen=True)
class SerialSettings:
    """One scanner of the edge file. `framing`: bits, parity, stop bits, such as 8N1."""

    reads: ReadSettings
    device: str
    speed: int
    framing: str


class SerialScanner:
    """See ports.Collector."""

    def __init__(self, settings: SerialSettings, now_us: Callable[[], int]) -> None:
        """Nothing is opened before run()."""
        self._settings = settings
        self._reads = ScannerReads(settings.reads, now_us)
        self._said = float("-inf")
        self.up = False
        """Is the device open?"""

    @property
    def name(self) -> str:
        """See ports.Collector."""
        return self._settings.reads.name

    async def run(self, take: Take, notes: Notes) -> None:
        """See ports.Collector."""
        while True:
            try:
                with self._opened() as port:
                    await self._read(port, take)
            except (OSError, termios.error) as error:
                self._say(error)
            await asyncio.sleep(PAUSE_SECONDS)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        port = os.open(self._settings.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(port, termios.TIOCEXCL)
            set_up(port, self._settings.speed, self._settings.framing)
            self.up, self._said = True, float("-inf")
            log.info("%s: %s is open 已打开", self.name, self._settings.device)
            yield port
        finally:
            self.up = False
            with contextlib.suppress(OSError):
                fcntl.ioctl(port, termios.TIOCNXCL)  # a pseudo terminal would stay closed to us
            os.close(port)

    async def _read(self, port: int, take: Take) -> None:
        """Until the device is gone or silent for too long; raises OSError."""
        lines = Lines()
        try:
            async with asyncio.timeout(None) as silence:
                while True:
                    self._wait_from_now(silence)
                    await _readable(port)
                    silence.reschedule(None)  # the queue may let us wait
                    data = os.read(port, PIECE)
                    if not data:
                        raise OSError(errno.EIO, "the device is gone")
                    await self._reads.take(lines, data, self._settings.device, take)
        except TimeoutError:
            raise OSError(errno.ETIME, "silent: opened again") from None
        finally:
            await self._reads.ended(lines, take)

    def _wait_from_now(self, silence: asyncio.Timeout) -> None:
        within = self._settings.reads.heard_within_s
        if within is not None:
            silence.reschedule(asyncio.get_running_loop().time() + within)

    def _say(self, error: OSError | termios.error) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._said >= SAY_AGAIN_SECONDS:
            self._said = now
            what = error.strerror if isinstance(error, OSError) else error.args[-1]
            log.warning("%s: %s: %s; waited for 等待设备", self.name, self._settings.device, what)


def set_up(port: int, speed: int, framing: str) -> None:
    """Raw bytes at this speed; raises termios.error where it is no serial line."""
    bits, parity, stop = tuple(framing)
    baud = getattr(termios, f"B{speed}")
    mode = termios.CREAD | termios.CLOCAL | _BITS[bits] | _PARITY[parity] | _STOP[stop]
    control = termios.tcgetattr(port)[6]
    control[termios.VMIN], control[termios.VTIME] = 1, 0
    termios.tcsetattr(port, termios.TCSANOW, [0, 0, mode, 0, baud, baud, control])


async def _readable(port: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(port, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(port)
