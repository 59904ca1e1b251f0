"""What a scanner sends becomes readings, whatever it is connected by."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Protocol

from services.core.instant import format_with_offset
from services.core.reading import Kind, Reading, Unreadable
from services.core.scanner_lines import MOST_LINE, Lines, code_of
from services.ports import Take


class Meaning(Protocol):
    """What the edge file says of a scanner's reads."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def read_point(self) -> str | None: ...
    @property
    def read_points(self) -> Mapping[str, str]: ...
    @property
    def keep_symbology(self) -> bool: ...
    @property
    def ignore(self) -> frozenset[str]: ...
    @property
    def encoding(self) -> str: ...


class ScannerReads:
    """The reads of one scanner of the edge file, or of those that connect to one port."""

    def __init__(self, meaning: Meaning, now_us: Callable[[], int]) -> None:
        """`now_us`: the clock of this machine; scanners have none."""
        self._meaning = meaning
        self._now_us = now_us
        self._count = 0

    async def take(self, lines: Lines, data: bytes, peer: str, take: Take) -> None:
        """What came from a scanner; returns when it is in the queue. `peer`: which scanner."""
        now = self._now_us()
        readings: list[Reading] = []
        unreadable: list[Unreadable] = []
        for line, too_long in lines.feed(data):
            read = self._reading(line, too_long, peer, now)
            if isinstance(read, Reading):
                readings.append(read)
            elif read is not None:
                unreadable.append(read)
        if readings or unreadable:
            await take(readings, unreadable=unreadable)

    async def ended(self, lines: Lines, take: Take) -> None:
        """Nothing more comes over this connection."""
        if lines.begun:
            await take(
                [], unreadable=[self._unreadable(lines.begun, "the connection ended inside it", "连接在其中断开")]
            )

    def _reading(self, line: bytes, too_long: bool, peer: str, now: int) -> Reading | Unreadable | None:
        meaning = self._meaning
        if too_long:
            return self._unreadable(line, f"longer than {MOST_LINE} bytes", f"超过 {MOST_LINE} 字节")
        try:
            text = line.decode(meaning.encoding)
        except UnicodeDecodeError as bad:
            return self._unreadable(line, f"not {meaning.encoding}: {bad.reason}", f"不是 {meaning.encoding} 编码")
        if text in meaning.ignore:
            return None
        read_point = meaning.read_points.get(peer, meaning.read_point)
        if read_point is None:
            return self._unreadable(line, f"no read point for the scanner {peer}", f"扫描器 {peer} 没有对应的读取点")
        self._count += 1
        identity = f"{meaning.name}\x1f{peer}\x1f{now}\x1f{self._count}\x1f{text}"
        body = {
            "event_id": sha256(identity.encode()).hexdigest()[:32],
            "event_time": format_with_offset(now),
            "unit_id": code_of(text, meaning.keep_symbology),
            "read_point_id": read_point,
        }
        return Reading(Kind.SCAN, meaning.source, body, now)

    def _unreadable(self, line: bytes, en: str, zh: str) -> Unreadable:
        return Unreadable(self._meaning.source, line, en, zh)
