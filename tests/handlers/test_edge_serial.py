"""A scanner on a serial line (a pair of pseudo terminals) and the real queue: reads, noise, unplugged, silent."""

import asyncio
import contextlib
import json
import os
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.adapters import serial_scanner
from services.adapters.clock import SystemClock
from services.adapters.scanner_reads import ReadSettings
from services.adapters.serial_scanner import SerialScanner, SerialSettings
from services.adapters.spool import Spool
from services.adapters.spool_file import Lane, Queued
from services.edge.handler import Desk
from tests.parts import until


class Line:
    """A serial line by name, into which scanners are plugged."""

    def __init__(self, device: Path) -> None:
        self.device = device
        self._scanner = -1

    def plug(self) -> None:
        """Another scanner, at the same name."""
        self._scanner, port = os.openpty()
        new = self.device.with_suffix(".new")
        new.symlink_to(os.ttyname(port))
        new.replace(self.device)
        os.close(port)

    def unplug(self) -> None:
        """It is gone, and its name with it: another program's pseudo terminal may get the number."""
        self.device.unlink()
        os.close(self._scanner)
        self._scanner = -1

    def send(self, data: bytes) -> None:
        """What a scanner sends."""
        os.write(self._scanner, data)

    def set_up(self) -> tuple[int, int]:
        """Control mode and speed of the line."""
        attributes = termios.tcgetattr(self._scanner)
        return attributes[2], attributes[4]

    def end(self) -> None:
        """Nothing is left open."""
        if self._scanner >= 0:
            self.unplug()


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    queue = Spool(tmp_path / "spool", 1 << 30)
    await queue.start()
    yield queue
    await queue.stop()


@contextlib.asynccontextmanager
async def scanning(spool: Spool, device: Path, heard_within_s: float | None = None) -> AsyncIterator[SerialScanner]:
    """The collector at work."""
    reads = ReadSettings("desk", "desk", "IN", ignore=frozenset({"HB"}), heard_within_s=heard_within_s)
    scanner = SerialScanner(SerialSettings(reads, str(device), 19_200, "8N2"), SystemClock().now_us)
    desk = Desk("desk", spool, lambda collector, taken, unreadable: None)
    running = asyncio.create_task(scanner.run(desk.take, desk))
    try:
        yield scanner
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert not scanner.up


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_scanner, "PAUSE_SECONDS", 0.01)


async def lane(spool: Spool) -> Lane | None:
    found = await spool.lanes()
    return found[0] if found else None


async def waits_for(spool: Spool, count: int) -> list[Queued]:
    """So many reads in the queue."""

    async def so_many() -> bool:
        found = await lane(spool)
        return found is not None and found.queued == count

    await until(so_many, f"{count} reads are in the queue")
    found = await lane(spool)
    assert found is not None
    return await spool.head(found.lane, 100, 1 << 20)


@pytest.mark.usefixtures("soon")
async def test_reads_come_as_they_are_scanned_and_a_scanner_that_was_unplugged_is_waited_for(
    spool: Spool, tmp_path: Path
) -> None:
    line = Line(tmp_path / "usb-scanner")
    async with scanning(spool, line.device) as scanner:
        await until(lambda: asyncio.sleep(0, not scanner.up), "nothing is there yet")
        for turn in range(3):
            line.plug()
            await until(lambda: asyncio.sleep(0, scanner.up), "it is open")
            line.send(f"\x02]C1SN-{turn}\r\nHB\r\nSN".encode())
            line.send(b"-%d\rSN-9\r" % turn)
            found = await waits_for(spool, 3 * (turn + 1))
            line.unplug()
            await until(lambda: asyncio.sleep(0, not scanner.up), "it is gone")
    events = [json.loads(queued.body) for queued in found]
    assert [event["unit_id"] for event in events] == [
        unit for turn in range(3) for unit in (f"SN-{turn}", f"SN-{turn}", "SN-9")
    ]
    assert {event["read_point_id"] for event in events} == {"IN"}
    assert len({event["event_id"] for event in events}) == 9
    assert all(queued.clock_us is not None for queued in found)


@pytest.mark.usefixtures("soon")
async def test_the_line_is_set_up_as_it_is_said_and_opened_again_when_it_is_silent(
    spool: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "floorstream.edge")
    line = Line(tmp_path / "usb-scanner")
    line.plug()
    try:
        async with scanning(spool, line.device, heard_within_s=0.05):
            await until(lambda: asyncio.sleep(0, caplog.text.count("is open") >= 3), "it is opened again")
            mode, speed = line.set_up()
    finally:
        line.end()
    # A pseudo terminal knows no parity and eight bits only.
    assert (mode & termios.PARENB, mode & termios.CSTOPB) == (0, termios.CSTOPB)
    assert speed == termios.B19200


async def test_what_is_no_serial_line_is_said(spool: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    async with scanning(spool, tmp_path / "file"):
        await until(lambda: asyncio.sleep(0, "Inappropriate ioctl" in caplog.text), "it is said")
