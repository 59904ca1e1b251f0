"""A floor of several lines whose states change as real ones do, for the board to be looked at.

python -m tests.browser.floor [PORT]     serves the board over it
"""

import asyncio
import random
import sys
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from services.adapters.clock import SystemClock
from services.core.identity import partition_of
from services.show.app import ShowDeps, create_app, run
from tests.show_floor import MINUTE, PARTITIONS, deps, document, give, operation, plant, window

LINES: list[tuple[str, str, str, list[tuple[str, str, str, int | None, int | None, int]]]] = [
    ("SMT", "L1", "一号线", [
        ("L1.OP10", "Paste print", "锡膏印刷", 40, 4, 22),
        ("L1.OP20", "Placement", "贴片", 36, None, 41),
        ("L1.OP30", "Reflow", "回流焊", 60, None, 33),
        ("L1.OP40", "Optical inspection", "光学检测", 24, None, 9),
    ]),
    ("SMT", "L2", "二号线", [
        ("L2.OP10", "Paste print", "锡膏印刷", 40, 6, 3),
        ("L2.OP20", "Placement", "贴片", 36, None, 18),
        ("L2.OP30", "Reflow", "回流焊", 60, None, 27),
    ]),
    ("ASSY", "A1", "装配一组", [
        ("A1.OP50", "Through-hole assembly", "插件装配", 80, None, 64),
        ("A1.OP60", "Wave solder", "波峰焊", 50, None, 12),
        ("A1.OP70", "Final assembly", "总装", 120, 10, 131),
    ]),
    ("TEST", "ICT", "在线测试", [("ICT.OP80", "In-circuit test", "在线测试", 60, None, 48)]),
    ("TEST", "FCT", "功能测试", [
        ("FCT.OP90", "Function test", "功能测试", 60, None, 37),
        ("FCT.OP95", "Repair", "返修", None, None, 7),
    ]),
    ("PACK", "PK", "包装", [("PK.OP99", "Packing", "包装", None, None, 1204)]),
]  # fmt: skip
AREAS = {"SMT": ("Surface mount", "贴片车间"), "ASSY": ("Assembly", "装配车间"), "TEST": ("Test", "测试车间"),
         "PACK": ("Packing", "包装车间")}  # fmt: skip
CENTERS = {"L1": "Line 1", "L2": "Line 2", "A1": "Assembly team 1", "ICT": "In-circuit test", "FCT": "Function test",
           "PK": "Packing hall"}  # fmt: skip
MACHINES = {
    "L1-PRINTER": ("Printer", "印刷机", "L1", "running"), "L1-PLACER": ("Placer", "贴片机", "L1", "down"),
    "L1-OVEN": ("Oven", "回流炉", "L1", "running"), "L2-PRINTER": ("Printer", "印刷机", "L2", "blocked"),
    "L2-PLACER": ("Placer", "贴片机", "L2", "starved"), "WAVE": ("Wave solderer", "波峰焊机", "A1", "off"),
    "ICT-1": ("ICT 1", "测试机 1", "ICT", "running"),
}  # fmt: skip
STATES = {"running": "execute", "down": "aborted", "blocked": "suspended", "starved": "suspended", "off": "stopped"}
HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"
PHASES = ("queued", "running", "finished", "held")


@dataclass
class LivingFloor:
    """States of every operation, moved by chance. `quiet` operations say nothing any more."""

    rng: random.Random = field(default_factory=lambda: random.Random(7))
    clock: SystemClock = field(default_factory=SystemClock)
    moves: int = 0
    phases: dict[str, dict[str, int]] = field(default_factory=dict)
    arrived: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for operation_id, wip in self.operations():
            held = self.rng.choice([0, 0, 1, 2]) if wip > 9 else 0
            share = {"running": min(wip, self.rng.randint(1, 6)), "held": held}
            rest = wip - sum(share.values())
            finished = rest // self.rng.randint(3, 6)
            self.phases[operation_id] = {"queued": rest - finished, "running": share["running"], "finished": finished,
                                         "held": share["held"]}  # fmt: skip
            now = self.clock.now_us()
            ages = sorted((int(self.rng.expovariate(1 / (14 * MINUTE))) for _ in range(min(wip, 10))), reverse=True)
            self.arrived[operation_id] = [(now - age, self.serial()) for age in ages]
        self.arrived["L1.OP20"][0] = (self.clock.now_us() - 52 * MINUTE, HOSTILE)

    @staticmethod
    def operations() -> list[tuple[str, int]]:
        """operation_id and its WIP at first."""
        return [(op[0], op[5]) for *_, operations in LINES for op in operations]

    def serial(self) -> str:
        """A serial number."""
        return f"SN-2611-{self.rng.randint(10_000, 99_999)}"

    def document(self) -> dict[str, Any]:
        """The plant model."""
        operations = {}
        for area, center, _, steps in LINES:
            for operation_id, en, zh, limit, low, _ in steps:
                place = {"area": area, "work_center": center, "wip_limit": limit, "wip_min": low}
                operations[operation_id] = {"name": {"en": en, "zh": zh}, **place}
        found = document(operations)
        found["areas"] = [{"id": area, "name": {"en": en, "zh": zh}} for area, (en, zh) in AREAS.items()]
        found["work_units"] = [
            {"id": name, "name": {"en": en, "zh": zh}, "work_center": center, "states": {}}
            for name, (en, zh, center, _) in MACHINES.items()
        ]
        found["work_centers"] = [
            {"id": center, "name": {"en": CENTERS[center], "zh": zh}, "area": area} for area, center, zh, _ in LINES
        ]
        return found

    def machine(self, name: str) -> dict[str, Any]:
        """The WorkUnitState now."""
        now, condition = self.clock.now_us(), MACHINES[name][3]
        begin = now - 200 * MINUTE
        times = {"running_us": 150 * MINUTE, "starved_us": 21 * MINUTE, "blocked_us": 9 * MINUTE, "down_us": 8 * MINUTE}
        shift = {
            "plant_date": "2026-11-23", "shift_id": "A", "start_us": begin, "end_us": begin + 720 * MINUTE, **times,
            "off_us": 0, "unknown_us": 12 * MINUTE,
        }  # fmt: skip
        return {
            "work_unit_id": name, "generation": 1, "partition": 0, "offset": self.moves, "as_of_us": now,
            "newest_event_us": now - 4_000_000, "state": STATES[condition], "condition": condition,
            "since_us": now - (3 + sum(map(ord, name)) % 40) * MINUTE, "shifts": [shift],
            "good": {"total": 1840, "reading": 16, "resets": 0}, "reject": None, "late": 0,
        }  # fmt: skip

    def state(self, operation_id: str) -> dict[str, Any]:
        """The OperationState now."""
        now, dwell = self.clock.now_us(), (4 + sum(map(ord, operation_id)) % 14) * MINUTE
        p85 = round(dwell * 1.7)
        oldest = [
            {"unit_id": unit, "visit_id": f"e-{unit[:40]}", "arrived_us": at, "over_p85_in_us": at + p85 - now}
            for at, unit in sorted(self.arrived[operation_id])
        ]
        out = 20 + sum(map(ord, operation_id)) % 37
        windows = {
            "15m": window(out // 4, dwell, p85, 0.25),
            "1h": window(out, dwell, p85),
            "8h": window(out * 7, dwell, p85, 8),
        }
        counted = (
            {"wip": 39, "came_in": 2_218, "went_out": 2_179, "difference": -2} if operation_id == "L1.OP20" else None
        )
        more = {"counted": counted, "oldest": oldest, "windows": windows, "coverage": {"0": [1, self.moves]}}
        return operation(operation_id, now, **self.phases[operation_id], **more)

    def plant(self) -> dict[str, Any]:
        """The PlantState now."""
        wip = sum(sum(phases.values()) for phases in self.phases.values())
        completed, scrapped = 18_240 + self.moves, 37
        units = {"entered": completed + scrapped + wip + 58, "completed": completed, "scrapped": scrapped,
                 "in_process": wip, "in_transit": 58}  # fmt: skip
        return plant(self.clock.now_us(), wip, units=units, coverage={"0": [1, self.moves]})

    def move(self) -> str:
        """A unit moves on somewhere; the operation that changed."""
        self.moves += 1
        operation_id = self.rng.choice([op for op, _ in self.operations()])
        phases = self.phases[operation_id]
        source, target = self.rng.sample(PHASES[:3], 2)
        if phases[source] > 0:
            phases[source] -= 1
            phases[target] += 1
        else:
            phases["queued"] += 1
        return operation_id


async def feed(shown: ShowDeps, floor: LivingFloor, pause_s: float = 0.1, quiet: frozenset[str] = frozenset()) -> None:
    """Give the board what the floor says, for ever; `quiet`: partitions' operations that never speak."""
    for operation_id, _ in floor.operations():
        give(shown.board, floor.state(operation_id), partition_of(operation_id, PARTITIONS))
    for name in MACHINES:
        shown.board.take_work_unit(floor.machine(name))
    while True:
        for operation_id in {floor.move(), floor.move()} - quiet:
            give(shown.board, floor.state(operation_id), partition_of(operation_id, PARTITIONS))
        give(shown.board, floor.plant(), 0)
        shown.live.changed()
        await asyncio.sleep(pause_s)


async def main(port: int) -> None:
    """Serve the board over a living floor."""
    floor, shown = LivingFloor(), deps(clock=SystemClock())
    shown.master.versions[1] = floor.document()
    server = uvicorn.Server(uvicorn.Config(create_app(shown), port=port, log_level="warning", lifespan="off"))
    tasks = [asyncio.create_task(run(shown)), asyncio.create_task(feed(shown, floor))]
    await server.serve()
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8090))
