"""The benchmark's report and JSON, from made-up measurements."""

import json
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

from loadtest.bars import BARS
from loadtest.load import Profile
from loadtest.plots import Line, Row, bars, lines, nice
from loadtest.report import page
from loadtest.results import Measurement, Series, document, table
from loadtest.words import BARRED, CONTENDERS

VOID = {"br", "meta", "th"}
"""Elements that the page leaves without an end."""


class Balanced(HTMLParser):
    """Knows what is open, and every address that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Closed where it is opened."""


def measured() -> list[Measurement | Series]:
    """A figure of every kind."""
    names = [f"{who}.{what}" for who in CONTENDERS for what in ("events_per_s_core", "us_per_event")]
    names += [f"latency.produce_to_{where}.p99_s" for where in ("visit", "row", "browser")]
    names += [f"cost.units_{n}.us_per_event" for n in (20_000, 100_000, 1_000_000)]
    names += [name for name in BARS if name not in names]
    return [
        *(Measurement(name, float(n), "<s>", n - 0.5, n + 0.25) for n, name in enumerate(names, 1)),
        Series("row", "s", "s", [(0.0, 0.25), (1.0, 4.0), (2.0, 0.125)]),
    ]


@pytest.fixture
def told() -> dict[str, Any]:
    """What would be written of them."""
    return document({"seed": 1}, {"rounds": 2}, "abc", measured(), 12.4)


def test_every_measurement_stands_in_the_json_with_unit_and_range(told: dict[str, Any]) -> None:
    read = json.loads(json.dumps(told))
    found = {m["name"]: (m["value"], m["unit"], m["range"]) for m in read["measurements"]}
    assert found["track.events_per_s_core"] == (1.0, "<s>", [0.5, 1.25])
    assert len(found) == sum(isinstance(m, Measurement) for m in measured())
    assert read["series"] == [{"name": "row", "x_unit": "s", "y_unit": "s", "points": [[0, 0.25], [1, 4], [2, 0.125]]}]
    assert {"commit", "date", "machine", "profile_hash", "profile", "plan", "seconds"} <= read.keys()


def test_the_page_is_whole_and_fetches_nothing(told: dict[str, Any]) -> None:
    parser, text = Balanced(), page(told)
    parser.feed(text)
    assert parser.open == []
    assert parser.fetched == []
    assert "url(" not in text
    assert "<s>" not in text


def test_its_plots_are_svg(told: dict[str, Any]) -> None:
    plots = re.findall(r"<svg.*?</svg>", page(told))
    assert len(plots) == 5
    for plot in plots:
        ElementTree.fromstring(plot)


def test_every_bar_is_named_in_both_languages_and_judged(told: dict[str, Any]) -> None:
    text = page(told)
    assert BARS.keys() == BARRED.keys()
    for words in BARRED.values():
        assert words.en in text
        assert words.zh in text
    assert text.count("✓ reached") + text.count("✗ missed") == len(BARS)


def test_a_missed_bar_is_said_in_the_table() -> None:
    name = "track.ratio_to_better_bare"
    assert "reaches" in table([Measurement(name, 0.95, "", 0.9, 1.0)])
    assert "MISSES" in table([Measurement(name, 0.949, "", 0.9, 1.0)])


def test_a_page_of_no_figures_is_a_page() -> None:
    assert page(document({}, {}, "abc", [], 0)).startswith("<!doctype html>")


def test_a_bar_is_as_long_as_its_value() -> None:
    drawn = bars([Row("a", 50, 50, 100, "50"), Row("b", 100, 100, 100, "100")])
    wide = [float(box) for box in re.findall(r'<rect [^>]*width="([\d.]+)"', drawn)]
    assert wide[1] == pytest.approx(2 * wide[0])


def test_a_line_rises_where_its_values_do() -> None:
    drawn = lines([Line("x", [(1, 1), (10, 2), (100, 4)])], "n", "µs", logarithmic=True)
    (path,) = re.findall(r'<path d="M([^"]*)" class="line line-0"', drawn)
    xs, ys = zip(*([float(v) for v in point.split()] for point in path.split("L")), strict=True)
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.11)
    assert ys[0] > ys[1] > ys[2]


@pytest.mark.parametrize(("value", "top"), [(0, 1), (0.3, 0.4), (1, 1), (41, 50), (900, 1000)])
def test_an_axis_ends_at_a_round_number(value: float, top: float) -> None:
    assert nice(value) == pytest.approx(top)


def test_the_hash_of_the_load_is_that_of_its_numbers() -> None:
    profile = Profile.read("quick", {"events": 1000})
    assert profile.hash == Profile.read("quick", {"events": 1000}).hash
    assert profile.hash != profile.sized(1001).hash
