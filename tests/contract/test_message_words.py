"""The words of messages are those of the glossary, and there are words for everything an alert may say."""

from enum import StrEnum

import pytest

from schemas.alerts import AlertEnd
from schemas.glossary import label
from schemas.plant_alerting import Language, Measure, Priority
from services.core.message_words import ACTIONS, ENDS, LABELS, MEASURES, PRIORITIES, SITUATIONS, Both


@pytest.mark.parametrize(("words", "kind"), [(MEASURES, Measure), (PRIORITIES, Priority)], ids=["measure", "priority"])
def test_they_are_the_glossary_s(words: dict[str, Both], kind: type[StrEnum]) -> None:
    assert words.keys() == set(kind)
    for value in kind:
        found = words[value.value]
        assert (found["zh"], found["en"].lower()) == (label(value, "zh"), label(value, "en").lower())


@pytest.mark.parametrize(("words", "kind"), [(SITUATIONS, Measure), (ACTIONS, Measure), (ENDS, AlertEnd)])
def test_nothing_an_alert_may_say_lacks_words(words: dict[str, Both], kind: type[StrEnum]) -> None:
    assert words.keys() == set(kind)
    assert all(text.keys() == {"zh", "en"} for text in words.values())


def test_priorities_are_in_their_order() -> None:
    assert list(PRIORITIES) == [priority.value for priority in Priority]


def test_every_language_of_the_plant_file_has_words() -> None:
    assert {*LABELS, "both"} == set(Language)
