"""The kinds of values in EPCIS JSON, each a check that names the field and the rule it breaks.

Rules of EPCIS 2.0 ch. 7 and of GS1's JSON Schema for it (https://ref.gs1.org/standards/epcis/epcis-json-schema.json),
and what that schema cannot say: words of a vocabulary, declared namespaces, identifiers that hold a right number.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from services.core.epcis_names import VOCABULARIES, expanded, prefixes_of
from services.core.gs1_ai import BadGs1
from services.core.gs1_names import is_scheme, read_urn
from services.core.instant import parse_instant


class Fault(NamedTuple):
    """What is wrong where: a JSON pointer (RFC 6901) and the rule in both languages."""

    pointer: str
    en: str
    zh: str


Prefixes = Mapping[str, str]
Check = Callable[[Any, str, Prefixes], Iterator[Fault]]

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`\x00-\x20\x7f-\x9f\ud800-\udfff]+").fullmatch
_OFFSET = re.compile(r"[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)").fullmatch
_KNOWN_SCHEMES = ("http://", "https://", "urn:")
_WORD = re.compile(r"[^\s<>\"{}|\\^`\x00-\x20\x7f-\x9f\ud800-\udfff]+").fullmatch
_WEB_VOCABULARY = re.compile(r"https?://(?:www\.)?gs1\.org/voc/").match
_OLD_CBV = re.compile(r"urn:epcglobal:cbv|https?://ns\.gs1\.org/cbv/").match
LONGEST_URI = 2048


def step(pointer: str, key: str | int) -> str:
    """The pointer to a member."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def uri(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
    """An absolute URI; an EPC URN has to be one. Check digits in links are not judged: whoever sent them has them."""
    if not isinstance(value, str) or len(value) > LONGEST_URI or not _URI(value):
        yield Fault(pointer, "expected an absolute URI", "应为绝对 URI")
        return
    try:
        if is_scheme(value):
            read_urn(value)
    except BadGs1 as bad:
        yield Fault(pointer, f"no valid GS1 identifier: {bad.en}", f"不是有效的 GS1 标识：{bad.zh}")


def time(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
    """An RFC 3339 instant with offset."""
    if not isinstance(value, str):
        yield Fault(pointer, "expected a time in quotes", "应为文本形式的时间")
        return
    try:
        parse_instant(value)
    except ValueError as bad:
        yield Fault(pointer, str(bad), "应为带时区偏移、2000 年以后的 RFC 3339 时间")


def matching(pattern: Callable[[str], object], en: str, zh: str) -> Check:
    """Text of a form."""

    def check(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
        if not isinstance(value, str) or not pattern(value):
            yield Fault(pointer, f"expected {en}", f"应为{zh}")

    return check


offset = matching(_OFFSET, "an offset such as +08:00", "时区偏移，例如 +08:00")
text = matching(lambda value: True, "text", "文本")
hexadecimal = matching(re.compile(r"[A-Fa-f0-9]+").fullmatch, "hexadecimal digits", "十六进制数字")
uom = matching(
    re.compile(r"[A-Z0-9]{2,3}").fullmatch, "a UN/CEFACT unit code such as KGM", "UN/CEFACT 单位代码，例如 KGM"
)


def number(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
    """A JSON number."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        yield Fault(pointer, "expected a number", "应为数字")


def amount(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
    """A number that is not negative."""
    yield from number(value, pointer, prefixes)
    if isinstance(value, (int, Decimal)) and value < 0:
        yield Fault(pointer, "expected 0 or more", "应不小于 0")


def boolean(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
    """true or false."""
    if not isinstance(value, bool):
        yield Fault(pointer, "expected true or false", "应为 true 或 false")


def one_of(*words: str) -> Check:
    """One of few words."""
    return matching(lambda value: value in words, f"one of {', '.join(words)}", f"以下之一：{'、'.join(words)}")


def word(vocabulary: str) -> Check:
    """A word of a vocabulary of GS1, or a URI of one's own."""
    words, base = VOCABULARIES[vocabulary]

    def check(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
        if isinstance(value, str) and value in words:
            return
        whole = expanded(value, prefixes) if isinstance(value, str) else ""
        if not _URI(whole) or _OLD_CBV(whole) or (whole.startswith(base) and whole[len(base) :] not in words):
            yield Fault(
                pointer,
                f"{str(value)[:60]!a} is no word of the standard vocabulary: use one, or a URI of your own",
                f"{str(value)[:60]!a} 不是标准词汇：请用标准词汇，或自有的 URI",
            )

    return check


def kind(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
    """What a sensor measures or warns of: the Web Vocabulary grows, so a new word is none of ours to refuse."""
    if not isinstance(value, str) or not _WORD(value):
        yield Fault(pointer, "expected a word of the GS1 Web Vocabulary or a URI", "应为 GS1 Web 词汇或 URI")
    elif _WEB_VOCABULARY(value):
        yield Fault(pointer, "write the bare word instead of its address", "请写词汇本身，而非其网址")


def is_absolute(name: str) -> bool:
    """Is this a URI, and not a name whose prefix nobody declared?"""
    return name.startswith(_KNOWN_SCHEMES)


def listed(item: Check, least: int = 0, unique: bool = False) -> Check:
    """A list of one kind."""

    def check(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield Fault(pointer, "expected a list", "应为列表")
            return
        if len(value) < least:
            yield Fault(pointer, "expected at least one", "至少应有一项")
        if unique and len({str(each) for each in value}) < len(value):
            yield Fault(pointer, "expected every item once", "各项不得重复")
        for index, each in enumerate(value):
            yield from item(each, step(pointer, index), prefixes)

    return check


def either(many: Check, one: Check) -> Check:
    """A list or a single value."""

    def check(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
        yield from (many if isinstance(value, list) else one)(value, pointer, prefixes)

    return check


def mapping(fields: Mapping[str, Check], required: Collection[str] = (), extensible: bool = True) -> Check:
    """An object: its fields, those that must be there, and whether it may have extensions."""

    def check(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield Fault(pointer, "expected an object", "应为对象")
            return
        prefixes = prefixes_of(value.get("@context"), prefixes)
        for name in required:
            if name not in value:
                yield Fault(step(pointer, name), "is required", "为必填项")
        for name, each in value.items():
            if name in fields:
                yield from fields[name](each, step(pointer, name), prefixes)
            elif not extensible:
                yield Fault(
                    step(pointer, name), "unknown field, and no extension is allowed here", "未知字段，此处不允许扩展"
                )
            else:
                yield from extension(name, step(pointer, name), prefixes)

    return check


def extension(name: str, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
    """The name of an extension needs a namespace that is declared."""
    prefix, colon, _ = name.partition(":")
    if not colon:
        yield Fault(
            pointer,
            "unknown field: an extension needs a namespace, such as ext:name with ext declared in @context",
            "未知字段：扩展字段需带命名空间，例如 ext:name，并在 @context 中声明 ext",
        )
    elif not is_absolute(expanded(name, prefixes)):
        yield Fault(
            pointer, f"the prefix {prefix[:40]!a} is not declared in @context", f"@context 未声明前缀 {prefix[:40]!a}"
        )


def anything(value: Any, pointer: str, prefixes: Prefixes) -> Iterator[Fault]:
    """Not looked at."""
    yield from ()
