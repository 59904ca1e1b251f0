"""What panels ask: SQL from grafana/sql/*.sql by its heading, and PromQL."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from services.adapters.statements import by_heading

SQL = Path(__file__).parent / "sql"
DATABASE = DataSourceRef("grafana-postgresql-datasource", "${datasource}")
METRICS = DataSourceRef("prometheus", "${datasource}")
"""Every dashboard reads one source, which a variable chooses: the walls may be loaded into any Grafana."""


@dataclass(frozen=True)
class SqlQuery(Dataquery, Builder["SqlQuery"]):
    """A statement for Grafana's PostgreSQL source; the SDK has no class for it.

    Fields as in https://grafana.com/docs/grafana/latest/datasources/postgres/query-editor/ (code mode).
    """

    text: str
    over_time: bool

    def build(self) -> "SqlQuery":
        """Itself."""
        return self

    def to_json(self) -> dict[str, object]:
        """As a target of a panel."""
        return {
            "refId": "A",
            "datasource": DATABASE,
            "editorMode": "code",
            "format": "time_series" if self.over_time else "table",
            "rawQuery": True,
            "rawSql": self.text,
        }


Query = SqlQuery | prometheus.Dataquery


def source_of(query: Query) -> DataSourceRef:
    """Where it is asked."""
    return DATABASE if isinstance(query, SqlQuery) else METRICS


@cache
def statements(file: str) -> dict[str, str]:
    """All statements of a file of grafana/sql."""
    return by_heading((SQL / f"{file}.sql").read_text("utf-8"))


def sql(file: str, name: str, over_time: bool = False) -> SqlQuery:
    """A statement by the name of its heading. `over_time`: its first column is `time`, its others are series."""
    return SqlQuery(statements(file)[name], over_time)


def promql(expression: str, legend: str, letter: str = "A") -> prometheus.Dataquery:
    """A PromQL expression over the range of the dashboard."""
    return prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(letter).range().datasource(METRICS)
