"""Text as it is kept: NFC, trimmed, without the control marks that scanners put around what they read."""

import unicodedata

EDGES = "".join(map(chr, [*range(0x21), *range(0x7F, 0xA1), 0x3000, 0xFEFF]))
"""C0 and C1 controls, blanks, no-break and ideographic space, byte order mark."""


def clean(text: str) -> str:
    """The text normalised and trimmed.

    Raises ValueError for a control character inside (a GS within an element string carries meaning and is not
    ours to drop) and for a lone surrogate, which no file and no database can hold.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if text.isprintable() and text[:1] != " " and text[-1:] != " ":
        return text
    text = text.strip(EDGES)
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise ValueError(f"U+{ord(character):04X}")
    return text
