"""What a scanner sends → lines → codes. Pure: bytes in, reads out.

Lines end with CR, LF, both, or ETX; what stands around a read (STX, NUL, spaces) is no part of it. GS (FNC1) inside a
GS1 element string is, and stays. Symbology identifiers (ISO/IEC 15424): `]`, a letter, a digit or letter.
"""

import re
from collections.abc import Iterator

MOST_LINE = 16 * 1024
"""Bytes; the longest symbol there is holds less than half of it."""
_ENDS = re.compile(rb"[\r\n\x03]")
_AROUND = b" \t\x00\x02\x04\x06"
_SYMBOLOGY = re.compile(r"\][A-Za-z][0-9A-Za-z]")


class Lines:
    """The lines of one connection, which come in pieces; never more than one line is held."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self._begun = b""
        self._too_long = False

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """The lines that are whole now; with each, whether it was too long and is only its begin."""
        *whole, begun = _ENDS.split(self._begun + data)
        self._begun = b""
        for line in whole:
            too_long = self._too_long or len(line) > MOST_LINE
            self._too_long = False
            text = line[:MOST_LINE].strip(_AROUND)
            if text:
                yield text, too_long
        self._too_long = self._too_long or len(begun) > MOST_LINE
        self._begun = begun[:MOST_LINE]

    @property
    def begun(self) -> bytes:
        """What was begun and has no end yet."""
        return self._begun.strip(_AROUND)


def code_of(text: str, keep_symbology: bool) -> str:
    """The code in a line: without its symbology identifier, unless that is wanted."""
    return text if keep_symbology else _SYMBOLOGY.sub("", text, 1) if text.startswith("]") else text
