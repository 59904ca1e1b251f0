"""Validation errors of a YAML document → problems with the line they stand on; unknown keys with the nearest known."""

import difflib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.explain import phrase
from schemas.plant_lines import Lines, Path
from schemas.plant_part import keys_of


def report(lines: Lines, error: ValidationError, document: type[BaseModel]) -> None:
    """Note every error of a document of this kind."""
    for detail in error.errors(include_url=False):
        _report(lines, detail, document)


def _report(lines: Lines, detail: ErrorDetails, document: type[BaseModel]) -> None:
    path: Path = tuple(part for part in detail["loc"] if part != "[key]")
    en, zh = phrase(detail)
    if detail["type"] == "extra_forbidden":
        known = _known_keys(path[:-1], document)
        near = difflib.get_close_matches(str(path[-1]), known, 1, 0.5)
        en = f"unknown key `{path[-1]}`" + (
            f"; did you mean `{near[0]}`?" if near else f"; known keys: {', '.join(known)}"
        )
        zh = f"未知的键“{path[-1]}”" + (f"；是否为“{near[0]}”？" if near else f"；可用的键：{'、'.join(known)}")
    elif detail["type"] == "missing":
        en, zh = f"required key `{path[-1]}` is missing", f"缺少必填的键“{path[-1]}”"
    lines.report(path, en, zh)


def _known_keys(path: Path, document: type[BaseModel]) -> list[str]:
    """The keys that may stand in the mapping at the path."""
    part: Any = document
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
