"""The mapping file: YAML text → errors with line and key, or the checked document that core/mapping.py follows."""

from typing import Any

from pydantic import ValidationError

from schemas.mapping_document import IS_PATH, CounterFrom, EventKind, EventRule, FieldFrom, FieldsFrom, MappingDocument
from schemas.plant_lines import Lines, Problem, read_lines
from schemas.plant_report import report


class MappingError(ValueError):
    """A mapping file with errors; `problems` in the order of the file, each with line, key and both languages."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(f"line {p.line}: {p.key}: {p.en}" for p in self.problems))


def load_mapping(text: str) -> dict[str, Any]:
    """The checked document of a mapping file as plain values, defaults filled in; raises MappingError."""
    lines = read_lines(text)
    if lines.value is None and not lines.problems:
        lines.report((), "the file is empty: it needs `events`", "文件为空：须有 events")
    document = None
    if not lines.problems:
        try:
            document = MappingDocument.model_validate(lines.value)
        except ValidationError as error:
            report(lines, error, MappingDocument)
    if document is not None:
        for index, rule in enumerate(document.events):
            check_rule(lines, ("events", index), rule)
    if document is None or lines.problems:
        raise MappingError(lines.problems)
    return document.model_dump(mode="json", by_alias=True)


_NEEDED = {EventKind.SCAN: ("unit_id", "event_time"), EventKind.MACHINE: ("work_unit_id", "event_time")}
_BOTH = frozenset({"event_id", "event_time", "work_unit_id", "sent_time"})
_OF_MACHINES = frozenset({"state", "counter"})
_TIMES = frozenset({"event_time", "device_time", "sent_time", "recorded_time"})


def check_rule(lines: Lines, path: tuple[str | int, ...], rule: EventRule) -> None:
    """Note what does not belong together in one rule."""
    for name in _NEEDED[rule.kind]:
        if getattr(rule.fields, name) is None:
            lines.report((*path, "fields"), f"a {rule.kind} needs `{name}`", f"{rule.kind} 事件须有 {name}")
    if rule.kind is EventKind.MACHINE and not _says_something(rule.fields):
        lines.report(
            (*path, "fields"), "a machine event needs `state` or `counter`", "machine 事件须有 state 或 counter"
        )
    for place, condition in rule.when.items():
        if condition.exists is None and condition.in_ is None and condition.not_ is None:
            lines.report(
                (*path, "when", place), "expected a text, a list, `exists` or `not`", "应为文本、列表、exists 或 not"
            )
    for name in FieldsFrom.model_fields:
        value = getattr(rule.fields, name)
        if value is None:
            continue
        at = (*path, "fields", name)
        if name not in _BOTH and (name in _OF_MACHINES) is not (rule.kind is EventKind.MACHINE):
            lines.report(at, f"a {rule.kind} has no `{name}`: remove it", f"{rule.kind} 事件没有 {name}：请删除")
        for inner, field in _fields_of(name, value):
            check_field(lines, (*path, "fields", *inner), inner[-1], field)


def _says_something(fields: FieldsFrom) -> bool:
    return fields.state is not None or (fields.counter is not None and bool(_fields_of("counter", fields.counter)))


def _fields_of(name: str, value: FieldFrom | CounterFrom) -> list[tuple[tuple[str, ...], FieldFrom]]:
    if isinstance(value, FieldFrom):
        return [((name,), value)]
    inner = {part: getattr(value, part) for part in CounterFrom.model_fields}
    return [((name, part), field) for part, field in inner.items() if field is not None]


def check_field(lines: Lines, path: tuple[str | int, ...], name: str, field: FieldFrom) -> None:
    """Note what does not belong together in one field."""
    if (field.from_ is None) is (field.value is None):
        lines.report(path, "expected either `from` or `value`", "应有 from 或 value 之一")
    if (field.format or field.time_zone) and name not in _TIMES:
        key = "format" if field.format else "time_zone"
        lines.report((*path, key), f"`{name}` is no time: remove it", f"{name} 不是时间：请删除")
    if name != "parent_ids" and any("[*]" in place and IS_PATH.match(place) for place in field.from_ or ()):
        lines.report(
            path,
            "[*] leads to several values: put it into `each`, and begin here with @",
            "[*] 会得到多个值：请写入 each，此处以 @ 开头",
        )
