"""docker-compose.yml as data: variables filled in, services in the order in which they may start."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
"""The only form we use: a name and what stands for it where it is not set."""

Service = dict[str, Any]


def read(variables: Mapping[str, str]) -> dict[str, Any]:
    """The file with these variables. Raises AssertionError for a `$` of any other form."""
    text = VARIABLE.sub(lambda found: variables.get(found[1]) or found[2], FILE.read_text("utf-8"))
    assert "$" not in text, "every variable has a default"
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def is_done_once(service: Service) -> bool:
    """Does it end when its work is done? Everything else goes on and has a health check."""
    return bool(service.get("healthcheck", {}).get("disable"))


def in_order(services: Mapping[str, Service]) -> Iterator[tuple[str, Service]]:
    """Every service after those it depends on; what only tools use is left out."""
    waiting = {name: service for name, service in services.items() if "profiles" not in service}
    while waiting:
        ready = [name for name in waiting if not waiting.keys() & waiting[name].get("depends_on", {}).keys()]
        assert ready, f"these wait for each other: {sorted(waiting)}"
        for name in ready:
            yield name, waiting.pop(name)
