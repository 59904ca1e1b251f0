"""README.md and README.zh-CN.md say the same, and what they name is there: targets, commands, settings, addresses."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.generate import FOLDER
from services.cli import COMMANDS
from services.core.errors import Reason

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")
MOST_LINES = 490
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BOTH = pytest.mark.parametrize("name", READMES)


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def headings(text: str) -> list[str]:
    """Levels of the headings in order."""
    return re.findall(r"^(#+) ", FENCED.sub("", text), re.MULTILINE)


def commands_of(text: str) -> list[tuple[str, list[str]]]:
    """Language and lines of every block that is typed somewhere, comments left out."""
    return [
        (language, [re.sub(r"\s+# .*$", "", line) for line in body.splitlines()])
        for language, body in FENCED.findall(text)
        if language != "text"
    ]


def code_spans(text: str) -> list[str]:
    """Everything in backticks, sorted: names are the same in every language, though sentences are built otherwise."""
    return sorted(set(re.findall(r"`([^`\n]+)`", FENCED.sub("", text))))


def table_rows(text: str) -> list[int]:
    """How many rows each section's tables have."""
    sections = re.split(r"^## ", FENCED.sub("", text), flags=re.MULTILINE)
    return [len(re.findall(r"^\|", section, re.MULTILINE)) for section in sections]


def sources(*folders: str) -> str:
    """The program text of folders of services, or of all."""
    roots = [ROOT / "services" / folder for folder in folders or ("",)]
    return "".join(path.read_text("utf-8") for root in roots for path in root.rglob("*.py"))


def first_cells(text: str) -> str:
    """The first column of all tables."""
    return "\n".join(re.findall(r"^\| ([^|]*)\|", text, re.MULTILINE))


@pytest.mark.parametrize("part", [headings, commands_of, code_spans, table_rows])
def test_both_say_the_same(part: Callable[[str], object]) -> None:
    english, chinese = map(text_of, READMES)
    assert part(english) == part(chinese)


@BOTH
def test_it_names_the_other_language_at_the_top(name: str) -> None:
    other = next(each for each in READMES if each != name)
    assert f"]({other})" in "".join(text_of(name).splitlines(keepends=True)[:5])


@BOTH
def test_it_is_short_enough_to_be_read(name: str) -> None:
    assert len(text_of(name).splitlines()) <= MOST_LINES


@BOTH
def test_every_link_leads_somewhere(name: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text_of(name)) if "://" not in link]
    assert [link for link in links if not (ROOT / link).exists()] == []


@BOTH
def test_every_file_named_as_a_proof_exists(name: str) -> None:
    named = re.findall(r"(?<![\w(/])((?:tests|services|schemas|deploy)/[\w./-]+)", FENCED.sub("", text_of(name)))
    assert [path for path in named if not (ROOT / path.rstrip(".")).exists()] == []


@BOTH
def test_every_make_target_named_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text_of(name), re.MULTILINE))
    assert named
    assert named <= targets


@BOTH
def test_the_commands_named_are_the_commands_there_are(name: str) -> None:
    text = text_of(name)
    typed = [line for _, lines in commands_of(text) for line in lines] + code_spans(text)
    assert set(re.findall(r"^floorstream ([a-z]+)", "\n".join(typed), re.MULTILINE)) <= set(COMMANDS)
    assert set(re.findall(r"`floorstream ([a-z]+)", first_cells(text))) == set(COMMANDS)


@BOTH
def test_every_setting_is_in_the_table_and_no_other(name: str) -> None:
    read = set(re.findall(r"FLOORSTREAM_[A-Z_]*[A-Z]", sources()))
    assert set(re.findall(r"`(FLOORSTREAM_[A-Z_]*[A-Z])`", first_cells(text_of(name)))) == read


@BOTH
def test_every_reason_has_its_row(name: str) -> None:
    assert {str(reason) for reason in Reason} <= set(re.findall(r"`(\w+)`", first_cells(text_of(name))))


@BOTH
def test_every_code_of_a_problem_is_named(name: str) -> None:
    codes = set(re.findall(r'\bKind\(\d+, "([a-z-]+)"', sources()))
    assert codes - set(code_spans(text_of(name))) == set()


@BOTH
def test_the_addresses_named_are_those_that_are_served(name: str) -> None:
    paths = json.loads((FOLDER / "openapi.json").read_text("utf-8"))["paths"]
    served = {path.split("/")[2] for path in paths if path.startswith("/v1/")}
    assert set(re.findall(r"/v1/([a-z0-9-]+)", text_of(name))) - {"openapi"} == served
