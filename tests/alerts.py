"""Alerts as the stage `alert` writes them, made by hand: for tests of those who read them."""

import json
from typing import Any

from services.adapters.alerts_feed import deliver
from services.adapters.kafka_follow import Record
from services.core.identity import partition_of
from services.show.app import ShowDeps
from services.topology import ALIVE_KEY
from tests.show_floor import MINUTE, PARTITIONS, T0

EPOCH = 12


def alert(subject: str = "A", rule: str = "wip_limit", **changed: Any) -> dict[str, Any]:
    """An Alert: raised two minutes ago, nobody has taken it."""
    return {
        "alert_id": f"{rule}|{subject}", "epoch": EPOCH, "incident": 1, "version": 1, "change": "raised",
        "state": "active_unacknowledged", "notify": True, "rule_id": rule, "measure": "wip_above",
        "subject_kind": "operation", "subject_id": subject, "priority": "medium", "limit": 40, "value": 43,
        "at_us": T0 - 2 * MINUTE, "since_us": T0 - 3 * MINUTE, "raised_us": T0 - 2 * MINUTE, "acknowledged_us": None,
        "acknowledged_by": None, "returned_us": None, "end": None, "shelved_until_us": None, "shelved_by": None,
        "shelve_reason": None, "muted": False, "history": False, "units": [], "units_over": None,
        "units_over_is_least": False, "model": 1, "action_offset": -1, **changed,
    }  # fmt: skip


def unit(unit_id: str, age_us: int, *, over: bool = True, now_us: int = T0) -> dict[str, Any]:
    """A unit of an alert."""
    return {"unit_id": unit_id, "visit_id": f"e-{unit_id}", "arrived_us": now_us - age_us, "over": over}


def acknowledged(by: str = "李明", **changed: Any) -> dict[str, Any]:
    """The next version, once somebody has taken it."""
    taken = {"version": 2, "change": "acknowledged", "notify": False, "state": "active_acknowledged"}
    return alert(**{**taken, "acknowledged_by": by, "acknowledged_us": T0, "action_offset": 0, **changed})


def partition(written: dict[str, Any]) -> int:
    """The partition of floor.alerts it belongs to."""
    return partition_of(written["subject_id"], PARTITIONS)


def give_sign(shown: ShowDeps, as_of_us: int) -> None:
    """Everything is judged up to this instant."""
    said = (("epoch", b"%d" % EPOCH), ("as_of", b"%d" % as_of_us))
    for number in range(PARTITIONS):
        deliver(shown.alerts.alerts, number, Record(0, ALIVE_KEY, None, said))
    shown.changed()


def give_alert(shown: ShowDeps, written: dict[str, Any]) -> None:
    """An alert as the feed brings it."""
    record = Record(written["version"], written["alert_id"].encode(), json.dumps(written).encode())
    deliver(shown.alerts.alerts, partition(written), record)
    shown.changed()
