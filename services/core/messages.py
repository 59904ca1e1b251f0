"""What people read about an alert, in Chinese and English: plain text; each channel escapes it its own way.

    Facts ─► tell ─► Message(title, lines)      one alert
    many  ─► sum_up ─► Message                  a digest: how many, the most urgent by name

Ids and names come from the floor and from files, so whatever could look like markup, break a line or turn the writing
direction stays text (`plain`, and the escapes of the channels).
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from services.core.message_words import ACTIONS, ENDS, HEADS, LABELS, MEASURES, PRIORITIES, SITUATIONS, Words

MINUTE_US = 60_000_000
MOST_UNITS = 5
MOST_NAMED = 8
LONGEST_TEXT = 120
_COUNTED = ("wip_above", "wip_below")


@dataclass(frozen=True, slots=True)
class Name:
    """What people call a thing."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Stay:
    """A unit to go and find, and how long it has been there (µs)."""

    unit_id: str
    age_us: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a message about one change of one alert says. Instants and durations in µs.

    `kind`: firing, still_active (a mute is over) or resolved. `value`, `limit`: units, or µs by the measure.
    """

    alert_id: str
    incident: int
    version: int
    kind: str
    measure: str
    priority: str
    subject_id: str
    subject: Name
    line: Name
    action: Name
    limit: int
    at_us: int
    time_zone: str
    value: int | None = None
    raised_us: int | None = None
    end: str | None = None
    units: tuple[Stay, ...] = ()
    units_over: int | None = None
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a message: what it is about (may be empty), and the text."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message as plain text; `urgent` decides colours where a channel has them."""

    title: str
    lines: tuple[Line, ...]
    urgent: bool

    @property
    def text(self) -> str:
        """The lines as they read without markup."""
        return "\n".join(f"{line.label}: {line.text}" if line.label else line.text for line in self.lines)


def tell(facts: Facts, language: str) -> Message:
    """The message about one alert in zh, en or both (Chinese first)."""
    parts = [(_title(facts, words), _lines(facts, words)) for words in _languages(language)]
    return _joined(parts, urgent=facts.kind != "resolved")


def sum_up(many: Sequence[Facts], language: str) -> Message:
    """One message for many; what is wrong comes before what is over, the most urgent first."""
    wrong = sorted((f for f in many if f.kind != "resolved"), key=_urgency)
    over = [f for f in many if f.kind == "resolved"]
    parts = [_summary(wrong, over, words) for words in _languages(language)]
    return _joined(parts, urgent=bool(wrong))


def most_urgent(many: Sequence[Facts]) -> Facts:
    """The one that a digest's link opens."""
    return min(many, key=lambda facts: (facts.kind == "resolved", *_urgency(facts)))


def priority_rank(priority: str) -> int:
    """0 for the most urgent."""
    return list(PRIORITIES).index(priority)


def plain(text: str) -> str:
    """Text that shows as one line of its own characters: no control, format or separator characters, not too long."""
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs") else c for c in text)
    return kept if len(kept) <= LONGEST_TEXT else kept[: LONGEST_TEXT - 1] + "…"


def duration(us: int, words: Words) -> str:
    """Hours and minutes; below a minute and a half seconds."""
    seconds = max(us, 0) // 1_000_000
    if seconds < 90:
        return words.seconds.format(seconds)
    hours, minutes = divmod(seconds // 60, 60)
    if not hours:
        return words.minutes.format(minutes)
    return words.hours.format(hours) + (words.space + words.minutes.format(minutes) if minutes else "")


def _languages(language: str) -> list[Words]:
    return [LABELS[each] for each in (("zh", "en") if language == "both" else (language,))]


def _joined(parts: list[tuple[str, list[Line]]], *, urgent: bool) -> Message:
    lines = list(parts[0][1])
    for _, more in parts[1:]:
        lines += [Line("", ""), *more]
    return Message(" / ".join(title for title, _ in parts), tuple(lines), urgent)


def _urgency(facts: Facts) -> tuple[int, int, str]:
    return priority_rank(facts.priority), facts.at_us, facts.alert_id


def _name(name: Name, words: Words) -> str:
    return plain(getattr(name, words.language))


def _title(facts: Facts, words: Words) -> str:
    if facts.kind == "firing":
        head = words.priority.format(PRIORITIES[facts.priority][words.language])
    else:
        head = HEADS[facts.kind][words.language]
    return f"{head}{words.space}{_name(facts.subject, words)}{words.colon}{MEASURES[facts.measure][words.language]}"


def _lines(facts: Facts, words: Words) -> list[Line]:
    lines = [Line(words.where, _where(facts, words))]
    if facts.kind == "resolved":
        if facts.raised_us is not None:
            lines.append(Line(words.lasted, duration(facts.at_us - facts.raised_us, words)))
        lines.append(Line(words.ended, ENDS[facts.end or "returned"][words.language]))
    else:
        lines.append(Line(words.situation, _situation(facts, words)))
        if facts.units:
            lines.append(Line(words.find_first, _units(facts, words)))
        action = _name(facts.action, words) or ACTIONS[facts.measure][words.language]
        lines.append(Line(words.action, action))
    lines.append(Line(words.when, _local(facts.at_us, facts.time_zone)))
    return lines


def _where(facts: Facts, words: Words) -> str:
    name, where = _name(facts.subject, words), plain(facts.subject_id)
    shown = name if name == where else f"{name} ({where})"
    line = _name(facts.line, words)
    return f"{shown} · {line}" if line else shown


def _situation(facts: Facts, words: Words) -> str:
    counted = facts.measure in _COUNTED
    limit = str(facts.limit) if counted else duration(facts.limit, words)
    value = "?" if facts.value is None else str(facts.value) if counted else duration(facts.value, words)
    over = "?" if facts.units_over is None else f"{'≥ ' if facts.at_least else ''}{facts.units_over}"
    return SITUATIONS[facts.measure][words.language].format(value=value, limit=limit, over=over)


def _units(facts: Facts, words: Words) -> str:
    shown = [f"{plain(stay.unit_id)} ({duration(stay.age_us, words)})" for stay in facts.units[:MOST_UNITS]]
    more = len(facts.units) - len(shown)
    return words.comma.join(shown) + (words.and_more.format(more) if more else "")


def _summary(wrong: Sequence[Facts], over: Sequence[Facts], words: Words) -> tuple[str, list[Line]]:
    shown = [*wrong, *over][:MOST_NAMED]
    lines = [Line(_digest_head(facts, words), _digest_text(facts, words)) for facts in shown]
    more = len(wrong) + len(over) - len(shown)
    if more:
        lines.append(Line("", words.digest_more.format(more)))
    return words.digest.format(wrong=len(wrong), over=len(over)), lines


def _digest_head(facts: Facts, words: Words) -> str:
    if facts.kind == "resolved":
        return HEADS["resolved"][words.language]
    return words.priority.format(PRIORITIES[facts.priority][words.language])


def _digest_text(facts: Facts, words: Words) -> str:
    text = MEASURES[facts.measure][words.language] if facts.kind == "resolved" else _situation(facts, words)
    return f"{_where(facts, words)}{words.colon}{text}"


def _local(us: int, zone: str) -> str:
    return datetime.fromtimestamp(us // 1_000_000, ZoneInfo(zone)).strftime("%m-%d %H:%M")
