"""What every section of the benchmark is given: the load, how much of it, and where to say how it gets on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from loadtest.load import PROFILE, Profile


@dataclass(frozen=True)
class Plan:
    """How much each section does, from profile.yaml. Rounds are what a median is taken over; seconds end in `_s`.

    `live_units`: numbers of units beside each other that the cost of an event is measured at, the last one recovered
    as well. `kept_events`: lengths of histories that memory is measured at, with `kept_units` units each.
    `operations`: sizes of plants that the cost of an event is measured at. `many_operations`: of a plant whose board is
    watched for its age, 0: not.
    """

    idiomatic_events: int
    worker_rounds: int
    store_events: int
    store_rounds: int
    ingest_scans: int
    ingest_rounds: int
    latency_s: int
    burst_s: int
    live_units: tuple[int, ...]
    kept_events: tuple[int, ...]
    kept_units: int
    operations: tuple[int, ...]
    cost_events: int
    cost_rounds: int
    many_operations: int

    @classmethod
    def read(cls, size: str) -> "Plan":
        """The plan of this size."""
        values: dict[str, Any] = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))["sizes"][size]["plan"]
        lists: dict[str, Any] = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**values | lists)


@dataclass(frozen=True)
class Bench:
    """One run of the benchmark. `say` prints a line of progress."""

    size: str
    profile: Profile
    plan: Plan
    say: Callable[[str], None]
