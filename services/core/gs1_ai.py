"""GS1 application identifiers: how long the value of each is, of what characters, and what is checked in it.

Facts of the GS1 General Specifications as the GS1 Barcode Syntax Dictionary states them
(https://ref.gs1.org/tools/gs1-barcode-syntax-resource/syntax-dictionary/). Checked are lengths, characters, check
digits, dates and times of day; code lists (countries, currencies, package types) and which AIs go together are not:
they say nothing about which unit it is.
"""

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple


class BadGs1(ValueError):
    """Not a GS1 identifier; `en` and `zh` say what is wrong with it."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh


class Piece(NamedTuple):
    """A part of a value: characters (`N` digits, `X`, `Y`, `Z` sets of GS1), how many, what is checked."""

    characters: str
    least: int
    most: int
    check: str
    optional: bool


_TABLE = """
00 N18,csum *|01-03 N14,csum *|10 X..20|11-13,15-17 N6,day0 *|20 N2 *|21-22 X..20|235 X..28|240-241 X..30|242 N..6
243 X..20|250-251 X..30|253 N13,csum [X..17]|254 X..20|255 N13,csum [N..12]|30 N..8
3100-3105,3110-3115,3120-3125,3130-3135,3140-3145,3150-3155,3160-3165 N6 *
3200-3205,3210-3215,3220-3225,3230-3235,3240-3245,3250-3255,3260-3265,3270-3275,3280-3285,3290-3295 N6 *
3300-3305,3310-3315,3320-3325,3330-3335,3340-3345,3350-3355,3360-3365,3370-3375 N6 *
3400-3405,3410-3415,3420-3425,3430-3435,3440-3445,3450-3455,3460-3465,3470-3475,3480-3485,3490-3495 N6 *
3500-3505,3510-3515,3520-3525,3530-3535,3540-3545,3550-3555,3560-3565,3570-3575 N6 *
3600-3605,3610-3615,3620-3625,3630-3635,3640-3645,3650-3655,3660-3665,3670-3675,3680-3685,3690-3695 N6 *
37 N..8|3900-3909 N..15|3910-3919 N3 N..15|3920-3929 N..15|3930-3939 N3 N..15|3940-3943 N4|3950-3955 N6
400 X..30|401 X..30|402 N17,csum|403 X..30|410-417 N13,csum *|420 X..20|421 N3 X..9|422,424,426 N3
423,425 N3 [N3] [N3] [N3] [N3]|427 X..3|4300-4301,4310-4311,4320 X..35|4302-4306,4312-4316 X..70|4307,4317 X2
4308 X..30|4309 N10 N10|4318 X..20|4319 X..30|4321-4323 N1|4324-4325 N6,day0 N4,hhmi|4326 N6,day|4330-4333 N6 [X1]
7001 N13|7002 X..30|7003 N6,day N4,hhmi|7004 N..4|7005 X..12|7006 N6,day|7007 N6,day [N6],day|7008 X..3|7009 X..10
7010 X..2|7011 N6,day [N4],hhmi|7020-7021 X..20|7022 X..20|7023 X..30|7030-7039 N3 X..27|7040 N1 X1 X1 X1
7041 X..4|710-717 X..20|7230-7239 X2 X..28|7240 X..20|7241 N2|7242 X..25|7250 N8|7251 N8 N4,hhmi|7252 N1
7253-7254,7259 X..40|7255 X..10|7256 X..90|7257 X..70|7258 X3|8001 N4 N5 N3 N1 N1|8002 X..20|8003 N1 N13,csum [X..16]
8004 X..30|8005 N6|8006 N14,csum N4|8007 X..34|8008 N6,day N2,hh [N2],mi [N2],mi|8009 X..50|8010 Y..30|8011 N..12
8012 X..20|8013 X..25|8014 X..25|8017-8018 N18,csum|8019 N..10|8020 X..25|8026 N14,csum N4|8030 Z..90|8040-8041 N15
8042 N32|8043 N18 [N..2]|8110 X..70|8111 N4|8112 X..70|8200 X..70|90 X..30|91-99 X..90
"""
"""AIs, the pieces of their value, `*` where no separator has to follow because the length is predefined."""

_SETS = {
    "N": re.compile(r"[0-9]+").fullmatch,
    "X": re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]+").fullmatch,
    "Y": re.compile(r"[#\-/0-9A-Z]+").fullmatch,
    "Z": re.compile(r"[\-0-9A-Z_a-z=]+").fullmatch,
}
_PIECE = re.compile(r"\[?([NXYZ])(\.\.)?(\d+)\]?(?:,(\w+))?").fullmatch


def _read_table(text: str) -> tuple[dict[str, tuple[Piece, ...]], frozenset[str]]:
    table: dict[str, tuple[Piece, ...]] = {}
    predefined = set()
    for row in text.replace("\n", "|").strip("|").split("|"):
        ranges, *written = row.split()
        ais = [ai for part in ranges.split(",") for ai in _ais(*part.partition("-")[::2])]
        table |= dict.fromkeys(ais, tuple(_piece(each) for each in written if each != "*"))
        if written[-1] == "*":
            predefined.update(ais)
    return table, frozenset(predefined)


def _ais(first: str, last: str) -> list[str]:
    return [str(number).zfill(len(first)) for number in range(int(first), int(last or first) + 1)]


def _piece(written: str) -> Piece:
    match = _PIECE(written)
    assert match is not None
    characters, up_to, length, check = match.groups()
    return Piece(characters, 1 if up_to else int(length), int(length), check or "", written.startswith("["))


AIS, PREDEFINED = _read_table(_TABLE)
"""AI → the pieces of its value; and those AIs whose value ends without a separator."""

LENGTH_OF_AI = {ai[:2]: len(ai) for ai in AIS}
"""The first two digits of an AI tell how long it is."""


@lru_cache(maxsize=1024)
def longest(ai: str) -> int:
    """Most characters of the AI's value."""
    return sum(piece.most for piece in AIS[ai])


def check_value(ai: str, value: str) -> None:
    """Raises BadGs1 where the value is none of this AI."""
    rest = value
    for piece in AIS[ai]:
        if not rest and piece.optional:
            return
        part, rest = rest[: piece.most], rest[piece.most :]
        if len(part) < piece.least or not _SETS[piece.characters](part):
            raise BadGs1(
                f"({ai}) {value[:40]!r}: expected {_described(ai)}", f"({ai}) {value[:40]!r}：应为 {_described(ai)}"
            )
        if piece.check:
            _check(piece.check, ai, part)
    if rest:
        raise BadGs1(f"({ai}) is longer than {longest(ai)} characters", f"({ai}) 超过 {longest(ai)} 个字符")


def _described(ai: str) -> str:
    return " ".join(
        ("[{}]" if p.optional else "{}").format(f"{p.characters}{'..' if p.least < p.most else ''}{p.most}")
        for p in AIS[ai]
    )


def _check(check: str, ai: str, part: str) -> None:
    if check == "csum":
        if check_digit(part[:-1]) != part[-1]:
            raise BadGs1(
                f"({ai}) {part}: the check digit must be {check_digit(part[:-1])}",
                f"({ai}) {part}：校验位应为 {check_digit(part[:-1])}",
            )
    elif not _is_time(check, part):
        raise BadGs1(f"({ai}) {part}: no such date or time of day", f"({ai}) {part}：不存在该日期或时间")


def check_digit(digits: str) -> str:
    """The digit that follows: modulo 10, weights 3 and 1 from the right (GS1 General Specifications, 7.9)."""
    weighted = sum(int(digit) * (3 - 2 * (place % 2)) for place, digit in enumerate(reversed(digits)))
    return str(-weighted % 10)


def _is_time(check: str, part: str) -> bool:
    if check == "hhmi":
        return part[:2] < "24" and part[2:] < "60"
    if check in ("hh", "mi"):
        return part < ("24" if check == "hh" else "60")
    year, month, day = int(part[:2]), int(part[2:4]), int(part[4:])
    if check == "day0" and day == 0:  # the month alone is known
        day = 1
    try:
        date(2000 + year, month, day)  # leap years repeat within the century that is meant
    except ValueError:
        return False
    return True
