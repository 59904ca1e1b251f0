"""Writes grafana/dashboards/*.json and grafana/playlist.json from the code: `python -m grafana.dashboards`.

The files are committed, so that whoever runs Grafana needs no Python; a test fails when they are stale.
"""

import json
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import playlist
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.operation import operation
from grafana.plant_wall import plant_wall
from grafana.system import system
from grafana.turnover import turnover

Document = dict[str, Any]

FOLDER = Path(__file__).parent
BOARDS = {"plant_wall": plant_wall, "operation": operation, "turnover": turnover, "system": system}
SHOWN_IN_TURN = ("plant_wall", "turnover")
"""What a screen on the wall shows; the others ask for a choice."""

ADDED_OPTIONS: dict[str, Document] = {
    "stat": {"percentChangeColorMode": "standard", "showPercentChange": False, "wideLayout": True},
    "bargauge": {
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
        "maxVizHeight": 300,
        "namePlacement": "auto",
        "sizing": "auto",
    },
}
"""Options that panels have had to have since, at their defaults."""


def files() -> dict[str, str]:
    """Name → content of every generated file."""
    boards = {name: _up_to_date(make().build()) for name, make in BOARDS.items()}
    in_turn = playlist.Playlist().uid("floorstream-walls").name("floorstream 轮播 walls").interval("30s")
    in_turn = in_turn.items(
        [
            playlist.PlaylistItem().type("dashboard_by_uid").value(boards[name]["uid"]).title(boards[name]["title"])
            for name in SHOWN_IN_TURN
        ]
    )
    return {
        **{f"dashboards/{name}.json": _text(made) for name, made in boards.items()},
        "playlist.json": _text(in_turn.build()),
    }


def _up_to_date(made: Dashboard) -> Document:
    """The dashboard by the schema of today's Grafana: the SDK's release is that of 10.1."""
    board: Document = json.loads(json.dumps(made, cls=JSONEncoder))
    board.pop("style")
    for variable in board["templating"]["list"]:
        variable.pop("id")
    for panel in board["panels"]:
        panel["options"] = {**ADDED_OPTIONS.get(panel["type"], {}), **panel["options"]}
    return board


def _text(made: object) -> str:
    return json.dumps(made, cls=JSONEncoder, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write them."""
    for name, content in files().items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
        print(f"wrote {path.relative_to(FOLDER.parent)}")


if __name__ == "__main__":
    main()
