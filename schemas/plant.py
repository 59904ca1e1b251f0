"""The plant model: YAML text → errors with line and key, or the canonical document every stage reads.

    text ─read_lines→ values with lines ─PlantDocument→ types ─check_plant→ references ─canonical→ dict

All errors of a file are found at once: what is wrong in one place does not hide what is wrong elsewhere.
"""

import difflib
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.explain import phrase
from schemas.plant_canonical import canonical, nested
from schemas.plant_checks import check_plant
from schemas.plant_document import PlantDocument
from schemas.plant_lines import Lines, Path, Problem, read_lines
from schemas.plant_part import keys_of


class PlantError(ValueError):
    """A plant file with errors; `problems` in the order of the file, each with line, key and both languages."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(f"line {p.line}: {p.key}: {p.en}" for p in self.problems))


def load_plant(text: str) -> dict[str, Any]:
    """The canonical document of a plant file, all defaults filled in; raises PlantError.

    Durations are int µs under keys ending in `_us`, amounts decimal text, dates and times of day ISO text.
    """
    lines = read_lines(text)
    if lines.value is None and not lines.problems:
        lines.report(
            (),
            "the file is empty; `floorstream plant new FILE` writes an example",
            "文件为空；可用 floorstream plant new FILE 生成示例",
        )
    if lines.value is None:
        raise PlantError(lines.problems)
    try:
        document = PlantDocument.model_validate(lines.value)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _report(lines, detail)
    check_plant(lines)
    if lines.problems:
        raise PlantError(lines.problems)
    return canonical(document)


def dump(model: dict[str, Any]) -> str:
    """A plant file that `load_plant` reads back to the same canonical document (defaults are left out)."""
    return yaml.safe_dump(nested(model), allow_unicode=True, sort_keys=False, width=110)


def _report(lines: Lines, detail: ErrorDetails) -> None:
    path: Path = tuple(part for part in detail["loc"] if part != "[key]")
    en, zh = phrase(detail)
    if detail["type"] == "extra_forbidden":
        known = _known_keys(path[:-1])
        near = difflib.get_close_matches(str(path[-1]), known, 1, 0.5)
        en = f"unknown key `{path[-1]}`" + (
            f"; did you mean `{near[0]}`?" if near else f"; known keys: {', '.join(known)}"
        )
        zh = f"未知的键“{path[-1]}”" + (f"；是否为“{near[0]}”？" if near else f"；可用的键：{'、'.join(known)}")
    elif detail["type"] == "missing":
        en, zh = f"required key `{path[-1]}` is missing", f"缺少必填的键“{path[-1]}”"
    lines.report(path, en, zh)


def _known_keys(path: Path) -> list[str]:
    """The keys that may stand in the mapping at the path."""
    part: Any = PlantDocument
    for step in path:
        part = keys_of(part).get(str(step)) if _is_part(part) else _inner(part)
        part = next((choice for choice in get_args(part) if _is_part(choice)), part) if _optional(part) else part
    return list(keys_of(part)) if _is_part(part) else []


def _is_part(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _optional(annotation: Any) -> bool:
    return type(None) in get_args(annotation)


def _inner(annotation: Any) -> Any:
    """What a list or a mapping by name holds."""
    return get_args(annotation)[-1] if get_args(annotation) else None
