"""Alerts of a floor that lives, and a stand-in for the stage `alert`: it does what people ask for, after a moment.

python -m tests.browser.andon_floor [PORT]     serves board and page of alerts over it
"""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from services.adapters.clock import SystemClock
from services.show.app import ShowDeps, create_app, run
from tests.alerts import alert, give_alert, give_sign, unit
from tests.browser.floor import HOSTILE, LivingFloor, feed
from tests.show_floor import MINUTE, MemoryOutbox, deps

LINK_KEY = b"not a secret: for pages in tests"
CALM = {"acknowledged_us": None, "acknowledged_by": None, "shelved_by": None, "shelve_reason": None}


def alerts(now_us: int) -> list[dict[str, Any]]:
    """One of each kind, as a bad day has them."""
    ago = lambda minutes: now_us - minutes * MINUTE  # noqa: E731 — read in a table
    raised = lambda minutes: {"since_us": ago(minutes + 1), "raised_us": ago(minutes), "at_us": ago(minutes)}  # noqa: E731
    old = [unit(f"SN-2611-{4021 + 37 * n}", (64 - 5 * n) * MINUTE, over=n < 4, now_us=now_us) for n in range(6)]
    return [
        alert("A1.OP70", limit=120, value=131, priority="high", **raised(7), units=old[2:5]),
        alert("FCT.OP90", "dwell_limit", measure="unit_dwell_above", limit=30 * MINUTE, value=None, priority="critical",
              units=[unit(HOSTILE, 71 * MINUTE, now_us=now_us), *old], units_over=14, **raised(19)),
        alert("L1.OP20", limit=36, value=41, **raised(3), units=old[:2]),
        alert("L2.OP10", "wip_min", measure="wip_below", limit=6, value=3, priority="high", **raised(1)),
        alert("A1.OP60", "quiet", measure="no_departure_for", limit=15 * MINUTE, value=22 * MINUTE, **raised(8),
              state="active_acknowledged", version=2, acknowledged_us=ago(5), acknowledged_by="王芳"),
        alert("ICT.OP80", limit=60, value=48, priority="low", **raised(40), state="returned_unacknowledged",
              version=2, returned_us=ago(2), end="returned"),
        alert("L1.OP30", limit=30, value=33, priority="low", **raised(95), shelved_by="李明",
              shelve_reason="计划停机", shelved_until_us=now_us + 25 * MINUTE, version=2),
    ]  # fmt: skip


def with_teams(floor: LivingFloor) -> dict[str, Any]:
    """The plant of the floor with two teams and a rule that says what to do."""
    teams = [
        {"id": "smt", "name": {"en": "SMT team", "zh": "贴片班"}, "work_centers": ["L1", "L2"], "members": []},
        {"id": "assy", "name": {"en": "Assembly team", "zh": "装配班"}, "work_centers": ["A1", "FCT", "ICT"],
         "members": [{"id": "li", "name": "李明"}]},
    ]  # fmt: skip
    action = {"en": "Call maintenance (6102).", "zh": "呼叫维修（6102）。"}
    rule = {"id": "quiet", "name": {"en": "Wave solder is quiet", "zh": "波峰焊无产出"}, "action": action, "team": None}
    return {**floor.document(), "teams": teams, "alerting": {"rules": [rule]}}


@dataclass
class StandIn:
    """Applies the actions in the outbox to the alerts, as the stage `alert` does it in floor.alerts."""

    shown: ShowDeps
    outbox: MemoryOutbox
    applied: list[dict[str, Any]] = field(default_factory=list)

    def apply(self) -> None:
        """What has been sent since the last call."""
        for record in self.outbox.sent[len(self.applied) :]:
            action = json.loads(record.value or b"")
            offset = sum(record.partition == r.partition for r in self.outbox.sent[: len(self.applied)])
            self.applied.append(action)
            known = self.shown.alerts.alerts.find(action["alert_id"])
            if known is not None and known["incident"] == action["incident"]:
                version = {"version": known["version"] + 1, "action_offset": offset, "at_us": action["at_us"]}
                give_alert(self.shown, {**known, **version, **_change(known["state"], action)})

    async def run(self, pause_s: float = 0.3) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(pause_s)
            self.apply()
            give_sign(self.shown, self.shown.clock.now_us())


def _change(state: str, action: dict[str, Any]) -> dict[str, Any]:
    if action["action"] == "acknowledge":
        now = "normal" if state == "returned_unacknowledged" else "active_acknowledged"
        return {
            "change": "acknowledged",
            "state": now,
            "acknowledged_by": action["by"],
            "acknowledged_us": action["at_us"],
        }
    if action["action"] == "unshelve":
        return {"change": "unshelved", "shelved_by": None, "shelved_until_us": None, "shelve_reason": None}
    return {"change": "shelved", "shelved_by": action["by"], "shelved_until_us": action["until_us"],
            "shelve_reason": action["reason"]}  # fmt: skip


async def main(port: int) -> None:
    """Serve both pages."""
    floor, outbox = LivingFloor(), MemoryOutbox()
    shown = deps(clock=SystemClock(), outbox=outbox, link_key=LINK_KEY, wait_s=2)
    shown.master.versions[1] = with_teams(floor)
    for written in alerts(floor.clock.now_us()):
        give_alert(shown, written)
    server = uvicorn.Server(uvicorn.Config(create_app(shown), port=port, log_level="warning", lifespan="off"))
    works = (run(shown), feed(shown, floor), StandIn(shown, outbox).run())
    tasks = [asyncio.create_task(work) for work in works]
    await server.serve()
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8090))
