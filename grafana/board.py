"""What all dashboards have in common: one source that a variable chooses, links to each other, no editing by hand."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from grafana.look import Panel

TAG = "floorstream"
SOURCE_NAMES = {"grafana-postgresql-datasource": "floorstream 数据库 database", "prometheus": "floorstream Prometheus"}
"""The sources of grafana/provisioning, chosen at first."""


def board(
    uid: str,
    title: str,
    meaning: str,
    source: DataSourceRef,
    panels: Sequence[Panel],
    variables: Sequence[dashboard.QueryVariable] = (),
    since: str = "now-8h",
    refresh: str = "10s",
) -> dashboard.Dashboard:
    """A dashboard; panels flow from left to right, line by line."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(meaning)
        .tags([TAG])
        .readonly()
        .refresh(refresh)
        .time(since, "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(_source(source))
        .link(
            dashboard.DashboardLink("看板 walls").type(models.DashboardLinkType.DASHBOARDS).tags([TAG]).keep_time(True)
        )
    )
    for variable in variables:
        made = made.with_variable(variable)
    for number, panel in enumerate(panels, 1):
        made = made.with_panel(panel.id(number))
    return made


def chosen_by_query(name: str, label: str, query: str, source: DataSourceRef) -> dashboard.QueryVariable:
    """A variable whose values a query gives; nothing can be typed in."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(source)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def _source(source: DataSourceRef) -> dashboard.DatasourceVariable:
    assert source.type_val is not None
    name = SOURCE_NAMES[source.type_val]
    return (
        dashboard.DatasourceVariable("datasource")
        .label("Data source")
        .type(source.type_val)
        .current(models.VariableOption(True, name, name))
    )
