"""The glossary: every word people see is there, in both languages."""

from enum import StrEnum

import pytest

from schemas.glossary import GROUP_OF, glossary, label
from schemas.rejects import Reason


@pytest.mark.parametrize("kind", GROUP_OF, ids=lambda kind: kind.__name__)
def test_every_value_of_the_contract_has_its_words(kind: type[StrEnum]) -> None:
    missing = {value.value for value in kind} - set(glossary()[GROUP_OF[kind]])
    assert not missing


def test_every_enumeration_of_the_contract_has_a_group() -> None:
    ours = {kind for kind in StrEnum.__subclasses__() if kind.__module__.startswith("schemas.")}
    assert ours == set(GROUP_OF)


def test_meanings_come_in_both_languages() -> None:
    lonely = [
        word for group in glossary().values() for word, e in group.items() if bool(e.means_en) != bool(e.means_zh)
    ]
    assert lonely == []


def test_label_is_what_people_read() -> None:
    assert (label(Reason.TOO_LATE, "en"), label(Reason.TOO_LATE, "zh")) == ("too late", "来得太晚")
