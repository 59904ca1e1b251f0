"""What Grafana makes of a panel's SQL before the database sees it.

Macros: https://grafana.com/docs/grafana/latest/datasources/postgres/query-editor/#macros
Variables: https://grafana.com/docs/grafana/latest/visualizations/dashboards/variables/variable-syntax/ (`sqlstring`)
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

_MACRO = re.compile(r"\$(__\w+)\(([^)]*)\)")
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def expand(sql: str, since: datetime, until: datetime, interval: str, variables: Mapping[str, str]) -> str:
    """The statement for a range, an interval as Grafana writes it (`30s`, `5m`) and chosen values."""
    sql = _VARIABLE.sub(lambda found: _value(found, variables), sql)
    sql = sql.replace("$__interval", interval)
    return _MACRO.sub(lambda found: _macro(found[1], found[2], since, until), sql)


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    assert found[2] == "sqlstring", f"{found[0]}: only sqlstring puts quotes around and doubles those inside"
    value = variables[found[1]].replace("'", "''")
    return f"'{value}'"


def _macro(name: str, given: str, since: datetime, until: datetime) -> str:
    first, last = (f"'{at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}'" for at in (since, until))
    arguments = [argument.strip() for argument in given.split(",")]
    match name:
        case "__timeFrom":
            return first
        case "__timeTo":
            return last
        case "__timeFilter":
            return f"{arguments[0]} BETWEEN {first} AND {last}"
        case "__timeGroupAlias":
            seconds = _seconds(arguments[1].strip("'"))
            return f'floor(extract(epoch from {arguments[0]})/{seconds:g})*{seconds:g} AS "time"'
    raise AssertionError(f"no macro of Grafana's that we know: {name}")


def _seconds(interval: str) -> float:
    found = re.fullmatch(r"(\d+)(ms|s|m|h|d)", interval)
    assert found, interval
    return int(found[1]) * UNITS[found[2]]
