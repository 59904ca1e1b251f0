"""What one version of the plant model says of machines: how their states are read, and which counters count WIP."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.core.calendar import WorkingCalendar
from services.core.equipment import PlantModel
from services.core.packml import Rules, conditions
from services.core.shift_pieces import plant_days


class CounterName(NamedTuple):
    """A counter of a work unit: `good` or `reject`."""

    work_unit: str
    counter: str


@dataclass(frozen=True, slots=True)
class CountedOperation:
    """An operation whose WIP is counted: baseline + in − out."""

    came_in: tuple[CounterName, ...]
    went_out: tuple[CounterName, ...]
    baseline: int

    def counters(self) -> Iterator[CounterName]:
        """All of them."""
        yield from self.came_in
        yield from self.went_out


class MachinePlant:
    """Lookups of one version; `None`: before any version was in force."""

    def __init__(self, model: PlantModel | None = None) -> None:
        document = model.document if model else {}
        self.version = model.version if model else 0
        self._states = {unit["id"]: unit.get("states") or {} for unit in document.get("work_units", ())}
        self._around_the_clock = plant_days(model.time_zone if model else "UTC")
        self._model = model
        self._rules: dict[str, Rules] = {}
        self.counted = {o["id"]: _counted(o["counted"]) for o in document.get("operations", ()) if o.get("counted")}
        self.counts: dict[str, set[str]] = {}
        for operation, counted in self.counted.items():
            for name in counted.counters():
                self.counts.setdefault(name.work_unit, set()).add(operation)

    def rules(self, work_unit: str) -> Rules:
        """How the states of a work unit are read; by default where the model does not know it."""
        found = self._rules.get(work_unit)
        if found is None:
            read = conditions(self._states.get(work_unit, {}))
            found = self._rules[work_unit] = Rules(read, self._calendar(work_unit), self.version)
        return found

    def _calendar(self, work_unit: str) -> WorkingCalendar:
        if self._model is None:
            return self._around_the_clock
        center = self._model.work_center_of.get(work_unit, "")
        return self._model.calendar_of.get(center, self._around_the_clock)


def _counted(document: Mapping[str, list[dict[str, str]] | int]) -> CountedOperation:
    sides = [
        tuple(CounterName(entry["work_unit"], entry["counter"]) for entry in entries)
        for entries in (document["in"], document["out"])
        if isinstance(entries, list)
    ]
    baseline = document["baseline"]
    assert isinstance(baseline, int)
    return CountedOperation(sides[0], sides[1], baseline)
