"""A file of lines: bytes cut at line ends, then each line decoded strictly by itself.

A line that is not in the encoding of the others spoils only itself. The encoding is the byte order mark's; else UTF-8
where it reads half of the lines that are not ASCII, else GB18030, which holds GBK and GB2312.
"""

import codecs
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from services.core.records import MOST_RECORD, BadFile, Place

LOOK_AHEAD = 1 << 20
"""Bytes by which the encoding is found."""
MOST_SHOWN = 4 * 1024
"""Bytes that are kept of a line that is too long."""
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_NEWLINES = {"utf-16-le": b"\n\0", "utf-16-be": b"\0\n"}


class Line(NamedTuple):
    """A line without its end. `ended`: an end stands there. `too_long`: these are its first bytes only."""

    data: bytes
    begin: int
    after: Place
    ended: bool
    too_long: bool


class BadText(Exception):
    """Bytes that are not text of the file's encoding; why in both languages."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh


class TextLines:
    """The lines of an open file, from anywhere on."""

    def __init__(self, file: BinaryIO, encoding: str | None) -> None:
        """`encoding` None: it is found out. Raises BadFile for one that nobody knows."""
        self._file = file
        self.encoding = None if encoding is None else _known(encoding)
        """None: all was ASCII so far."""
        self.found_out = encoding is None
        file.seek(0)
        head = file.read(4)
        if head in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
            raise BadFile("is UTF-32: save it as UTF-8", "是 UTF-32 编码：请另存为 UTF-8")
        mark = next((mark for mark in _MARKS if head.startswith(mark)), b"")
        if mark and self.encoding in (None, _MARKS[mark], "utf-16"):
            self.encoding, self.begin = _MARKS[mark], Place(len(mark), 0)
        else:
            self.begin = Place(0, 0)
        if self.encoding == "utf-16":
            self.encoding = "utf-16-le"
        self._newline = _NEWLINES.get(self.encoding or "", b"\n")

    def lines(self, after: Place) -> Iterator[Line]:
        """The lines behind a place."""
        mark, number = max(after, self.begin)
        self._file.seek(mark)
        while data := self._line():
            begin, size, too_long = mark, len(data), len(data) > MOST_RECORD
            while too_long and not self._ends(data):
                data = self._line()
                size += len(data)
                if not data:
                    break
            ended = bool(data) and self._ends(data)
            mark, number = mark + size, number + 1
            if too_long:
                at = self._file.tell()
                self._file.seek(begin)
                data = self._file.read(MOST_SHOWN)
                self._file.seek(at)
            elif ended:
                data = data[: -len(self._newline)]
            yield Line(data, begin, Place(mark, number), ended, too_long)

    def _ends(self, data: bytes | bytearray) -> bool:
        return data.endswith(self._newline) and len(data) % len(self._newline) == 0

    def _line(self) -> bytes:
        """Up to the next end of a line; of a line that is too long, a piece."""
        most = MOST_RECORD + 2
        if len(self._newline) == 1:
            return self._file.readline(most)
        line = bytearray()
        while len(line) <= MOST_RECORD and (piece := self._file.readline(most - len(line) & ~1 or 2)):
            line += piece
            if len(line) % 2:
                line += self._file.read(1)
            if self._ends(line):
                break
        return bytes(line)

    def text(self, line: Line) -> str:
        """The line as text, without what is left of a line end. Raises BadText."""
        if line.too_long:
            raise BadText(f"longer than {MOST_RECORD} bytes", f"超过 {MOST_RECORD} 字节")
        if self.encoding is None and not line.data.isascii():
            self.encoding = self._found(line.begin)
        try:
            text = line.data.decode(self.encoding or "ascii")
        except UnicodeError as bad:
            at = f" at byte {bad.start + 1} of the line" if isinstance(bad, UnicodeDecodeError) else ""
            zh = f"（该行第 {bad.start + 1} 字节）" if isinstance(bad, UnicodeDecodeError) else ""
            raise BadText(f"not {self.encoding}{at}", f"不是 {self.encoding} 编码{zh}") from None
        if "\0" in text:
            raise BadText(
                "holds NUL: if the file is UTF-16, say so (--encoding utf-16)",
                "含有 NUL：如文件为 UTF-16，请指定 --encoding utf-16",
            )
        return text.removesuffix("\r")

    def shown(self, raw: bytes) -> bytes:
        """Bytes of the file as UTF-8, for people; what is no text as escapes."""
        text = raw[:MOST_SHOWN].decode(self.encoding or "utf-8", "backslashreplace")
        return text.encode("utf-8", "backslashreplace")

    def _found(self, begin: int) -> str:
        at = self._file.tell()
        self._file.seek(begin)
        lines = self._file.read(LOOK_AHEAD).split(b"\n")
        self._file.seek(at)
        lines = [line for line in (lines[:-1] or lines) if not line.isascii()]
        utf_8, gb18030 = (sum(_is(line, name) for line in lines) for name in ("utf-8", "gb18030"))
        # Half of all UTF-8 is GB18030 too, but hardly any GB18030 is UTF-8.
        return "utf-8" if 2 * utf_8 >= min(len(lines), 2 * gb18030) else "gb18030"


def _is(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _known(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        newline = "\n".encode(name)
    except (LookupError, UnicodeError, TypeError, ValueError):
        raise BadFile(
            f"there is no encoding {encoding!r}: try utf-8, gb18030 or utf-16",
            f"没有名为 {encoding!r} 的编码：可用 utf-8、gb18030 或 utf-16",
        ) from None
    name = {"utf-8-sig": "utf-8", "gbk": "gb18030", "gb2312": "gb18030"}.get(name, name)
    if newline != b"\n" and not name.startswith("utf-16"):
        raise BadFile(
            f"{encoding} cannot be cut into lines: save the file as UTF-8", f"{encoding} 无法按行读取：请另存为 UTF-8"
        )
    return name
