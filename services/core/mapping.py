"""From a record of a device, a file or a topic to events. A mapping is data, never code.

    record (a JSON value; of a table: column → text)
      └─ rule: only `when` …, for `each` … ─► fields: from a path, or a constant
                                              └─ translated by a table, or read as a time ─► event in its wire form

Paths and columns: core/mapping_path.py. The mapping file as people write it: schemas/mapping.py.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from services.core.instant import AmbiguousTime, SourceClock, format_with_offset
from services.core.mapping_path import BadValue, Path, Roots, found, found_inside, parse_path, shown, text_of

MOST_READINGS = 10_000
"""Of one record; more is a mistake in `each`, and would be held in memory at once."""
ANY_OTHER = "*"
"""In a table: what stands for every value that is not in it."""

TIMES = frozenset({"event_time", "device_time", "sent_time", "recorded_time"})
LISTS = frozenset({"parent_ids"})
COUNTS = frozenset({"counter.good", "counter.reject", "counter.rollover"})

_WHOLE = re.compile(r"[+-]?\d{1,18}(?:\.0+)?", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Unmapped:
    """No event: which field, from which column or path, and why, in both languages."""

    field: str
    column: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """An event in its wire form. `index`: which one of its record, counted from 0 over all rules."""

    kind: str
    event: dict[str, object]
    index: int


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one field gets its value. `clock` None: the text is left to whoever reads the event."""

    sources: tuple[Path, ...] = ()
    join: str = " "
    value: str | None = None
    values: Mapping[str, str | None] = field(default_factory=dict)
    default: str | None = None
    clock: SourceClock | None = None

    @property
    def column(self) -> str:
        """The columns it is made of."""
        return " + ".join(path.text for path in self.sources)

    def read(self, name: str, roots: Roots) -> object | None:
        """The value for the field of this name; None: left out. Raises BadValue."""
        if self.value is not None:
            text: str | None = self.value
        elif name in LISTS:
            texts = [text_of(value) for path in self.sources for value in _flat(found(path, roots))]
            return [text for text in texts if text is not None] or None
        else:
            text = self._text(roots)
        if text is None:
            text = self.default
        elif self.values:
            text = self._translated(text)
        if text is None:
            return None
        if name in TIMES:
            return text if self.clock is None else _time(text, self.clock)
        return _count(text) if name in COUNTS else text

    def _text(self, roots: Roots) -> str | None:
        if len(self.sources) == 1:
            return text_of(next(found(self.sources[0], roots), None))
        parts = [text_of(next(found(path, roots), None)) for path in self.sources]
        return self.join.join(part for part in parts if part is not None) or None

    def _translated(self, text: str) -> str | None:
        if text in self.values:
            return self.values[text]
        if ANY_OTHER in self.values:
            return self.values[ANY_OTHER]
        known = ", ".join(list(self.values)[:10])
        raise BadValue(
            f"{shown(text)} is not in its table `values` ({known})", f"{shown(text)} 不在对照表 values 中（{known}）"
        )


@dataclass(frozen=True, slots=True)
class Condition:
    """What a value has to be. `exists`: whether there has to be one; `one_of` and `none_of`: texts."""

    path: Path
    exists: bool | None = None
    one_of: frozenset[str] | None = None
    none_of: frozenset[str] | None = None

    def holds(self, roots: Roots) -> bool:
        """Does it, for this record? A value that is a list or an object is there, but is no text."""
        value = next(found(self.path, roots), None)
        is_there = value is not None and value != ""
        if self.exists is not None and is_there is not self.exists:
            return False
        try:
            text = text_of(value)
        except ValueError:
            text = None
        if self.one_of is not None and text not in self.one_of:
            return False
        return self.none_of is None or text not in self.none_of


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of event that a record may hold."""

    fields: Mapping[str, FieldRule]
    kind: str = "scan"
    each: Path | None = None
    when: tuple[Condition, ...] = ()

    def events(self, record: Roots) -> Iterator[dict[str, object] | Unmapped]:
        """What the record holds of it."""
        if self.each is None:
            yield from self._event({**record, "@": record.get("@", record["$"])})
            return
        elements = list(islice(found_inside(self.each, {**record, "@": record["$"]}), MOST_READINGS + 1))
        if len(elements) > MOST_READINGS:
            en, zh = f"more than {MOST_READINGS} readings in one record", f"一条记录中的读数超过 {MOST_READINGS} 个"
            yield Unmapped("each", self.each.text, en, zh)
            return
        for outer, element in elements:
            yield from self._event({**record, "@": element, "^": outer})

    def _event(self, roots: Roots) -> Iterator[dict[str, object] | Unmapped]:
        if not all(condition.holds(roots) for condition in self.when):
            return
        event: dict[str, object] = {}
        for name, rule in self.fields.items():
            try:
                value = rule.read(name, roots)
            except BadValue as bad:
                yield Unmapped(name, rule.column, bad.en, bad.zh)
                return
            if value is not None:
                outer, _, inner = name.partition(".")
                if inner:
                    nested = event.setdefault(outer, {})
                    assert isinstance(nested, dict)
                    nested[inner] = value
                else:
                    event[name] = value
        yield event


@dataclass(frozen=True, slots=True)
class RecordMapping:
    """All rules of one kind of record."""

    rules: tuple[Rule, ...]

    def read(self, record: object, roots: Roots | None = None) -> Iterator[Mapped | Unmapped]:
        """Every event of a record, and what could not be made one. Nothing where no rule's `when` holds.

        `record`: a JSON value (numbers int, Decimal or float). `roots`: what else paths of these rules begin with.
        """
        index = 0
        every: Roots = {**(roots or {}), "$": record}
        for rule in self.rules:
            for event in rule.events(every):
                yield event if isinstance(event, Unmapped) else Mapped(rule.kind, event, index)
                index += 1

    @classmethod
    def from_document(cls, rules: Sequence[Mapping[str, Any]]) -> "RecordMapping":
        """From the checked `events` of a mapping file (schemas/mapping.py), as plain values."""
        return cls(tuple(map(rule_of, rules)))


def rule_of(document: Mapping[str, Any]) -> Rule:
    """One rule, from its checked document."""
    each = document.get("each")
    return Rule(
        {name: field_rule(value) for name, value in _dotted(document["fields"])},
        document.get("kind") or "scan",
        parse_path(each) if each else None,
        tuple(_condition(path, value) for path, value in (document.get("when") or {}).items()),
    )


def _dotted(fields: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, value in fields.items():
        if name == "counter" and value is not None:
            yield from _dotted(value, "counter.")
        elif value is not None:
            yield before + name, value


def field_rule(document: Mapping[str, Any]) -> FieldRule:
    """One field, from its checked document."""
    zone, form = document.get("time_zone"), document.get("format")
    return FieldRule(
        tuple(map(parse_path, document.get("from") or ())),
        " " if document.get("join") is None else document["join"],
        document.get("value"),
        document.get("values") or {},
        document.get("default"),
        SourceClock(zone, form or "iso") if zone or form else None,
    )


def _condition(path: str, document: Mapping[str, Any]) -> Condition:
    one_of, none_of = document.get("in"), document.get("not")
    return Condition(
        parse_path(path),
        document.get("exists"),
        frozenset(one_of) if one_of else None,
        frozenset(none_of) if none_of else None,
    )


def _flat(values: Iterator[object]) -> Iterator[object]:
    for value in values:
        if isinstance(value, list):
            yield from value
        else:
            yield value


def _time(text: str, clock: SourceClock) -> str:
    """With an offset that no declared pattern of a source takes for a letter."""
    try:
        return format_with_offset(clock.parse(text))
    except AmbiguousTime as bad:
        raise BadValue(f"{shown(text)}: {bad}", f"{shown(text)}：时钟回拨时出现两次的本地时间") from None
    except ValueError as bad:
        raise BadValue(f"{shown(text)}: {bad}", f"{shown(text)}：时间格式不符：{bad}") from None


def _count(text: str) -> int:
    if not _WHOLE(text):
        raise BadValue(f"{shown(text)}: expected a whole number", f"{shown(text)}：应为整数")
    return int(text.partition(".")[0])
