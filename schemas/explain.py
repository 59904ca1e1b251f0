"""Validation errors in words: English and Chinese, naming the field and what is expected there."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

MOST_SAID = 4
"""Errors named in one message; the rest are counted."""

MOST_SHOWN = 40
"""Characters of a wrong value that are repeated."""

EXPECTED = {
    "event_id": (
        "text of 1 to 128 characters, the same whenever this read is sent again",
        "1 至 128 个字符的文本，重发同一次读取时保持不变",
    ),
    "unit_id": ("text of 1 to 256 characters", "1 至 256 个字符的文本"),
    "event_time": (
        "an instant with offset such as 2026-11-23T14:00:00+08:00",
        "带时区偏移的时间，例如 2026-11-23T14:00:00+08:00",
    ),
    "quantity": ("a decimal such as 12 or 0.5", "十进制数，例如 12 或 0.5"),
}
"""What to write in a required field, where its name alone does not say it."""

_PHRASES: dict[str, tuple[str, str]] = {
    "missing": ("is required", "为必填项"),
    "extra_forbidden": ("is not a known key", "不是已知的键"),
    "model_type": ("expected a mapping (key: value)", "应为映射（键: 值）"),
    "model_attributes_type": ("expected a mapping (key: value)", "应为映射（键: 值）"),
    "dict_type": ("expected a mapping (key: value)", "应为映射（键: 值）"),
    "list_type": ("expected a list", "应为列表"),
    "string_type": ("expected text", "应为文本"),
    "string_unicode": ("expected valid Unicode text", "应为有效的 Unicode 文本"),
    "string_pattern_mismatch": ("expected text of the form {pattern}", "应为符合 {pattern} 的文本"),
    "int_type": ("expected a whole number", "应为整数"),
    "int_parsing": ("expected a whole number", "应为整数"),
    "bool_type": ("expected true or false", "应为 true 或 false"),
    "enum": ("expected {expected}", "应为 {expected_zh}"),
    "literal_error": ("expected {expected}", "应为 {expected_zh}"),
    "too_short": ("expected at least {min_length} entries", "至少应有 {min_length} 项"),
    "too_long": ("expected at most {max_length} entries", "最多应有 {max_length} 项"),
    "greater_than_equal": ("expected {ge} or more", "应不小于 {ge}"),
    "greater_than": ("expected more than {gt}", "应大于 {gt}"),
    "less_than_equal": ("expected {le} or less", "应不大于 {le}"),
}


def explain(error: ValidationError) -> tuple[str, str]:
    """The whole error as one sentence in English and one in Chinese."""
    details = error.errors(include_url=False)
    said = [field_phrase(detail) for detail in details[:MOST_SAID]]
    more = len(details) - len(said)
    en = "; ".join(en for en, _ in said) + (f"; and {more} more" if more else "")
    zh = "；".join(zh for _, zh in said) + (f"；另有 {more} 处" if more else "")
    return en, zh


def field_phrase(detail: ErrorDetails) -> tuple[str, str]:
    """One error with the field it is about."""
    en, zh = phrase(detail)
    field = field_name(detail["loc"])
    if not field:
        return en, zh
    if detail["type"] == "missing" and (expected := EXPECTED.get(str(detail["loc"][-1]))):
        en, zh = f"{en}: {expected[0]}", f"{zh}：{expected[1]}"
    return f"{field}: {en}", f"{field}：{zh}"


def field_name(loc: tuple[int | str, ...]) -> str:
    """`parents[0].unit_id` for pydantic's location."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")


def phrase(detail: ErrorDetails) -> tuple[str, str]:
    """What is wrong and what is expected, without the field."""
    context: Mapping[str, Any] = detail.get("ctx", {})
    if "zh" in context:
        en, zh = str(context["en"]), str(context["zh"])
        return (
            (en, zh)
            if detail["type"] in _SAYS_THE_VALUE
            else (en + _got(detail["input"]), zh + _got_zh(detail["input"]))
        )
    en, zh = _PHRASES.get(detail["type"], (detail["msg"], detail["msg"]))
    values = {key: str(value) for key, value in context.items()}
    values["expected_zh"] = values.get("expected", "").replace(", ", "、").replace(" or ", "、")
    en, zh = en.format_map(values), zh.format_map(values)
    return (
        (en, zh) if detail["type"] in _NEEDS_NO_VALUE else (en + _got(detail["input"]), zh + _got_zh(detail["input"]))
    )


_SAYS_THE_VALUE = {f"floor.{kind}" for kind in ("length", "control", "surrogate", "bar", "combination")}
_NEEDS_NO_VALUE = {"missing", "extra_forbidden", "too_short", "too_long", "string_unicode"}


def _got(value: object) -> str:
    return f", got {_shown(value)}" if _shown(value) else ""


def _got_zh(value: object) -> str:
    return f"，实际为 {_shown(value)}" if _shown(value) else ""


def _shown(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, (dict, list)):
        return ""
    text = str(value)
    short = text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 3] + "..."
    return repr(short) if isinstance(value, str) else short
