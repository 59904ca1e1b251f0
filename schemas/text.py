"""How text of a message is read: NFC, trimmed, scanner control marks stripped, control characters refused.

Scanners frame what they read with STX, ETX, GS, RS, CR, LF or TAB, and files begin with a byte order mark: at
either end of a text these are marks of the device and are taken off. Inside an id a control character
cannot be told from damage, so it is an error (a GS inside a GS1 element string carries meaning: parse it first).
"""

import unicodedata

from pydantic_core import PydanticCustomError

SHORTEST = 1
LONGEST_EVENT_ID = 128
LONGEST_UNIT_ID = 256
LONGEST_ID = 256

_EDGES = "".join(map(chr, (*range(0x21), *range(0x7F, 0xA1), 0x3000, 0xFEFF)))
"""C0 and C1 controls, blank, no-break and ideographic space, byte order mark."""


def clean(text: str) -> str:
    """The text in NFC without blanks and scanner marks at its ends; the same again if cleaned twice."""
    return unicodedata.normalize("NFC", text).strip(_EDGES)


def control_character(text: str) -> str | None:
    """The first control character (Unicode category Cc) as `U+0000`, or None."""
    for character in text:
        if unicodedata.category(character) == "Cc":
            return f"U+{ord(character):04X}"
    return None


def bilingual(kind: str, en: str, zh: str) -> PydanticCustomError:
    """A validation error of our own that carries its message in both languages."""
    return PydanticCustomError("floor." + kind, "{en}", {"en": en, "zh": zh})


def cleaned(value: object, longest: int = LONGEST_ID) -> str:
    """Check an id: text of 1 to `longest` characters once cleaned, without control characters."""
    if not isinstance(value, str):
        raise bilingual(
            "text",
            f"expected text of 1 to {longest} characters in quotes",
            f"应为 1 至 {longest} 个字符的文本",
        )
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise bilingual(
            "surrogate",
            "has half of a surrogate pair, which is no character",
            "含有不成对的代理码元，不是有效字符",
        )
    text = clean(value)
    if (mark := control_character(text)) is not None:
        raise bilingual(
            "control",
            f"has the control character {mark} inside; send the id without it",
            f"内部含有控制字符 {mark}；请去掉后再发送",
        )
    if not SHORTEST <= len(text) <= longest:
        raise bilingual(
            "length",
            f"expected 1 to {longest} characters, got {len(text)}"
            + ("; leave the field out instead" if not text else ""),
            f"应为 1 至 {longest} 个字符，实际 {len(text)} 个" + ("；没有值时请省略该字段" if not text else ""),
        )
    return text
