"""A larger simulated plant, for load and faults: four lines in shifts, lots, machines that break, a moving bottleneck.

    A, B, C: PRINT ─ PLACE ─ REFLOW ─ AOI ─┐
    D:       CUT ─ SPLIT ═ MILL ═ MERGE ───┴─ ASSEMBLY ─ TEST ⇄ REPAIR ─ PACK          ═ parts of a lot, one by one

About 22 reads a unit; placing limits the plant in the morning, testing in the afternoon, when testers are missing.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from loadtest.disorder import Habits
from loadtest.lines import MIDNIGHT, Line, Rework, Station
from loadtest.shifts import DAY, HOUR, MINUTE, SECOND, Shifts, Span
from loadtest.units import MES, QUALITY

SMT_LINES = ("A", "B", "C")
SMT_STEPS = ("PRINT", "PLACE", "REFLOW", "AOI")
FINAL_STEPS = ("ASSEMBLY", "TEST", "PACK")
LOT_STEPS = ("D.CUT", "D.SPLIT", "D.MILL", "D.MERGE")
FINAL = "FINAL"

WORK = Shifts(MIDNIGHT, [
    Span(6 * HOUR, 10 * HOUR), Span(10 * HOUR + 15 * MINUTE, 18 * HOUR), Span(18 * HOUR + 15 * MINUTE, 22 * HOUR),
])  # fmt: skip
LATER = Shifts(MIDNIGHT, [Span(6 * HOUR, 12 * HOUR), Span(12 * HOUR + 30 * MINUTE, 23 * HOUR)])
MORNING, AFTERNOON = Span(6 * HOUR, 12 * HOUR), Span(12 * HOUR, 23 * HOUR)

EVENTS_PER_S = 24.0
"""About so many reads a second of work."""
MOST_OFFLINE = 3 * HOUR
USUAL = Habits(late=0.05, late_s=(1.0, 600.0), sent_twice=0.05, read_twice=0.01, missed=0.003)
BY_HAND = Habits(late=0.2, late_s=(1.0, 1800.0), sent_twice=0.05)


def stations(size: int = 1) -> list[Station]:
    """`size` times as many machines carry `size` times the load."""
    found = []
    for line in SMT_LINES:
        found += [
            Station(f"{line}.PRINT", 4 * size, 10.0, source=line, shifts=WORK),
            Station(
                f"{line}.PLACE", 3 * size, 6.0, source=line, shifts=WORK, pace=[(MORNING, 1.35)],
                breaks_down=(1800.0, 120.0),
            ),
            Station(f"{line}.REFLOW", 90 * size, 200.0, starts_unseen=True, source=line, shifts=WORK),
            Station(
                f"{line}.AOI", 4 * size, 8.0, departs_seen=True, source=line, shifts=WORK, scrap=0.006, holds=0.01
            ),
        ]  # fmt: skip
    found += [
        Station("D.CUT", 3 * size, 40.0, source="D", shifts=WORK, loses=0.1),
        Station("D.SPLIT", 2 * size, 15.0, source="D", shifts=WORK, splits=4),
        Station("D.MILL", 13 * size, 90.0, departs_seen=True, source="D", shifts=WORK, scrap=0.02, loses=0.1),
        Station("D.MERGE", 2 * size, 20.0, departs_seen=True, source="D", shifts=WORK, merges=True),
        Station("ASSEMBLY", 80 * size, 60.0, departs_seen=True, source=FINAL, shifts=LATER),
        Station(
            "TEST", 50 * size, 40.0, departs_seen=True, source=FINAL, shifts=LATER, pace=[(AFTERNOON, 1.25)],
            rework=Rework("REPAIR", 0.04, 0.25, rounds=2),
        ),
        Station("REPAIR", 14 * size, 150.0, departs_seen=True, source=FINAL, shifts=LATER),
        Station("PACK", 17 * size, 15.0, departs_seen=True, source=FINAL, shifts=LATER, breaks_down=(3600.0, 200.0)),
    ]  # fmt: skip
    return found


def routing(line: str) -> tuple[str, ...]:
    """The operations of a line's product."""
    return (*LOT_STEPS, *FINAL_STEPS) if line == "D" else (*(f"{line}.{step}" for step in SMT_STEPS), *FINAL_STEPS)


def lines(begin: int, size: int = 1) -> list[Line]:
    """All lines at work from `begin` (µs) on."""
    takts = {"A": 3.2, "B": 3.3, "C": 3.4}
    serial = [Line(f"P-{line}", routing(line), begin, takt / size) for line, takt in takts.items()]
    return [*serial, Line("P-D", routing("D"), begin, 24.0 / size, lot=(8, 60))]


def first_shift(before: int) -> int:
    """The last beginning of work at or before this instant (µs)."""
    return before - (before - MIDNIGHT - 6 * HOUR) % DAY


def habits(seed: int, begin: int, end: int) -> Mapping[str, Habits]:
    """How the sources of the plant are between these instants (µs): none of them is perfect."""
    rng = random.Random(seed)
    length = end - begin

    def some(share: float, before: float = 0.8) -> Span:
        first = begin + round(length * rng.uniform(0.1, before))
        return Span(first, first + min(MOST_OFFLINE, round(length * share)))

    wrong, stepped = some(0.02, 0.5), some(0.1, 0.5)
    return {
        "A": replace(USUAL, offline=[some(0.2), some(0.1)]),
        # Ahead, set right, and behind after a power cut; each upload tells, so that only what it had not sent suffers.
        "B": replace(
            USUAL, clock=[(begin, 47 * SECOND), (stepped.begin, 0), (stepped.end, -95 * SECOND)], tells_clock=True,
            offline=[some(0.05)],
        ),
        # A clock that nobody notices for a while.
        "C": replace(USUAL, clock=[(wrong.begin, -31 * SECOND), (wrong.end, 0)]),
        "D": replace(USUAL, unknown=0.002, offline=[some(0.15)]),
        FINAL: replace(USUAL, unknown=0.0002),
        QUALITY: replace(BY_HAND, sent_twice=0.1),
        MES: BY_HAND,
    }  # fmt: skip


def plant_text() -> str:
    """The plant model as a user would write it."""
    return "\n".join([
        "tracking: {presence: single}",
        "site: {id: SIM, name: {en: Simulated plant, zh: 模拟工厂}, time_zone: Asia/Shanghai}",
        "areas:",
        *_area("SMT", {line: [f"{line}.{step}" for step in SMT_STEPS] for line in SMT_LINES}),
        *_area("MECHANICAL", {"D": list(LOT_STEPS)}),
        *_area(FINAL, {"ASSEMBLY": ["ASSEMBLY"], "TESTING": ["TEST", "REPAIR"], "PACKING": ["PACK"]}, quality=True),
        "products:",
        *(
            f"  - {{id: P-{line}, unit_cost: 12.5, routing: [{', '.join(routing(line))}]}}"
            for line in (*SMT_LINES, "D")
        ),
    ]) + "\n"  # fmt: skip


def _area(area: str, centers: Mapping[str, Sequence[str]], quality: bool = False) -> list[str]:
    text = [f"  - id: {area}", "    work_centers:"]
    for center, operations in centers.items():
        text += [f"      - id: {center}", "        operations:"]
        text += [f"          - {{id: {operation}, wip_limit: 400, dwell_limit: 2h}}" for operation in operations]
        text += ["        read_points:"]
        text += [
            f"          - {{id: {operation}-{suffix}, operation: {operation}, action: {action}}}"
            for operation in operations
            for action, suffix in (("arrive", "IN"), ("start", "RUN"), ("finish", "END"), ("depart", "OUT"))
        ]
    if quality:
        text += [f"          - {{id: QA-{word.upper()}, action: {word}}}" for word in ("hold", "release", "scrap")]
    return text
