"""Where a value stands in a record, and a value as text.

A path is a subset of JSONPath: `$` is the record, `@` what `each` has found (without `each`: the record), `^` what the
`[*]` before the last one in `each` has found, then `.name`, `['any name']`, `[0]`, `[-1]`, `[*]`. A plain name is a
column: `@['name']`. Of a message from a broker: `$topic[0]` (its levels), `$arrived`, `$property.name`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

MOST_SHOWN = 60
"""Characters of a wrong value that a refusal repeats."""
MOST_DIGITS = 60
"""Of a number that becomes text."""

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"*\s]+)|\[(?P<index>-?\d{1,6})\]|\[(?P<star>\*)\]
    |\['(?P<single>(?:[^'\\]|\\.)+)'\]|\["(?P<double>(?:[^"\\]|\\.)+)"\]""",
    re.VERBOSE | re.ASCII,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_IS_PATH = re.compile(r"(?:\$(?:topic|arrived|property)?|[@^])(?=$|[.\[])")


class BadValue(ValueError):
    """A value that cannot be used; why in both languages."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh


class _Star:
    """The step to every element."""


STAR: Final = _Star()
Step = str | int | _Star
Roots = Mapping[str, object]
"""What a path may begin with: `$`, `@`, and what a collector adds."""


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value stands. `text` as people wrote it."""

    text: str
    root: str
    steps: tuple[Step, ...]

    @property
    def many(self) -> bool:
        """Does it lead to several values?"""
        return STAR in self.steps


def parse_path(text: str) -> Path:
    """The path people wrote; ValueError says where it cannot be read."""
    begin = _IS_PATH.match(text)
    if begin is None:
        if not text:
            raise ValueError("expected a column or a path such as $.a.b")
        return Path(text, "@", (text,))
    steps: list[Step] = []
    at = begin.end()
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(f"cannot read {text[at:]!r} of the path {text!r}: expected .name, ['name'], [0] or [*]")
        steps.append(_step(match))
        at = match.end()
    return Path(text, begin[0], tuple(steps))


def _step(match: re.Match[str]) -> Step:
    if match["star"]:
        return STAR
    if match["index"]:
        return int(match["index"])
    quoted = match["single"] or match["double"]
    return _ESCAPED.sub(r"\1", quoted) if quoted else match["name"]


def found(path: Path, roots: Roots) -> Iterator[object]:
    """The values that stand there; nothing where there is nothing."""
    return _walk(roots.get(path.root), path.steps)


def found_inside(path: Path, roots: Roots) -> Iterator[tuple[object, object]]:
    """Every value that stands there, with what the `[*]` before the last one has found (else the root)."""
    stars = [place for place, step in enumerate(path.steps) if isinstance(step, _Star)]
    split = stars[-2] + 1 if len(stars) > 1 else 0
    for outer in _walk(roots.get(path.root), path.steps[:split]):
        for value in _walk(outer, path.steps[split:]):
            yield outer, value


def _walk(value: object, steps: Sequence[Step]) -> Iterator[object]:
    for place, step in enumerate(steps):
        if isinstance(step, _Star):
            inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()
            for item in inner:
                yield from _walk(item, steps[place + 1 :])
            return
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return
            value = value[step]
        else:
            if not isinstance(value, list) or not -len(value) <= step < len(value):
                return
            value = value[step]
    yield value


def text_of(value: object) -> str | None:
    """A single value as text; None where it says nothing. Raises BadValue for what is no single value."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise BadValue("has half of a surrogate pair, which is no character", "含有不成对的代理码元，不是有效字符")
        return text or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return _number_text(value)
    raise BadValue("is a list or an object: name one value inside it", "是列表或对象：请指明其中的一个值")


def _number_text(value: int | float | Decimal) -> str:
    """A number as a plain decimal: `5`, `0.5`; one without end or with very many digits is refused."""
    number = Decimal(repr(value)) if isinstance(value, float) else value
    if isinstance(number, Decimal):
        if not number.is_finite() or abs(number.adjusted()) > MOST_DIGITS:
            raise BadValue("is no number that can be written out", "不是可写出的数字")
        text = f"{number:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if number.bit_length() > 256:
        raise BadValue("is a number of too many digits", "数字位数过多")
    return str(number)


def shown(text: str) -> str:
    """A wrong value as a refusal repeats it."""
    return repr(text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…")
