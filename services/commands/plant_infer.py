"""From a log of events to a proposal of the plant: its operations in order, stations, read points and products.

Operations come in order of their mean position: over the units that were there, the mean of the operation's place
among all that the unit reached, by first event (0 the first, 1 the last). It is a proposal to be read
and corrected by somebody who knows the plant; everything guessed is said in a comment.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TypeVar

from schemas.event import Action, RecordedEvent
from schemas.instant import instant_text

MULTIPLE_SHARE = 0.05
"""From this share of units with overlapping work on, `presence: multiple` is proposed."""

ROUTING_SHARE = 0.5
"""An operation belongs to a product's routing if at least this share of its units were there."""

Word = TypeVar("Word", bound=str)

_SUFFIXES = {
    Action.ARRIVE: ("in", "arrive", "entry", "入口", "入"),
    Action.START: ("start", "begin", "开工"),
    Action.FINISH: ("finish", "end", "完工"),
    Action.DEPART: ("out", "depart", "exit", "出口", "出"),
}
_PLAIN = re.compile(r"[A-Za-z\u4e00-\u9fff][\w./\u4e00-\u9fff-]*")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


@dataclass(slots=True)
class Station:
    """What the log says of one read point."""

    reads: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    actions: Counter[Action] = field(default_factory=Counter)
    work_units: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Observed:
    """What is counted of a log."""

    events: int = 0
    first_us: int | None = None
    last_us: int | None = None
    stations: dict[str, Station] = field(default_factory=lambda: defaultdict(Station))
    work_units: set[str] = field(default_factory=set)
    first_read: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    running: dict[str, list[tuple[int, Action, str]]] = field(default_factory=lambda: defaultdict(list))
    products: dict[str, str] = field(default_factory=dict)


def observe(events: Iterable[RecordedEvent]) -> Observed:
    """Count what the log says."""
    seen = Observed()
    for event in events:
        seen.events += 1
        seen.first_us = min(seen.first_us or event.event_time, event.event_time)
        seen.last_us = max(seen.last_us or event.event_time, event.event_time)
        operation, action = _place(event)
        if event.work_unit_id:
            seen.work_units.add(event.work_unit_id)
        if event.product_id:
            seen.products.setdefault(event.unit_id, event.product_id)
        if event.read_point_id:
            station = seen.stations[event.read_point_id]
            station.reads += 1
            station.operations.update([operation] if operation else [])
            station.actions.update([action] if action else [])
            station.work_units.update([event.work_unit_id] if event.work_unit_id else [])
        if operation:
            reads = seen.first_read[event.unit_id]
            reads[operation] = min(reads.get(operation, event.event_time), event.event_time)
            if action in (Action.START, Action.FINISH):
                seen.running[event.unit_id].append((event.event_time, action, operation))
    return seen


def _place(event: RecordedEvent) -> tuple[str | None, Action | None]:
    """Operation and action: as said, else guessed from the read point's name."""
    if event.action in (Action.ADJUST, Action.VOID):
        return None, event.action
    if event.operation_id or not event.read_point_id:
        return event.operation_id, event.action
    for action, endings in _SUFFIXES.items():
        for ending in endings:
            match = re.fullmatch(rf"(.+?)[-_. ]?{ending}", event.read_point_id, re.IGNORECASE)
            if match and (not ending.isascii() or not event.read_point_id[: -len(ending)][-1:].isalnum()):
                return match[1], event.action or action
    return event.read_point_id, event.action or Action.ARRIVE


def mean_positions(seen: Observed) -> dict[str, tuple[float, int]]:
    """Operation → (mean position from 0 to 1, number of units that were there), in order of the line."""
    positions: dict[str, list[float]] = defaultdict(list)
    for reads in seen.first_read.values():
        way = sorted(reads, key=lambda operation: (reads[operation], operation))
        for index, operation in enumerate(way):
            positions[operation].append((index + 0.5) / len(way))
    means = {operation: (fmean(values), len(values)) for operation, values in positions.items()}
    return dict(sorted(means.items(), key=lambda item: (item[1][0], item[0])))


def overlapping_share(seen: Observed) -> float:
    """Share of the units that ran at two operations at the same time."""
    overlapping = sum(1 for steps in seen.running.values() if _overlaps(steps))
    return overlapping / len(seen.first_read) if seen.first_read else 0.0


def _overlaps(steps: Sequence[tuple[int, Action, str]]) -> bool:
    running: set[str] = set()
    for _, action, operation in sorted(steps, key=lambda step: (step[0], step[1] is Action.START)):
        running = running | {operation} if action is Action.START else running - {operation}
        if len(running) > 1:
            return True
    return False


def propose(seen: Observed, log: str) -> str:
    """The proposed plant file, commented; raises ValueError where no event names an operation or read point."""
    operations = mean_positions(seen)
    if not operations:
        raise ValueError("no event of the log names an operation or a read point")
    share = overlapping_share(seen)
    span = f"{instant_text(seen.first_us or 0)} … {instant_text(seen.last_us or 0)}"
    lines = [
        f"# Proposed from {log}: {seen.events} events of {len(seen.first_read)} units, {span}.",
        f"# 由 {log} 推断：{len(seen.first_read)} 个单元的 {seen.events} 条事件。",
        "# Read it, correct it, then `floorstream plant check FILE`. 请核对、修改，再用 floorstream plant check 检查。",
        "tracking:",
        f"  # {share:.0%} of the units ran at two operations at once. {share:.0%} 的单元曾同时在两道工序加工。",
        f"  presence: {'multiple' if share >= MULTIPLE_SHARE else 'single'}",
        "site:",
        "  id: SITE # your plant 您的工厂",
        "  time_zone: UTC # set it, for example Asia/Shanghai 请设置，例如 Asia/Shanghai",
        "areas:",
        "  - id: AREA",
        "    work_centers:",
        "      - id: LINE # split it into your lines 请按您的产线拆分",
    ]
    lines += _work_units(seen) + _operations(operations) + _read_points(seen) + _products(seen, operations)
    return "\n".join(lines) + "\n"


def _work_units(seen: Observed) -> list[str]:
    names = ", ".join(map(_quoted, sorted(seen.work_units)))
    return [f"        work_units: [{names}]"] if names else []


def _operations(operations: dict[str, tuple[float, int]]) -> list[str]:
    lines = ["        operations: # in order of mean position 按平均位置排序"]
    for operation, (position, units) in operations.items():
        lines.append(f"          - {{id: {_quoted(operation)}}} # position {position:.2f}, {units} units")
    return lines


def _read_points(seen: Observed) -> list[str]:
    lines = ["        read_points:"] if seen.stations else []
    for name, station in sorted(seen.stations.items()):
        kept = [f"id: {_quoted(name)}"]
        action = _usual(station.actions) if station.actions[Action.VOID] < station.reads else None
        if station.operations and action is not Action.ADJUST:
            kept.append(f"operation: {_quoted(_usual(station.operations))}")
        if action and action is not Action.VOID:
            kept.append(f"action: {action.value}")
        if station.work_units:
            kept.append(f"work_unit: {_quoted(_usual(station.work_units))}")
        if len(kept) > 1:
            mixed = " and other meanings: check 含义不唯一，请核对" if _mixed(station) else ""
            lines.append(f"          - {{{', '.join(kept)}}} # {station.reads} reads{mixed}")
    return lines if len(lines) > 1 else []


def _mixed(station: Station) -> bool:
    return max(len(station.operations), len(station.actions), len(station.work_units)) > 1


def _usual(counts: "Counter[Word]") -> Word:
    return min(counts, key=lambda value: (-counts[value], value))


def _products(seen: Observed, operations: dict[str, tuple[float, int]]) -> list[str]:
    units: dict[str, list[str]] = defaultdict(list)
    for unit, product in seen.products.items():
        units[product].append(unit)
    lines = (
        ["products: # operations at least half of a product's units went through 至少半数单元经过的工序"]
        if units
        else []
    )
    for product, made in sorted(units.items()):
        visits = Counter(operation for unit in made for operation in seen.first_read.get(unit, ()))
        way = [operation for operation in operations if visits[operation] >= ROUTING_SHARE * len(made)]
        routing = ", ".join(map(_quoted, way))
        lines.append(f"  - {{id: {_quoted(product)}, routing: [{routing}]}} # {len(made)} units")
    return lines


def _quoted(text: str) -> str:
    """The text as YAML reads it back: plain where it is a plain word, else in double quotes."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)
