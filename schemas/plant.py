"""The plant model: YAML text → errors with line and key, or the canonical document every stage reads.

    text ─read_lines→ values with lines ─PlantDocument→ types ─check_plant→ references ─canonical→ dict

All errors of a file are found at once: what is wrong in one place does not hide what is wrong elsewhere.
"""

from typing import Any

import yaml
from pydantic import ValidationError

from schemas.plant_canonical import canonical, nested
from schemas.plant_checks import check_plant
from schemas.plant_document import PlantDocument
from schemas.plant_lines import Lines, Problem, read_lines
from schemas.plant_report import report


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
    return checked(lines)


def checked(lines: Lines) -> dict[str, Any]:
    """The canonical document of values that were read; raises PlantError."""
    try:
        document = PlantDocument.model_validate(lines.value)
    except ValidationError as error:
        report(lines, error, PlantDocument)
    check_plant(lines)
    if lines.problems:
        raise PlantError(lines.problems)
    return canonical(document)


def dump(model: dict[str, Any]) -> str:
    """A plant file that `load_plant` reads back to the same canonical document (defaults are left out)."""
    return yaml.safe_dump(nested(model), allow_unicode=True, sort_keys=False, width=110)
