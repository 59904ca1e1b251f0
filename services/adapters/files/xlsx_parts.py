"""The parts of an Excel workbook that say what its cells mean: sheets, shared texts, and which numbers are dates.

ECMA-376 part 1: 18.2 workbook, 18.4 shared strings, 18.8 styles, 18.18.
"""

import errno
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, BinaryIO

from services.adapters.files.safe_xml import parse
from services.core.records import BadFile

MOST_PART = 64 << 20
"""Bytes of texts and formats, which are held; a sheet is not."""
MOST_SHEET = 8 << 30
MOST_RATIO = 200
_PACKED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_DATES = frozenset({14, 15, 16, 17, *range(27, 32), 34, 35, 36, *range(50, 55), 57, 58})
_TIMES = frozenset({18, 19, 20, 21, 32, 33, 45, 46, 47, 55, 56})
_BOTH = 22
_NO_CODE = re.compile(r'"[^"]*"|\\.|\[(?!h+\]|m+\]|s+\])[^\]]*\]|_.|\*.', re.IGNORECASE)


class Workbook:
    """An open workbook, without its cells."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises BadFile."""
        with _zip_troubles():
            self._zip = zipfile.ZipFile(file)
            book = _Book()
            for _ in parse(self._part("xl/workbook.xml"), book):
                pass
            self.sheets, self.from_1904 = book.sheets, book.from_1904
            if not self.sheets:
                raise BadFile("has no sheets", "没有工作表")
            targets = _Targets()
            for _ in parse(self._part("xl/_rels/workbook.xml.rels"), targets):
                pass
            self._targets = targets.found
            self.texts = self._texts()
            self.date_styles = self._date_styles()

    def _part(self, name: str, most: int = MOST_PART) -> IO[bytes]:
        info = self._zip.getinfo(name)
        if info.compress_type not in _PACKED:
            raise BadFile("is packed as Excel never does: save it anew", "压缩方式并非 Excel 所用：请重新保存")
        small = info.file_size <= MOST_PART
        if info.file_size > most or (not small and info.file_size > MOST_RATIO * max(1, info.compress_size)):
            raise BadFile(
                f"{name} has {info.file_size} bytes unpacked, more than is read: save it as CSV",
                f"{name} 解压后有 {info.file_size} 字节，超过可读取的上限：请另存为 CSV",
            )
        return self._zip.open(info)

    @contextmanager
    def sheet(self, name: str | None) -> Iterator[IO[bytes]]:
        """The XML of the sheet of this name; None: of the first. Raises BadFile."""
        if not self.sheets or (name is not None and name not in self.sheets):
            have = ", ".join(self.sheets)
            raise BadFile(f"has no sheet {name!r}; its sheets: {have}", f"没有工作表 {name!r}；现有：{have}")
        target = self._targets.get(self.sheets[name] if name is not None else next(iter(self.sheets.values())), "")
        with _zip_troubles(), self._part(target, MOST_SHEET) as part:
            yield part

    def _texts(self) -> list[str]:
        name = "xl/sharedStrings.xml"
        texts = _Texts()
        if name in self._zip.namelist():
            for _ in parse(self._part(name), texts):
                pass
        return texts.found

    def _date_styles(self) -> list[str]:
        name = "xl/styles.xml"
        styles = _Styles()
        if name in self._zip.namelist():
            for _ in parse(self._part(name), styles):
                pass
        return [styles.kind(number) for number in styles.cells]


@contextmanager
def _zip_troubles() -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise BadFile(f"is no Excel workbook: {error}", "不是 Excel 工作簿") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeError) as error:
        raise BadFile(f"is damaged or encrypted: {error}", "已损坏或已加密") from None
    except (ValueError, OSError) as error:
        if isinstance(error, BadFile) or (isinstance(error, OSError) and error.errno != errno.EINVAL):
            raise  # EINVAL: a damaged workbook names a place before its begin
        raise BadFile(f"is damaged: {error}", "已损坏") from None


class _Silent:
    def begin(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """Nothing by itself."""

    def end(self, name: str) -> None:
        """Nothing by itself."""

    def text(self, text: str) -> None:
        """Nothing by itself."""


class _Book(_Silent):
    def __init__(self) -> None:
        self.sheets: dict[str, str] = {}
        self.from_1904 = False

    def begin(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        if name == "sheet":
            link = next((value for key, value in attributes.items() if key.rpartition(":")[2] == "id"), "")
            self.sheets[attributes.get("name", "")] = link
        elif name == "workbookPr":
            self.from_1904 = attributes.get("date1904") in ("1", "true", "on")


class _Targets(_Silent):
    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def begin(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        if name == "Relationship":
            target = attributes.get("Target", "")
            self.found[attributes.get("Id", "")] = target[1:] if target.startswith("/") else f"xl/{target}"


class _Texts(_Silent):
    """A text is one `t`, or the `t` of its runs; how it is pronounced (`rPh`) is no part of it."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._parts: list[str] = []
        self._in: list[str] = []

    def begin(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        self._in.append(name)
        if name == "si":
            self._parts = []

    def end(self, name: str) -> None:
        self._in.pop()
        if name == "si":
            self.found.append("".join(self._parts))

    def text(self, text: str) -> None:
        if self._in[-1] == "t" and "rPh" not in self._in:
            self._parts.append(text)


class _Styles(_Silent):
    def __init__(self) -> None:
        self.cells: list[int] = []
        self._formats: dict[int, str] = {}
        self._in_cells = False

    def begin(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        if name == "numFmt":
            self._formats[_whole(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
        elif name == "cellXfs":
            self._in_cells = True
        elif name == "xf" and self._in_cells:
            self.cells.append(_whole(attributes.get("numFmtId")))

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._in_cells = False

    def kind(self, number: int) -> str:
        """`date`, `time`, `both`, or nothing for a number that is no moment."""
        code = self._formats.get(number)
        if code is None:
            return "date" if number in _DATES else "time" if number in _TIMES else "both" if number == _BOTH else ""
        code = _NO_CODE.sub("", code.split(";")[0]).lower()
        if code == "general":
            return ""
        date, time = "y" in code or "d" in code, "h" in code or "s" in code
        return "both" if date and time else "date" if date else "time" if time else ""


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else -1
