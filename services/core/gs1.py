"""What a scanner sends → GS1 element strings: raw with separators, in brackets, or a GS1 Digital Link.

    ]d201095201234567882112345⟨GS⟩17280101     symbology identifier and raw elements
    (01)09520123456788(21)12345                human readable
    https://id.gs1.org/01/09520123456788/21/12345

GS1 General Specifications 7.8 (processing of data from a GS1 symbology), GS1 Digital Link: URI Syntax 1.4
(https://ref.gs1.org/standards/digital-link/uri-syntax/). GTINs may be written without leading zeros in links, and
keys by their names (`/gtin/`), as older links have them. Every reading raises BadGs1.
"""

import re
from collections.abc import Callable, Sequence
from urllib.parse import unquote, unquote_plus

from services.core.gs1_ai import AIS, LENGTH_OF_AI, PREDEFINED, BadGs1, check_value, longest

Element = tuple[str, str]
SEPARATOR = "\x1d"
"""GS, which scanners send for FNC1."""

ELEMENT_SYMBOLS = ("]C1", "]e0", "]d2", "]Q3", "]J1")
"""Symbology identifiers (ISO/IEC 15424) of what holds element strings: GS1-128, GS1 DataBar and composites, GS1
DataMatrix, GS1 QR, GS1 DotCode."""
_EAN_SYMBOLS = {"]E0": 13, "]E4": 8}
_PLAIN_SYMBOLS = ("]d1", "]Q1", "]J0")
LONGEST_LINK = 2048

_BRACKETED = re.compile(r"\((\d{2,4})\)((?:[^(\\]|\\\(?)*)")
_LINK = re.compile(r"(?:https?|HTTPS?)://([^/?#]+)((?:/[^?#]*)?)(?:\?([^#]*))?(?:#.*)?").fullmatch
_LINK_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*").fullmatch
_HOST = re.compile(r"(?:[A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?").fullmatch
_NAMED = {
    "gtin": "01", "itip": "8006", "cpid": "8010", "gmn": "8013", "gln": "414", "party": "417", "gsrnp": "8017",
    "gsrn": "8018", "gcn": "255", "sscc": "00", "gdti": "253", "ginc": "401", "gsin": "402", "grai": "8003",
    "giai": "8004", "cpv": "22", "lot": "10", "ser": "21", "cpsn": "8011", "glnx": "254", "refno": "8020",
    "srin": "8019", "tpx": "235", "cpsni": "8011",
}  # fmt: skip
QUALIFIERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "00": ((),), "01": (("22", "10", "21"), ("235",)), "253": ((),), "255": ((),), "401": ((),), "402": ((),),
    "414": (("254",), ("7040",)), "415": (("8020",),), "417": (("7040",),), "8003": ((),), "8004": (("7040",),),
    "8006": (("22", "10", "21"),), "8010": (("8011",),), "8013": ((),), "8017": (("8019",),), "8018": (("8019",),),
}  # fmt: skip
"""Primary keys of links, each with the AIs that may qualify it, in order."""
_NOT_ATTRIBUTES = frozenset(
    ("03", "21", "22", "235", "254", "7040", "8011", "8014", "8019", "8020", "8040", "8041", "8042", "8043", "8200")
)
"""AIs that no query of a link may hold."""


def read_scanned(text: str) -> tuple[Element, ...]:
    """The elements in whatever a scanner sends. Raises BadGs1."""
    symbol, rest = (text[:3], text[3:]) if text.startswith("]") else ("", text)
    if symbol in _EAN_SYMBOLS:
        return _read_ean(rest, _EAN_SYMBOLS[symbol])
    if symbol in ELEMENT_SYMBOLS:
        return read_elements(rest)
    if symbol and symbol not in _PLAIN_SYMBOLS:
        raise BadGs1(f"the symbology {symbol[:3]!r} carries no GS1 identifier", f"码制 {symbol[:3]!r} 不含 GS1 标识")
    if rest[:4].lower() == "http":
        return read_link(rest)
    if symbol:
        raise BadGs1("this symbol holds text that is not GS1's", "该条码内容不是 GS1 数据")
    return read_bracketed(rest) if rest.startswith("(") else read_elements(rest)


def _read_ean(text: str, digits: int) -> tuple[Element, ...]:
    linear, _, composite = text.partition("|]e0")
    if len(linear) != digits:
        raise BadGs1(f"expected {digits} digits", f"应为 {digits} 位数字")
    first = _checked("01", linear.zfill(14))
    return (first, *(read_elements(composite) if composite else ()))


def read_elements(text: str) -> tuple[Element, ...]:
    """Raw element strings: AI and value one after the other, GS behind a value that has no predefined length."""
    rest = text.lstrip(SEPARATOR)
    if not rest:
        raise BadGs1("there is no element string", "没有 GS1 数据元素")
    found = []
    while rest:
        ai = rest[: LENGTH_OF_AI.get(rest[:2], 0)]
        if ai not in AIS:
            raise _unknown(rest[:4])
        rest = rest[len(ai) :]
        if ai in PREDEFINED:
            value, rest = rest[: longest(ai)], rest[longest(ai) :].removeprefix(SEPARATOR)
        else:
            value, _, rest = rest.partition(SEPARATOR)
        found.append(_checked(ai, value))
    return _each_once(found)


def read_bracketed(text: str) -> tuple[Element, ...]:
    """The human readable form; a bracket that belongs to a value is written `\\(`."""
    found, end = [], 0
    for match in _BRACKETED.finditer(text):
        if match.start() != end:
            break
        found.append(_checked(match[1], match[2].replace("\\(", "(")))
        end = match.end()
    if end < len(text) or not found:
        raise BadGs1("expected (AI)value(AI)value", "应为 (AI)值(AI)值 的形式")
    return _each_once(found)


def read_link(uri: str) -> tuple[Element, ...]:
    """A GS1 Digital Link URI of any domain: key, qualifiers, then the attributes of its query that are AIs."""
    match = _LINK(uri) if len(uri) <= LONGEST_LINK and _LINK_CHARACTERS(uri) else None
    if match is None or not _HOST(match[1]):
        raise BadGs1("not a web address that a GS1 Digital Link may be", "不是有效的 GS1 Digital Link 网址")
    path = match[2].split("/")[1:]
    start = _key_at(path)
    pairs = [(_ai(path[i]), path[i + 1]) for i in range(start, len(path), 2)]
    key, qualifiers = pairs[0][0], [ai for ai, _ in pairs[1:]]
    allowed = [each for each in QUALIFIERS[key] if _in_order(qualifiers, each)]
    if not allowed:
        raise BadGs1(
            f"({key}) cannot be followed by {', '.join(qualifiers)} in a link",
            f"链接中 ({key}) 之后不能是 {'、'.join(qualifiers)}",
        )
    found = [_linked(ai, unquote, value) for ai, value in pairs]
    found += _attributes(match[3] or "", {ai for each in allowed for ai in each})
    if len(dict(found)) < len(found):
        raise BadGs1("an application identifier is in the link twice", "链接中有重复的应用标识符")
    return tuple(found)


def _key_at(path: Sequence[str]) -> int:
    """Where the primary key stands: the last place from which the rest reads as AIs and values."""
    for start in range(len(path) - 2, -1, -2):
        if _ai(path[start]) in QUALIFIERS:
            return start
    raise BadGs1("the address has no GS1 key such as /01/", "网址中没有 /01/ 之类的 GS1 主键")


def _ai(written: str) -> str:
    return written if written.isdigit() else _NAMED.get(written, written)


def _in_order(found: Sequence[str], allowed: Sequence[str]) -> bool:
    left = iter(allowed)
    return all(ai in left for ai in found)


def _attributes(query: str, of_path: set[str]) -> list[Element]:
    """The AIs of a query; what could qualify the key in the path has to stand there."""
    found = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if not equals or not name.isdigit():
            continue
        if name in _NOT_ATTRIBUTES or name in of_path:
            raise BadGs1(f"({name}) cannot stand in the query of a link", f"({name}) 不能放在链接的查询部分")
        found.append(_linked(name, unquote_plus, value))
    return found


def _linked(ai: str, decoded: Callable[..., str], written: str) -> Element:
    """A value of a link, percent-encoding undone and a short GTIN filled up."""
    try:
        value = decoded(written, errors="strict")
    except UnicodeDecodeError:
        raise BadGs1(f"({ai}) has a damaged percent-encoding", f"({ai}) 的百分号编码已损坏") from None
    return _checked(ai, value.zfill(14) if ai in ("01", "02") and len(value) in (8, 12, 13) else value)


def _checked(ai: str, value: str) -> Element:
    if ai not in AIS:
        raise _unknown(ai)
    check_value(ai, value)
    return ai, value


def _unknown(ai: str) -> BadGs1:
    return BadGs1(f"{ai!r} begins no application identifier", f"{ai!r} 不是应用标识符（AI）")


def _each_once(found: list[Element]) -> tuple[Element, ...]:
    kept = dict(found)
    if len(kept) < len(found):
        for ai, value in found:
            if kept[ai] != value:
                raise BadGs1(f"({ai}) is there twice with different values", f"({ai}) 出现两次且取值不同")
    return tuple(kept.items())
