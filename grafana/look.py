"""How walls look: few colours that colour-blind people tell apart, big numbers, grey for what is stale.

Colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/). Letters of a wall are at least 40 px high: on a
55 inch screen with 1080 lines that is 25 mm, from 8 m an angle of 11 minutes of arc, twice the 5 minutes of the letters
that normal sight (6/6 on Snellen's chart) just reads.
"""

from collections.abc import Sequence
from typing import TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, stat, table, timeseries
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Property

from grafana.queries import Query, source_of, sql

BLUE, ORANGE, RED, GREY = "#0072B2", "#E69F00", "#D55E00", "#8E8E8E"
SKY, GREEN, PINK = "#56B4E9", "#009E73", "#CC79A7"
WALL_VALUE, WALL_TITLE, WALL_ROW = 96, 40, 44
"""Sizes of letters on walls, px."""
STALE = "陈旧 stale"
NONE = "无 none"
"""What stands for a number that is not there: because it is too old, or because there is none."""
Size = tuple[int, int]
"""Width in 24ths of the screen, height in rows of 38 px."""
Panel = stat.Panel | bargauge.Panel | table.Panel | timeseries.Panel
AnyPanel = TypeVar("AnyPanel", stat.Panel, bargauge.Panel, table.Panel, timeseries.Panel)


def steps(*above: tuple[float, str], base: str = BLUE) -> dashboard.ThresholdsConfig:
    """A colour from each value on; `base` below the first."""
    found = [models.Threshold(None, base), *(models.Threshold(value, colour) for value, colour in above)]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(found)


def word_for_null(word: str) -> models.SpecialValueMap:
    """No number is a word in grey, never an old number."""
    result = models.ValueMappingResult(text=word, color=GREY, index=0)
    options = models.DashboardSpecialValueMapOptions(models.SpecialValueMatch.NULL_AND_NAN, result)
    return models.SpecialValueMap(options)


def every_row() -> common.ReduceDataOptions:
    """Show every row of the answer, not one number per column."""
    return common.ReduceDataOptions().values(True).calcs(["lastNotNull"]).limit(12)


def by_thresholds() -> dashboard.FieldColor:
    """The colour is that of the value's step."""
    return dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)


def number(
    title: str,
    meaning: str,
    query: Query,
    unit: str,
    thresholds: dashboard.ThresholdsConfig,
    size: Size = (4, 5),
    missing: str = NONE,
) -> stat.Panel:
    """One big number. `missing`: what stands there without one."""
    return (
        _common(stat.Panel(), title, meaning, unit, size, query)
        .color_scheme(by_thresholds())
        .thresholds(thresholds)
        .mappings([word_for_null(missing)])
        .no_value(missing)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(common_models.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .text(common.VizTextDisplayOptions().value_size(WALL_VALUE))
    )


def counts(title: str, meaning: str, query: Query, colours: Sequence[tuple[str, str]], size: Size) -> stat.Panel:
    """Several big numbers side by side, grey at zero. `colours`: column by name."""
    sizes = common.VizTextDisplayOptions().title_size(WALL_TITLE).value_size(WALL_VALUE)
    panel = number(title, meaning, query, "none", steps(), size, STALE).text(sizes)
    for name, colour in colours:
        at = [{"color": GREY, "value": None}, {"color": colour, "value": 1}]
        panel = panel.override_by_name(name, [Property("thresholds", {"mode": "absolute", "steps": at})])
    return panel


def data_age(size: Size = (4, 5)) -> stat.Panel:
    """How old the numbers of the database are."""
    return number(
        "数据时效 Data age",
        "最近一次全厂汇总距今；正常时每 10 秒一次，超过 30 秒即为陈旧。"
        "Since the plant's newest totals, which come every 10 s; above 30 s numbers are stale.",
        sql("common", "data_age"),
        "s",
        steps((15, ORANGE), (30, RED)),
        size,
        missing=STALE,
    )


def bars(
    title: str,
    meaning: str,
    query: Query,
    unit: str,
    thresholds: dashboard.ThresholdsConfig,
    size: Size,
    missing: str = NONE,
) -> bargauge.Panel:
    """One bar per row, with the row's text as its name."""
    return (
        _common(bargauge.Panel(), title, meaning, unit, size, query)
        .color_scheme(by_thresholds())
        .thresholds(thresholds)
        .mappings([word_for_null(missing)])
        .no_value(NONE)
        .min(0)
        .reduce_options(every_row())
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
        .text(common.VizTextDisplayOptions().title_size(WALL_ROW).value_size(WALL_ROW))
    )


def curve(
    title: str,
    meaning: str,
    targets: Sequence[Query],
    unit: str,
    size: Size = (12, 8),
    colours: Sequence[tuple[str, str]] = (),
    stacked: bool = False,
    limit: str = "",
) -> timeseries.Panel:
    """Values over time. `colours`: series by name; `limit`: the series that is a limit, drawn as a dashed line."""
    panel = (
        _common(timeseries.Panel(), title, meaning, unit, size, *targets)
        .interval("10s")
        .line_width(2)
        .fill_opacity(70 if stacked else 5)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
        )
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    for name, colour in colours:
        panel = panel.override_by_name(name, [_fixed(colour)])
    return panel.override_by_name(limit, _LIMIT_LINE) if limit else panel


def _fixed(colour: str) -> Property:
    return Property("color", {"mode": "fixed", "fixedColor": colour})


_LIMIT_LINE = [
    _fixed(RED),
    Property("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}),
    Property("custom.fillOpacity", 0),
    Property("custom.stacking", {"mode": "none"}),
]


def rows(
    title: str, meaning: str, query: Query, units: Sequence[tuple[str, str]], size: Size = (12, 10)
) -> table.Panel:
    """A table for a desk. `units`: unit by column."""
    panel = _common(table.Panel(), title, meaning, "none", size, query).show_header(True)
    for column, unit in units:
        panel = panel.override_by_name(column, [Property("unit", unit)])
    return panel


def _common(panel: AnyPanel, title: str, meaning: str, unit: str, size: Size, *targets: Query) -> AnyPanel:
    for target in targets:
        panel = panel.with_target(target)
    source = source_of(targets[0])
    return panel.title(title).description(meaning).datasource(source).unit(unit).span(size[0]).height(size[1])
