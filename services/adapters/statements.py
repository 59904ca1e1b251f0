"""Loads the SQL files of services/adapters/sql: statements by the names in their `-- name:` headings."""

import re
from functools import cache
from importlib import resources

_HEADING = re.compile(r"^-- name: *(\w+) *$", re.MULTILINE)


@cache
def statements(name: str) -> dict[str, str]:
    """All statements of `sql/<name>.sql`."""
    return by_heading((resources.files("services.adapters.sql") / f"{name}.sql").read_text(encoding="utf-8"))


def by_heading(text: str) -> dict[str, str]:
    """The statements of a file's text."""
    parts = _HEADING.split(text)
    return {heading: body.strip() for heading, body in zip(parts[1::2], parts[2::2], strict=True)}
