"""What is shown of each work unit: its newest state, in the order of the plant file.

A state holds until the next one is told: of a machine that says nothing nobody knows more than what it said last, and
when. So every state is shown with since when, and when the machine was last heard.
"""

from collections.abc import Mapping
from typing import Any

from services.core.equipment import PlantModel

State = Mapping[str, Any]
"""A WorkUnitState of the contract, as JSON."""
Document = dict[str, Any]


class WorkUnits:
    """The newest state of every work unit."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}
        self._changed: set[str] = set()

    def take(self, state: State) -> None:
        """A state; one that is not newer than the known one is passed over."""
        name = state["work_unit_id"]
        known = self._states.get(name)
        if known is None or position(state) > position(known):
            self._states[name] = state
            self._changed.add(name)

    def forget(self, partition: int) -> None:
        """The log of this partition has begun anew: nothing known from it holds."""
        self._states = {name: state for name, state in self._states.items() if state["partition"] != partition}

    def listed(self, model: PlantModel | None) -> list[Document]:
        """The work units of the model, then those it does not know but that have spoken."""
        units = model.document.get("work_units", ()) if model else ()
        known = {unit["id"] for unit in units}
        others = [{"id": name, "work_center": ""} for name in sorted(self._states.keys() - known)]
        return [
            {
                "work_unit_id": unit["id"],
                "name": unit.get("name") or {"en": unit["id"], "zh": unit["id"]},
                "work_center": unit["work_center"],
                "in_model": unit["id"] in known,
                "state": self._states.get(unit["id"]),
            }
            for unit in (*units, *others)
        ]

    def changes(self) -> list[Document]:
        """The states that have changed since the last call."""
        changed, self._changed = self._changed, set()
        return [{"work_unit_id": name, "state": self._states[name]} for name in sorted(changed & self._states.keys())]


def position(state: State) -> tuple[int, int, int]:
    """Which of two states of a work unit is the newer one: that of the greater position."""
    return state["generation"], state["offset"], state["as_of_us"]
