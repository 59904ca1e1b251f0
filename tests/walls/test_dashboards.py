"""The dashboards are those of the code, valid by Grafana's own schema, and keep the rules of walls.

Rules marked "linter" are those of https://github.com/grafana/dashboard-linter/tree/v0.1.1/docs/rules.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from grafana.board import SOURCE_NAMES
from grafana.dashboards import FOLDER, files
from grafana.look import GREY, NONE, STALE, WALL_ROW, WALL_VALUE
from services.adapters.metrics import Metrics

SCHEMA = Path(__file__).parent / "schema"
BOARDS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((FOLDER / "dashboards").glob("*.json"))}
ALL = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
READABLE_FROM_8_M = 40
"""px of 1080 lines on a 55 inch screen: 25 mm, 11 minutes of arc."""


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel."""
    yield from board["panels"]


def expressions(board: dict[str, Any]) -> list[str]:
    """All PromQL of a dashboard."""
    return [target["expr"] for panel in panels(board) for target in panel["targets"] if "expr" in target]


def errors(document: object, schema: str, definition: str) -> list[str]:
    """What Grafana's schema has against a document.

    Two fields that Grafana's kinds leave open (`options?: _`, `value?: _`, and Grafana fills with text) were published
    as objects; they are open here: https://github.com/grafana/grafana/blob/main/kinds/dashboard/dashboard_kind.cue
    """
    published = json.loads((SCHEMA / f"{schema}.jsonschema.json").read_text("utf-8"))
    if schema == "dashboard":
        published["definitions"]["MatcherConfig"]["properties"]["options"] = {}
        published["definitions"]["DynamicConfigValue"]["properties"]["value"] = {}
    validator = Draft7Validator({**published, "$ref": f"#/definitions/{definition}"})
    return [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(document)]


def test_the_files_are_those_of_the_code() -> None:
    committed = [*(FOLDER / "dashboards").glob("*.json"), FOLDER / "playlist.json"]
    assert {str(path.relative_to(FOLDER)): path.read_text("utf-8") for path in committed} == files(), (
        "run: python -m grafana.dashboards"
    )


@ALL
def test_grafanas_schema_has_nothing_against_it(board: dict[str, Any]) -> None:
    assert errors(board, "dashboard", "Dashboard") == []


@ALL
def test_grafanas_schemas_of_panels_have_nothing_against_theirs(board: dict[str, Any]) -> None:
    for panel in panels(board):
        assert errors(panel["options"], panel["type"], "Options") == [], panel["title"]
        custom = panel["fieldConfig"]["defaults"].get("custom")
        assert custom is None or errors(custom, panel["type"], "FieldConfig") == [], panel["title"]


def test_the_schema_refuses_what_is_wrong() -> None:
    board = BOARDS["plant_wall"]
    assert errors({**board, "titel": "x"}, "dashboard", "Dashboard")
    assert errors({**board["panels"][0]["options"], "colorMode": "rainbow"}, "stat", "Options")


@ALL
def test_titles_and_descriptions_are_in_both_languages(board: dict[str, Any]) -> None:
    for said in (board, *panels(board)):
        for text in (said["title"], said["description"]):
            assert re.search(r"[\u4e00-\u9fff]", text), text
            assert re.search(r"[A-Za-z]{2}", text), text


@ALL
def test_every_panel_has_a_target_a_unit_and_the_chosen_source(board: dict[str, Any]) -> None:  # linter
    for panel in panels(board):
        assert panel["targets"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


@ALL
def test_nobody_types_into_a_variable(board: dict[str, Any]) -> None:
    kinds = {variable["name"]: variable["type"] for variable in board["templating"]["list"]}
    assert kinds.pop("datasource") == "datasource"
    assert set(kinds.values()) <= {"query"}
    assert ":raw" not in json.dumps(board)


@ALL
def test_it_is_changed_in_code_only_and_variables_follow_the_range(board: dict[str, Any]) -> None:  # linter
    assert board["editable"] is False
    assert all(v["refresh"] == 2 for v in board["templating"]["list"] if v["type"] == "query")


@ALL
def test_ids_are_unique_and_panels_do_not_overlap(board: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in panels(board)]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in panels(board):
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_provisioning_names_the_sources_that_dashboards_choose_and_no_secret() -> None:
    text = (FOLDER / "provisioning" / "datasources" / "floorstream.yaml").read_text("utf-8")
    sources = {source["type"]: source for source in yaml.safe_load(text)["datasources"]}
    assert {kind: source["name"] for kind, source in sources.items()} == SOURCE_NAMES
    database = sources["grafana-postgresql-datasource"]
    assert database["user"] == "floorstream_reader"
    assert database["secureJsonData"]["password"].startswith("$__file{/run/secrets/")


def test_the_plant_wall_is_readable_from_8_m_and_fits_a_screen() -> None:
    board = BOARDS["plant_wall"]
    assert min(WALL_VALUE, WALL_ROW) >= READABLE_FROM_8_M
    for panel in panels(board):
        assert panel["type"] in ("stat", "bargauge"), panel["title"]
        assert min(panel["options"]["text"].values()) >= READABLE_FROM_8_M
    assert max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels(board)) * 38 <= 1080


def test_stale_numbers_are_grey_words_on_every_wall_panel() -> None:
    for panel in panels(BOARDS["plant_wall"]):
        (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
        assert mapping["options"]["match"] == "null+nan"
        word = NONE if panel["title"] == "报警 Alerts" else STALE
        assert mapping["options"]["result"] == {"text": word, "color": GREY, "index": 0}


def test_promql_names_only_metrics_that_the_stages_have() -> None:
    known = {family.name for family in Metrics().registry.collect()}
    names = set(re.findall(r"floorstream_\w+", " ".join(expressions(BOARDS["system"]))))
    assert len(names) > 10
    plain = {re.sub(r"_(total|bucket)$", "", name) for name in names}
    assert plain <= known


def test_promql_is_bound_to_the_chosen_jobs_and_the_rate_interval() -> None:  # linter
    for expression in expressions(BOARDS["system"]):
        selectors = re.findall(r"floorstream_\w+(\{.*?\})|up(\{.*?\})", expression)
        assert selectors
        for selector in ("".join(pair) for pair in selectors):
            assert 'job=~"$job"' in selector
            assert 'instance=~"$instance"' in selector
        assert re.findall(r"\[(.*?)\]", expression) in ([], ["$__rate_interval"]), expression
        for counter in re.findall(r"(\w*\(?)floorstream_\w+_total", expression):
            assert counter == "rate(", expression
