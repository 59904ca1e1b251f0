"""What a scanner sends becomes readings, whatever it is connected by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from services.core.instant import format_with_offset
from services.core.reading import Kind, Reading, Unreadable
from services.core.scanner_lines import MOST_LINE, Lines, code_of
from services.ports import Take


@dataclass(frozen=True)
class ReadSettings:
    """What the edge file says of a scanner, however it is connected. `heard_within_s` None: silence is no trouble."""

    name: str
    source: str
    read_point: str | None
    read_points: Mapping[str, str] = field(default_factory=dict)
    keep_symbology: bool = False
    ignore: frozenset[str] = frozenset()
    encoding: str = "utf-8"
    heard_within_s: float | None = None


class ScannerReads:
    """The reads of one scanner of the edge file, or of those that connect to one port."""

    def __init__(self, settings: ReadSettings, now_us: Callable[[], int]) -> None:
        """`now_us`: the clock of this machine; scanners have none."""
        self._settings = settings
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
        settings = self._settings
        if too_long:
            return self._unreadable(line, f"longer than {MOST_LINE} bytes", f"超过 {MOST_LINE} 字节")
        try:
            text = line.decode(settings.encoding)
        except UnicodeDecodeError as bad:
            return self._unreadable(line, f"not {settings.encoding}: {bad.reason}", f"不是 {settings.encoding} 编码")
        if text in settings.ignore:
            return None
        read_point = settings.read_points.get(peer, settings.read_point)
        if read_point is None:
            return self._unreadable(line, f"no read point for the scanner {peer}", f"扫描器 {peer} 没有对应的读取点")
        self._count += 1
        identity = f"{settings.name}\x1f{peer}\x1f{now}\x1f{self._count}\x1f{text}"
        body = {
            "event_id": sha256(identity.encode()).hexdigest()[:32],
            "event_time": format_with_offset(now),
            "unit_id": code_of(text, settings.keep_symbology),
            "read_point_id": read_point,
        }
        return Reading(Kind.SCAN, settings.source, body, now)

    def _unreadable(self, line: bytes, en: str, zh: str) -> Unreadable:
        return Unreadable(self._settings.source, line, en, zh)
