"""XML ↔ elements of B2MML, by expat. What may harm is refused before it is built: a DTD, and with it every entity
(XXE, billion laughs), depth, and the number of elements. Nothing is ever fetched.

expat reads UTF-8, UTF-16, ISO 8859-1 and ASCII; the encodings of Chinese exports are read by us before.
"""

import re
from xml.parsers import expat
from xml.sax.saxutils import escape

from services.core.b2mml import NAMESPACE, Element, Node

MOST_DEPTH = 64
MOST_ELEMENTS = 60_000
MOST_TEXT = 20_000
"""Characters of one element: none that we read has more."""
_SEPARATOR = "\x1f"
_DECLARED = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml\s[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CHINESE = {"gbk", "gb2312", "gb18030", "gb_2312-80", "cp936"}
_WORDS_ZH = {
    expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]: "格式错误（无效字符）",
    expat.errors.codes[expat.errors.XML_ERROR_TAG_MISMATCH]: "标签不匹配",
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]: "没有元素",
}


class BadXml(ValueError):
    """Not XML that is read here; `en` and `zh` say where and why."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh


def read_xml(body: bytes) -> Element:
    """The root of a document. Raises BadXml."""
    text = _decoded(body)
    reader = _Reader()
    try:
        reader.parser.Parse(text, True)
    except expat.ExpatError as error:
        words = expat.ErrorString(error.code)
        raise BadXml(
            f"not XML: {words} in line {error.lineno}, column {error.offset + 1}",
            f"不是 XML：第 {error.lineno} 行第 {error.offset + 1} 列 {_WORDS_ZH.get(error.code, words)}",
        ) from None
    except (LookupError, ValueError) as error:
        if isinstance(error, BadXml):
            raise
        raise BadXml(
            "its encoding is not read: send UTF-8, UTF-16, ISO-8859-1 or GB18030",
            "不支持该编码：请使用 UTF-8、UTF-16、ISO-8859-1 或 GB18030",
        ) from None
    assert reader.root is not None
    return reader.root


def write_xml(root: Node) -> bytes:
    """The document of these elements, in the namespace of V0700. Characters that XML has no place for become U+FFFD."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    _write(root, lines, "", f' xmlns="{NAMESPACE}"')
    return ("\n".join(lines) + "\n").encode()


def _write(node: Node, lines: list[str], indent: str, attributes: str = "") -> None:
    if isinstance(node.inside, str):
        text = escape(_NO_XML.sub("\ufffd", node.inside))
        lines.append(f"{indent}<{node.name}{attributes}>{text}</{node.name}>")
        return
    lines.append(f"{indent}<{node.name}{attributes}>")
    for inner in node.inside:
        _write(inner, lines, indent + "  ")
    lines.append(f"{indent}</{node.name}>")


def _decoded(body: bytes) -> bytes | str:
    declared = _DECLARED.match(body)
    if declared is None or declared[1].decode().lower() not in _CHINESE:
        return body
    try:
        return body.decode("gb18030")
    except UnicodeDecodeError as bad:
        name = declared[1].decode()
        raise BadXml(f"not {name} (byte {bad.start})", f"不是 {name} 编码（第 {bad.start} 字节）") from None


class _Reader:
    """Builds the tree, within bounds. Text is kept of the innermost element only where it is said."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.root: Element | None = None
        self._open: list[Element] = []
        self._last: list[dict[str, Element]] = []
        self._elements = 0

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, name = tag.rpartition(_SEPARATOR)
        self._elements += 1
        if self._elements > MOST_ELEMENTS or len(self._open) >= MOST_DEPTH:
            raise BadXml(
                f"more than {MOST_ELEMENTS} elements or {MOST_DEPTH} levels: send it in parts",
                f"元素超过 {MOST_ELEMENTS} 个或嵌套超过 {MOST_DEPTH} 层：请分批发送",
            )
        parent = self._open[-1] if self._open else None
        element = Element(namespace, name, self.parser.CurrentLineNumber, parent)
        if parent is None:
            self.root = element
        else:
            before, self._last[-1][tag] = self._last[-1].get(tag), element
            if before is not None:
                element.number, element.alone, before.alone = before.number + 1, False, False
            parent.children.append(element)
        self._open.append(element)
        self._last.append({})

    def _end(self, tag: str) -> None:
        self._open.pop()
        self._last.pop()

    def _text(self, text: str) -> None:
        element = self._open[-1]
        if text.strip() or element.text:
            element.text += text
            if len(element.text) > MOST_TEXT:
                raise BadXml(
                    f"{element.path} has more than {MOST_TEXT} characters",
                    f"{element.path} 超过 {MOST_TEXT} 个字符",
                )

    def _doctype(self, *_: object) -> None:
        raise BadXml(
            "a document type declaration is refused (entities could harm): send the document without <!DOCTYPE …>",
            "拒绝文档类型声明（实体可能有害）：请去掉 <!DOCTYPE …> 后重新发送",
        )
