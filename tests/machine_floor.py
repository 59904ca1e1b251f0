"""A small plant with machines, and what machines say."""

from typing import Any

from schemas.plant import load_plant
from services.core.instant import format_instant

PLANT = """
site: {id: S, time_zone: Europe/Berlin}
calendars:
  days:
    shifts:
      - {id: A, from: "06:00", to: "14:00", breaks: [["10:00", "10:30"]]}
      - {id: B, from: "14:00", to: "22:00"}
areas:
  - id: AREA
    work_centers:
      - id: L1
        calendar: days
        work_units: [{id: M1, states: {suspended: blocked}}, M2, M3]
        operations:
          - id: OP
            counted:
              in: [{work_unit: M1, counter: good}, {work_unit: M1, counter: reject}]
              out: [{work_unit: M2, counter: good}]
              baseline: 3
"""


LINE_1 = """
site: {id: S, time_zone: Asia/Shanghai}
areas:
  - id: SMT
    work_centers:
      - id: L1
        work_units: [L1-PRINTER, L1-PLACER, L1-OVEN]
        operations:
          - {id: L1.PLACE, counted: {in: [{work_unit: L1-PRINTER}], out: [{work_unit: L1-PLACER}]}}
"""
"""The machines of the simulated plant's first line."""


def plant_of(text: str = PLANT) -> dict[str, Any]:
    """The canonical document of a plant file."""
    return load_plant(text)


def event(
    work_unit: str, time: int, event_id: str, state: str | None = None, good: int | None = None,
    reject: int | None = None, rollover: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A machine event as it stands in the log; `time` in µs."""
    said: dict[str, Any] = {"work_unit_id": work_unit, "event_time": format_instant(time), "event_id": event_id}
    counter = {"good": good, "reject": reject, "rollover": rollover}
    if state is not None:
        said["state"] = state
    if good is not None or reject is not None:
        said["counter"] = {name: value for name, value in counter.items() if value is not None}
    return said
