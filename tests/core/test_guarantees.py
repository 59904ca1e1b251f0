"""Whoever stops with exit code 70 says what was seen, what could not be kept, and the way on."""

import ast
import re
from pathlib import Path

import pytest

from services.core.errors import BrokenGuarantee, Guarantee

SERVICES = Path(__file__).parents[2] / "services"


def raised() -> list[tuple[str, ast.Call]]:
    """Every place where one is made."""
    files = {file: ast.parse(file.read_text("utf-8")) for file in sorted(SERVICES.rglob("*.py"))}
    return [
        (f"{file.relative_to(SERVICES)}:{node.lineno}", node)
        for file, tree in files.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "BrokenGuarantee"
    ]


def test_every_one_names_its_guarantee_and_what_was_seen() -> None:
    places = raised()
    assert len(places) > 12
    for place, call in places:
        guarantee, seen = call.args
        assert isinstance(guarantee, ast.Attribute), place
        assert guarantee.attr in Guarantee.__members__, place
        assert isinstance(seen, ast.JoinedStr | ast.Constant), place


@pytest.mark.parametrize("guarantee", Guarantee)
def test_its_words_are_in_both_languages_and_tell_what_to_type(guarantee: Guarantee) -> None:
    said = str(BrokenGuarantee(guarantee, "floor.scans/1 ends at 3"))
    en, zh, do_en, do_zh = guarantee.value
    assert said.startswith("floor.scans/1 ends at 3. ")
    assert all(words in said for words in (en, zh, do_en, do_zh))
    assert all(re.search("[\u4e00-\u9fff]", words) for words in (zh, do_zh))
    assert re.search("floorstream [a-z]+|FLOORSTREAM_[A-Z]+", do_en)
