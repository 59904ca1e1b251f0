"""XML of anybody, piece by piece: no document type, so no entities; nothing is fetched; what is held is bounded."""

import codecs
import re
from collections.abc import Iterator, Mapping
from typing import IO, Protocol
from xml.parsers import expat

from services.core.records import MOST_RECORD, BadFile

PIECE = 64 * 1024
MOST_DEPTH = 64
_GB = re.compile(rb"""^\s*<\?xml[^>]{0,100}encoding\s*=\s*["'](?:gb18030|gbk|gb2312)["']""", re.IGNORECASE)


class Handler(Protocol):
    """Hears elements in order, their names without prefix. What it raises ends the reading."""

    def begin(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """An element begins. `line`: of the file."""
        ...

    def end(self, name: str) -> None:
        """It ends."""
        ...

    def text(self, text: str) -> None:
        """A piece of text in it."""
        ...


class BrokenXml(BadFile):
    """From this line on the file cannot be read."""

    def __init__(self, line: int, en: str, zh: str) -> None:
        super().__init__(en, zh)
        self.line = line


class _Parse:
    def __init__(self, handler: Handler, encoding: str | None) -> None:
        self.parser = expat.ParserCreate(encoding)
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.DefaultHandler = self._other
        self._handler = handler
        self._depth = 0
        self.silent = 0
        """Bytes since it had anything to say: those of a token that has no end yet."""

    @property
    def line(self) -> int:
        return self.parser.CurrentLineNumber

    def _doctype(self, *_: object) -> None:
        raise BrokenXml(
            self.line, "has a document type (<!DOCTYPE), which is never read: remove it",
            "含有文档类型声明（<!DOCTYPE），不予读取：请删除",
        )  # fmt: skip

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self.silent = 0
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise BrokenXml(self.line, f"more than {MOST_DEPTH} elements in each other", f"嵌套超过 {MOST_DEPTH} 层")
        self._handler.begin(name.rpartition(":")[2], attributes, self.line)

    def _end(self, name: str) -> None:
        self.silent = 0
        self._depth -= 1
        self._handler.end(name.rpartition(":")[2])

    def _text(self, text: str) -> None:
        self.silent = 0
        self._handler.text(text)

    def _other(self, _: str) -> None:
        self.silent = 0

    def feed(self, piece: bytes) -> None:
        self.silent += len(piece)
        try:
            self.parser.Parse(piece, not piece)
        except expat.ExpatError as error:
            what = expat.ErrorString(error.code)
            raise BrokenXml(error.lineno, f"is no XML here: {what}", f"此处不是有效的 XML：{what}") from None
        except (LookupError, ValueError) as error:
            if isinstance(error, BadFile):
                raise
            raise BrokenXml(self.line, f"cannot be decoded: {error}", f"无法解码：{error}") from None
        if self.silent > MOST_RECORD:
            raise BrokenXml(
                self.line, f"a name or value of more than {MOST_RECORD} bytes", f"名称或值超过 {MOST_RECORD} 字节"
            )


def parse(file: IO[bytes], handler: Handler) -> Iterator[None]:
    """Let the handler hear the document; gives the turn back after every piece. Raises BadFile, OSError."""
    piece = file.read(PIECE)
    # expat knows no encoding of several bytes but UTF-8 and UTF-16.
    decoder = codecs.getincrementaldecoder("gb18030")() if _GB.match(piece) else None
    parsing = _Parse(handler, "utf-8" if decoder else None)
    while True:
        parsing.feed(piece if decoder is None else _as_utf8(decoder, piece, parsing.line))
        yield
        if not piece:
            return
        piece = file.read(PIECE)


def _as_utf8(decoder: codecs.IncrementalDecoder, piece: bytes, line: int) -> bytes:
    try:
        return decoder.decode(piece, not piece).encode()
    except UnicodeError:
        raise BrokenXml(line, "is not GB18030, as it says", "并非其声明的 GB18030 编码") from None
