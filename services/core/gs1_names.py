"""One name for one thing: EPC URNs, Digital Links and element strings → the canonical GS1 Digital Link.

    urn:epc:id:sgtin:4012345.011111.9876  ─┐
    (01)04012345111118(21)9876             ├─► https://id.gs1.org/01/04012345111118/21/9876
    https://example.com/gtin/…/ser/9876?…  ─┘

The link is the canonical form because the other way needs the length of the company prefix, which no barcode holds.
EPC URNs: GS1 EPC Tag Data Standard 2.0, ch. 6-7 (https://ref.gs1.org/standards/tds/).
"""

import re
from collections.abc import Callable, Sequence
from urllib.parse import quote, unquote

from services.core.gs1 import QUALIFIERS, Element, read_link, read_scanned
from services.core.gs1_ai import AIS, BadGs1, check_digit, check_value

CANONICAL = "https://id.gs1.org"
_URN = re.compile(r"urn:epc:(id|class|idpat):([a-z]+):(.*)").fullmatch
_PREFIX = re.compile(r"[0-9]{6,12}").fullmatch
_DIGITS = re.compile(r"[0-9]+").fullmatch

Parts = Sequence[str]


def _gtin(company: str, item: str) -> str:
    body = item[:1] + company + item[1:]
    if not _DIGITS(body) or len(body) != 13:
        raise BadGs1(
            "company prefix and item reference must have 13 digits together", "厂商识别代码与项目代码合计应为 13 位"
        )
    return body + check_digit(body)


def _with_digit(company: str, reference: str, digits: int) -> str:
    body = company + reference
    if not _DIGITS(body) or len(body) != digits:
        raise BadGs1(
            f"company prefix and reference must have {digits} digits together",
            f"厂商识别代码与参考号合计应为 {digits} 位",
        )
    return body + check_digit(body)


def _sscc(p: Parts) -> list[Element]:
    return [("00", _with_digit(p[1][:1] + p[0], p[1][1:], 17))]


def _location(ai: str, p: Parts) -> list[Element]:
    found = [(ai, _with_digit(p[0], p[1], 12))]
    return found if len(p) < 3 or p[2] in ("0", "*") else [*found, ("254", p[2])]


def _serial(ai: str, p: Parts) -> list[Element]:
    return [] if p[-1] == "*" else [(ai, p[-1])]


def _tail(p: Parts) -> str:
    return "" if p[-1] == "*" else p[-1]


_SCHEMES: dict[str, tuple[int, Callable[[Parts], list[Element]]]] = {
    "sgtin": (3, lambda p: [("01", _gtin(p[0], p[1])), *_serial("21", p)]),
    "lgtin": (3, lambda p: [("01", _gtin(p[0], p[1])), *_serial("10", p)]),
    "upui": (3, lambda p: [("01", _gtin(p[0], p[1])), *_serial("235", p)]),
    "itip": (5, lambda p: [("8006", _gtin(p[0], p[1]) + p[2] + p[3]), *_serial("21", p)]),
    "sscc": (2, _sscc),
    "sgln": (3, lambda p: _location("414", p)),
    "pgln": (2, lambda p: _location("417", p)),
    "grai": (3, lambda p: [("8003", "0" + _with_digit(p[0], p[1], 12) + _tail(p))]),
    "giai": (2, lambda p: [("8004", p[0] + p[1])]),
    "gsrn": (2, lambda p: [("8018", _with_digit(p[0], p[1], 17))]),
    "gsrnp": (2, lambda p: [("8017", _with_digit(p[0], p[1], 17))]),
    "gdti": (3, lambda p: [("253", _with_digit(p[0], p[1], 12) + _tail(p))]),
    "sgcn": (3, lambda p: [("255", _with_digit(p[0], p[1], 12) + _tail(p))]),
    "cpi": (3, lambda p: [("8010", p[0] + p[1]), *_serial("8011", p)]),
    "ginc": (2, lambda p: [("401", p[0] + p[1])]),
    "gsin": (2, lambda p: [("402", _with_digit(p[0], p[1], 16))]),
}  # fmt: skip
"""EPC scheme → how many parts its URN has, and the elements they are."""


def is_scheme(urn: str) -> bool:
    """Is this an EPC URN of a scheme of GS1 keys, right or wrong?"""
    head = urn.split(":", 4)
    return len(head) == 5 and head[:2] == ["urn", "epc"] and head[3] in _SCHEMES and head[2] in ("id", "class", "idpat")


def read_urn(urn: str) -> tuple[Element, ...]:
    """The elements of an EPC URN (`id`, `class`, or the class that an `idpat` with `*` names). Raises BadGs1."""
    match = _URN(urn)
    if match is None or match[2] not in _SCHEMES:
        raise BadGs1("not an EPC URN of a GS1 key", "不是 GS1 主键的 EPC URN")
    count, elements = _SCHEMES[match[2]]
    raw = match[3].split(".", count - 1)
    if len(raw) != count or not _PREFIX(raw[0]):
        raise BadGs1(
            f"{match[2]} has {count} parts, a company prefix first", f"{match[2]} 应有 {count} 段，首段为厂商识别代码"
        )
    try:
        parts = [unquote(part, errors="strict") for part in raw]
    except UnicodeDecodeError:
        raise BadGs1("a damaged percent-encoding", "百分号编码已损坏") from None
    if match[1] != "idpat" and parts[-1] == "*" and raw[-1] == "*":
        raise BadGs1("* stands only in urn:epc:idpat", "* 只能用于 urn:epc:idpat")
    found = tuple(elements(parts))
    for ai, value in found:
        check_value(ai, value)
    return found


def link(elements: Sequence[Element]) -> str:
    """The canonical link of the key among the elements and what qualifies it. Raises BadGs1 where there is no key."""
    held = dict(elements)
    for key in QUALIFIERS:
        if key in held:
            of_key = max(QUALIFIERS[key], key=lambda allowed: sum(ai in held for ai in allowed))
            return _written([(ai, held[ai]) for ai in (key, *of_key) if ai in held])
    raise BadGs1("there is no GS1 key such as (00) or (01)", "其中没有 (00)、(01) 等 GS1 主键")


def _written(elements: Sequence[Element]) -> str:
    return CANONICAL + "".join([f"/{ai}/{quote(value, safe=_UNQUOTED)}" for ai, value in elements])


_UNQUOTED = "'"


def canonical_name(text: str) -> str | None:
    """The canonical link where the text is an EPC URN of a GS1 key or a Digital Link; None where it is neither."""
    try:
        if text.startswith("urn:epc:"):
            return link(read_urn(text))
        if text[:4] in ("http", "HTTP"):
            return link(read_link(text))
    except BadGs1:
        return None
    return None


_WHOLE_KEYS = ("00", "8004", "8017", "8018", "401", "402")
"""Keys that name one thing by themselves."""
_SERIAL_WITHIN = {"8003": 14, "253": 13, "255": 13}
"""Keys with a serial number behind so many digits."""
_SERIALS = {"01": ("21", "235", "10"), "8006": ("21", "10"), "8010": ("8011",)}
"""Keys of kinds, and what makes one thing or one lot of them, the finest first."""


def unit_of(elements: Sequence[Element]) -> str | None:
    """The canonical link of the one thing or lot that the elements name, None where they name only a kind or a place.

    A serial number is enough: lot and variant beside it are attributes, and leaving them out names the same thing.
    """
    held = dict(elements)
    for key in _WHOLE_KEYS:
        if key in held:
            return _written([(key, held[key])])
    for key, digits in _SERIAL_WITHIN.items():
        if len(held.get(key, "")) > digits:
            return _written([(key, held[key])])
    for key, qualifiers in _SERIALS.items():
        for ai in qualifiers:
            if key in held and ai in held:
                return _written([(key, held[key]), (ai, held[ai])])
    return None


def product_of(elements: Sequence[Element]) -> str | None:
    """The GTIN (14 digits) of what the elements name, if it has one."""
    held = dict(elements)
    gtin = held.get("01") or held.get("8006", "")[:14]
    return gtin or None


def read_name(text: str) -> tuple[Element, ...]:
    """The elements in a scan, a link or an EPC URN. Raises BadGs1."""
    return read_urn(text) if text.startswith("urn:") else read_scanned(text)


assert all(key in AIS for key in (*QUALIFIERS, *_SERIALS, *_WHOLE_KEYS))
