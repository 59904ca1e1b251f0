"""What every message shares: how its JSON is read, its base class, and the kinds of its fields.

Fields nobody knows are ignored: a system that sends more than we read must not be refused, and a reader of an older
version must be able to read a newer message. JSON itself is read strictly: UTF-8 without byte order mark, one object,
no NaN or Infinity, no half of a surrogate pair, and no key twice (but for records of floor.scans and lines of event
files, where looking for one would cost every scan: there the last one counts). Decimals are read from their digits,
never as floats.
"""

import base64
import json
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Never, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, WithJsonSchema

from schemas.explain import explain
from schemas.instant import ReadTime, instant_us
from schemas.text import LONGEST_EVENT_ID, LONGEST_ID, LONGEST_UNIT_ID, bilingual, cleaned

MOST_DIGITS = 18
MOST_FRACTION = 6

_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)


class Malformed(ValueError):
    """A message that cannot be read; `en` and `zh` name the field and what is expected there."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh


class Message(BaseModel):
    """A message on the wire."""

    model_config = ConfigDict(extra="ignore", frozen=True)


Kind = TypeVar("Kind", bound=Message)


def validated(kind: type[Kind], value: object, read_time: ReadTime = instant_us) -> Kind:
    """The message of this kind in a JSON value; raises Malformed. `read_time` reads a source's own times."""
    try:
        return kind.model_validate(value, context={"read_time": read_time})
    except ValidationError as error:
        raise Malformed(*explain(error)) from error


def read_json(data: bytes, keys_once: bool = True) -> dict[str, Any]:
    """The JSON object in the bytes, numbers with a point as Decimal; raises Malformed.

    `keys_once` False: a key that is there twice is not refused, its last value counts.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8 (byte {error.start})", f"不是 UTF-8 编码（第 {error.start} 字节）") from error
    try:
        value = json.loads(
            text, object_pairs_hook=_once if keys_once else dict, parse_float=Decimal, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        raise Malformed(
            f"not JSON: {error.msg} at character {error.pos}", f"不是 JSON：第 {error.pos} 个字符处 {error.msg}"
        ) from error
    except (RecursionError, ValueError) as error:
        if isinstance(error, Malformed):
            raise
        raise Malformed(
            "not JSON we can read: nested too deeply or a number too long", "无法读取的 JSON：嵌套过深或数字过长"
        ) from error
    if not isinstance(value, dict):
        raise Malformed("expected one JSON object {…}", "应为一个 JSON 对象 {…}")
    if _HALF_PAIR.search(text):
        _refuse_half_pairs(value)
    return value


def _refuse_half_pairs(value: dict[str, Any]) -> None:
    for key, item in value.items():
        try:
            json.dumps([key, item], ensure_ascii=False, default=str).encode("utf-8")
        except RecursionError:
            raise Malformed("not JSON we can read: nested too deeply", "无法读取的 JSON：嵌套过深") from None
        except UnicodeEncodeError as error:
            raise Malformed(
                f"{key!a}: has half of a surrogate pair, which is no character",
                f"{key!a}：含有不成对的代理码元，不是有效字符",
            ) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice = first_twice(key for key, _ in pairs)
        raise Malformed(
            f"key {twice!a} is there twice: expected every key once", f"键 {twice!a} 出现两次：每个键只能出现一次"
        )
    return value


def first_twice(texts: Iterable[str]) -> str:
    """The first of them that has been there before; one is. One look at each: a sender says how many there are."""
    seen = set[str]()
    for text in texts:
        if text in seen:
            return text
        seen.add(text)
    raise ValueError("none is there twice")


def _constant(name: str) -> Never:
    raise Malformed(f"{name} is not a JSON number", f"{name} 不是 JSON 数字")


def decimal_of(value: object) -> Decimal:
    """An exact decimal of at most 18 digits, 6 of them after the point, counted without leading and trailing zeros."""
    number = _number(value)
    if number is None:
        raise bilingual("decimal", "expected a decimal such as 12 or 0.5", "应为十进制数，例如 12 或 0.5")
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    significant = "".join(map(str, digits)).strip("0")
    if not significant:
        return Decimal(0)
    exponent += len(digits) - len("".join(map(str, digits)).rstrip("0"))
    after, before = max(0, -exponent), max(0, len(significant) + exponent)
    if after > MOST_FRACTION or before + after > MOST_DIGITS:
        raise bilingual(
            "decimal",
            f"expected at most {MOST_DIGITS} digits, {MOST_FRACTION} of them after the point",
            f"最多 {MOST_DIGITS} 位数字，其中小数点后最多 {MOST_FRACTION} 位",
        )
    return Decimal((sign, tuple(map(int, significant)), exponent))


def _number(value: object) -> Decimal | None:
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int) and abs(value) >= 10**MOST_DIGITS:
        return Decimal(f"1e{MOST_DIGITS}")
    text = str(value)
    return Decimal(text) if len(text) <= 1000 and _NUMBER.fullmatch(text) else None


def decimal_text(number: Decimal) -> str:
    """The decimal without exponent and without trailing zeros: `1`, `0.5`, `1200`."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _total(value: object) -> Decimal:
    """A sum or product we computed: up to 12 digits after the point, as many before it as there are."""
    number = _number(value)
    if number is None:
        raise bilingual("decimal", "expected a decimal such as 12 or 0.5", "应为十进制数，例如 12 或 0.5")
    return number


def _not_negative(value: object) -> Decimal:
    number = decimal_of(value)
    if number < 0:
        raise bilingual("decimal", "expected 0 or more", "应不小于 0")
    return number


def _above_zero(value: object) -> Decimal:
    number = decimal_of(value)
    if number <= 0:
        raise bilingual("decimal", "expected more than 0", "应大于 0")
    return number


def _event_id(value: object) -> str:
    return cleaned(value, LONGEST_EVENT_ID)


def _unit_id(value: object) -> str:
    return cleaned(value, LONGEST_UNIT_ID)


def _base64(value: object) -> bytes:
    try:
        return value if isinstance(value, bytes) else base64.b64decode(str(value), validate=True)
    except ValueError:
        raise bilingual("base64", "expected bytes in base64", "应为 base64 编码的字节") from None


def _base64_text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _text_schema(longest: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "minLength": 1, "maxLength": longest})


_AMOUNT_SCHEMA = WithJsonSchema(
    {"type": ["string", "number"], "pattern": r"^[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?$", "examples": ["12", "0.5"]}
)
_AMOUNT_TEXT = PlainSerializer(decimal_text, when_used="json")

EventId = Annotated[str, BeforeValidator(_event_id), _text_schema(LONGEST_EVENT_ID)]
UnitId = Annotated[str, BeforeValidator(_unit_id), _text_schema(LONGEST_UNIT_ID)]
Id = Annotated[str, BeforeValidator(cleaned), _text_schema(LONGEST_ID)]
SignedQuantity = Annotated[Decimal, BeforeValidator(decimal_of), _AMOUNT_TEXT, _AMOUNT_SCHEMA]
Quantity = Annotated[Decimal, BeforeValidator(_not_negative), _AMOUNT_TEXT, _AMOUNT_SCHEMA]
Total = Annotated[Decimal, BeforeValidator(_total), _AMOUNT_TEXT, _AMOUNT_SCHEMA]
PositiveQuantity = Annotated[Decimal, BeforeValidator(_above_zero), _AMOUNT_TEXT, _AMOUNT_SCHEMA]

Base64 = Annotated[
    bytes,
    BeforeValidator(_base64),
    PlainSerializer(_base64_text, when_used="json"),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
"""Bytes as they are, in base64 on the wire."""

Micros = Annotated[int, Field(ge=0)]
"""µs: since the epoch for instants, a length for durations."""

Count = Annotated[int, Field(ge=0)]
Generation = Annotated[int, Field(ge=1, description="one life of the log; a rebuild begins the next")]
Partition = Annotated[int, Field(ge=0, description="partition of floor.scans")]
Offset = Annotated[int, Field(ge=0, description="offset in floor.scans")]
