"""Alerts as `alert` writes them, and a plant with teams whom they concern; tests change what they are about."""

import json
import time
from dataclasses import dataclass
from typing import Any

from schemas.plant import load_plant
from services.adapters import notify_wire
from services.core.equipment import PlantModel
from services.core.notices import AlertVersion

T0 = 1_795_413_600_000_000
"""An instant in the day shift of the plant below: 2026-11-23 14:00 in Shanghai."""
MINUTE = 60_000_000

PLANT = """
site: {id: SH1, time_zone: Asia/Shanghai}
calendars:
  two:
    week: mon-sun
    shifts: [{id: A, from: "08:00", to: "20:00"}, {id: B, from: "20:00", to: "06:00"}]
areas:
  - id: SMT
    work_centers:
      - id: L1
        name: {zh: 一号线, en: Line 1}
        work_units: [{id: PLACER, name: {zh: 贴片机, en: Placer}}]
        operations:
          - {id: L1.OP10, name: {zh: 印刷, en: Print}, wip_limit: 40}
          - {id: L1.OP20, name: {zh: 贴片, en: Place}, dwell_limit: 15m}
      - {id: L2, operations: [{id: L2.OP10, wip_limit: 9}]}
      - {id: L3, operations: [{id: L3.OP10, wip_limit: 9}]}
teams:
  - id: smt
    work_centers: [L1]
    calendar: two
    language: zh
    members:
      - {id: zhang, name: 张伟, language: zh, channels: [zhang-phone]}
      - {id: li, language: en, channels: [li-phone]}
    on_duty: {A: [zhang], B: [li]}
    channels: [robot]
  - {id: everybody, work_centers: [L1, L2], language: both, members: [wang], channels: [robot, hook]}
alerting:
  rules:
    - id: down
      measure: machine_down_for
      work_unit: PLACER
      time: 5m
      team: everybody
      action: {zh: 叫维修, en: Call maintenance}
"""


def plant(text: str = PLANT, version: int = 1) -> PlantModel:
    """The plant model."""
    return PlantModel.from_document(load_plant(text), version)


def record(**changes: Any) -> dict[str, Any]:
    """A record of floor.alerts: Print has 43 units, 40 are allowed."""
    alert = {
        "alert_id": "wip_limit|L1.OP10", "epoch": 0, "incident": 1, "version": 1, "change": "raised",
        "state": "active_unacknowledged", "notify": True, "rule_id": "wip_limit", "measure": "wip_above",
        "subject_kind": "operation", "subject_id": "L1.OP10", "priority": "medium", "limit": 40, "value": 43,
        "at_us": T0, "raised_us": T0, "model": 1, "action_offset": -1,
        "units": [{"unit_id": "SN-1", "visit_id": "e1", "arrived_us": T0 - 15 * MINUTE, "over": False}],
    }  # fmt: skip
    return {**alert, **changes}


def returned(**changes: Any) -> dict[str, Any]:
    """The end of that incident, two minutes later."""
    end = {"version": 2, "change": "returned", "state": "normal", "at_us": T0 + 2 * MINUTE, "end": "returned"}
    return record(**{**end, "units": [], "value": 30, **changes})


def encoded(alert: dict[str, Any]) -> bytes:
    """Its bytes."""
    return json.dumps(alert, ensure_ascii=False).encode()


def version(**changes: Any) -> AlertVersion:
    """The record as the rules see it."""
    return counted(record(**changes))


def counted(alert: dict[str, Any]) -> AlertVersion:
    """A record as the rules see it."""
    found, _ = notify_wire.counted(stored(alert), -1)
    assert found is not None
    return found


@dataclass
class Stored:
    """A record of the log."""

    offset: int
    key: bytes | None
    value: bytes | None


def stored(alert: dict[str, Any], offset: int = 0) -> Stored:
    """The record in its log."""
    return Stored(offset, alert["alert_id"].encode(), encoded(alert))


def now_us() -> int:
    """This machine's clock."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000
