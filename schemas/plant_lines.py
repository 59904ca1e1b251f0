"""YAML text → plain values of text, each with the line it stands on.

Scalars stay the text that was written, and the plant document decides what they mean. So none of YAML 1.1's traps
can bite: `08:00` is no sexagesimal number, `0010` no octal one, `no` and `off` are no booleans (`off` is one of our
keys), `2026-10-01` no date object. Only an empty value, `~` and `null` without quotes mean "nothing".
"""

from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from schemas.text import clean

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"
Path: TypeAlias = tuple[str | int, ...]

MOST_VALUES = 500_000
"""More values than any plant has: an alias that is repeated over and over is refused before it fills the memory."""

_CORE_TAGS = {
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")
}
_PLAIN_TAGS = _CORE_TAGS | {"tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"}


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One error of a plant file: line and column from 1, the path of the key, what is wrong and what is expected."""

    line: int
    column: int
    key: str
    en: str
    zh: str


@dataclass(slots=True)
class Lines:
    """The plain value of a YAML text, where each part of it stands, and the errors found while reading."""

    value: Value = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def report(self, path: Path, en: str, zh: str) -> None:
        """Note an error at the path; what is missing is reported at the nearest thing that is there."""
        line, column = self.place(path)
        self.problems.append(Problem(line, column, key_of(path), en, zh))

    def place(self, path: Path) -> tuple[int, int]:
        """Line and column (from 1) of the key or list item at the path, else of what contains it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))


def key_of(path: Path) -> str:
    """`areas[0].work_centers[1].id` for a path; list items count from 0."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "(file)"


def read_lines(text: str) -> Lines:
    """Read YAML text; a text that is no YAML at all has `value` None and one problem."""
    lines = Lines()
    try:
        root = yaml.compose(text.removeprefix("\ufeff"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        _report_syntax(lines, error)
        return lines
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        lines.problems.append(
            Problem(
                line,
                1,
                "(file)",
                f"character {error.character!r} is not allowed in YAML",
                "含有 YAML 不允许的字符",
            )
        )
        return lines
    except RecursionError:
        lines.problems.append(Problem(1, 1, "(file)", "lists and mappings are nested too deeply", "列表或映射嵌套过深"))
        return lines
    if root is not None:
        _Reader(lines).read(root)
    return lines


def _report_syntax(lines: Lines, error: yaml.MarkedYAMLError) -> None:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    said = " ".join(part for part in (error.context, error.problem) if part)
    if "\\t" in said:
        en, zh = "a tab where YAML wants spaces: indent with spaces", "此处不能用制表符：请用空格缩进"
    elif "expected a single document" in said:
        en, zh = (
            "a second document begins (`---`): a plant model is one document",
            "出现第二个文档（---）：工厂模型只能是一个文档",
        )
    else:
        en, zh = f"not valid YAML: {said}", f"不是有效的 YAML：{said}"
    lines.problems.append(Problem(line, column, "(file)", en, zh))


class _Reader:
    """Walks the nodes once; an alias is walked again at each place where it is used."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._count = 0
        self._inside: set[int] = set()

    def read(self, root: yaml.Node) -> None:
        self._lines.places[()] = _place(root)
        self._lines.value = self._value(root, ())

    def _value(self, node: yaml.Node, path: Path) -> Value:
        self._count += 1
        if self._count > MOST_VALUES:
            if self._count == MOST_VALUES + 1:
                self._lines.report(
                    path,
                    f"more than {MOST_VALUES} values in one plant model",
                    f"一个工厂模型中的值超过 {MOST_VALUES} 个",
                )
            return None
        if node.tag not in _PLAIN_TAGS:
            self._lines.report(
                path,
                f"the tag {node.tag} has no meaning here: remove it",
                f"标签 {node.tag} 在此无意义：请删除",
            )
            return None
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if id(node) in self._inside:
            self._lines.report(path, "an alias that contains itself", "别名引用了自身")
            return None
        self._inside.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return self._list(node, path)
            assert isinstance(node, yaml.MappingNode)
            return self._mapping(node, path)
        finally:
            self._inside.remove(id(node))

    def _list(self, node: yaml.SequenceNode, path: Path) -> list[Value]:
        values: list[Value] = []
        for index, item in enumerate(node.value):
            at = (*path, index)
            self._lines.places[at] = _place(item)
            values.append(self._value(item, at))
        return values

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._lines.places[at := (*path, "?")] = _place(key_node)
                self._lines.report(at, "a key must be one word", "键必须是单个词")
                continue
            key = clean(key_node.value)
            at = (*path, key)
            if key in values:
                first = self._lines.places[at][0]
                line, column = _place(key_node)
                en, zh = (
                    f"key `{key}` is written twice (first in line {first})",
                    f"键 `{key}` 重复（首次出现在第 {first} 行）",
                )
                self._lines.problems.append(Problem(line, column, key_of(at), en, zh))
                continue
            self._lines.places[at] = _place(key_node)
            values[key] = self._value(value_node, at)
        return values


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _scalar(node: yaml.ScalarNode) -> str | None:
    text: str = node.value
    return None if node.style is None and text in ("", "~", "null", "Null", "NULL") else clean(text)
