"""Stored visits against the simulator's truth, unit by unit: equal, different, or not comparable and why.

A unit is clean where every read of it reached the stack, by a clock that was right or corrected, and none was refused.
For clean units every true time has to be stored. A corrected time is later than the truth by as much as the upload
took in which it came; nothing else may differ by a microsecond.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import asyncpg

from loadtest.disorder import Happened
from loadtest.truth import TrueVisit

UNITS_AT_ONCE = 2_000
TOLD = 20
BEFORE_QUALITY = 1_900_000
"""µs. Quality holds and scraps at least so long after the work; when exactly does not stand in the stays."""
EXPECTED_REFUSALS = {"unknown_read_point": Happened.UNKNOWN_READER, "too_late": Happened.NOTHING}
"""Refusals that may be: why the unit's reads must have been disturbed."""

VISITS = """
SELECT unit_id, visit_seq, operation_id, arrived, started, finished, departed, outcome, hold_us, 'rework' = ANY (flags)
FROM visits WHERE NOT deleted AND unit_id = ANY ($1) ORDER BY unit_id, visit_seq
"""
REFUSED = "SELECT unit_id, reason FROM rejects WHERE unit_id IS NOT NULL GROUP BY unit_id, reason"


class Stay(NamedTuple):
    """A visit, true or stored; times in µs. `held` of one that has ended."""

    seq: int
    operation: str
    arrived: int
    started: int | None
    finished: int | None
    departed: int | None
    outcome: str
    held: int | None
    rework: bool


class TruthFile:
    """The stays of units, a line each, as they leave the plant: more than memory should hold."""

    def __init__(self, path: Path) -> None:
        """Begins empty."""
        self.path = path
        self.units = 0
        self._file: TextIO = path.open("w", encoding="utf-8")

    def tell(self, visits: Sequence[TrueVisit]) -> None:
        """A unit has left, or the plant stands still."""
        stays = [
            Stay(v.seq, v.operation, v.arrived, v.started, v.finished, v.departed, v.outcome,
                 v.held if v.departed is not None else None, v.rework)
            for v in visits
        ]  # fmt: skip
        self._file.write(json.dumps([visits[0].unit_id, stays]) + "\n")
        self.units += 1

    def read(self) -> Iterator[tuple[str, list[Stay]]]:
        """All units; nothing more can be told then."""
        self._file.close()
        with self.path.open(encoding="utf-8") as lines:
            for line in lines:
                unit_id, stays = json.loads(line)
                yield unit_id, [Stay(*stay) for stay in stays]


@dataclass
class Known:
    """What is known of units besides their truth: what happened to their reads, and which were corrected.

    `corrected`: true time and longest upload of each, in µs. `corrected_at`: operations whose sources tell their clock.
    """

    spoiled: Mapping[str, Happened]
    corrected: Mapping[str, Sequence[tuple[int, int]]]
    corrected_at: set[str]


@dataclass
class Comparison:
    """Counts of units, and the first differences in words."""

    units: int = 0
    clean: int = 0
    corrected: int = 0
    visits: int = 0
    unclean: Counter[str] = field(default_factory=Counter)
    different: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def clean_share(self) -> float:
        """Clean units of all units."""
        return self.clean / self.units if self.units else 0.0

    def differs(self, what: str) -> None:
        """Something is not as it has to be."""
        self.different += 1
        if len(self.differences) < TOLD:
            self.differences.append(what)


async def compare(conn: asyncpg.Connection, truth: TruthFile, known: Known) -> Comparison:
    """Everything, against the database as it is now."""
    found = Comparison()
    refused: dict[str, list[str]] = {}
    for row in await conn.fetch(REFUSED):
        refused.setdefault(row["unit_id"], []).append(row["reason"])
    batch: list[tuple[str, list[Stay]]] = []
    for unit in truth.read():
        batch.append(unit)
        if len(batch) == UNITS_AT_ONCE:
            await _compare(conn, batch, refused, known, found)
            batch = []
    await _compare(conn, batch, refused, known, found)
    return found


async def _compare(
    conn: asyncpg.Connection, units: Sequence[tuple[str, list[Stay]]], refused: Mapping[str, Sequence[str]],
    known: Known, found: Comparison,
) -> None:  # fmt: skip
    stored: dict[str, list[Stay]] = {}
    for row in await conn.fetch(VISITS, [unit_id for unit_id, _ in units]):
        stored.setdefault(row[0], []).append(Stay(*row[1:]))
    for unit_id, true in units:
        judge(unit_id, true, stored.get(unit_id, []), refused.get(unit_id, ()), known, found)


def judge(
    unit_id: str, true: Sequence[Stay], stored: Sequence[Stay], refused: Sequence[str], known: Known, found: Comparison
) -> None:
    """Count one unit."""
    found.units += 1
    happened = known.spoiled.get(unit_id, Happened.NOTHING)
    for reason in refused:
        if reason not in EXPECTED_REFUSALS or EXPECTED_REFUSALS[reason] not in happened:
            found.differs(f"{unit_id}: refused as {reason} for no reason that is known of it")
    why = [str(each.name).lower() for each in happened] + [f"refused {reason}" for reason in refused]
    uploads = known.corrected.get(unit_id, ())
    if changed_places(true, uploads):
        why.append("corrected by a slow upload")
    found.unclean.update(why)
    if why:
        return
    found.clean += 1
    found.visits += len(true)
    late_by = max((took for _, took in uploads), default=0)
    found.corrected += late_by > 0
    if len(true) != len(stored):
        found.differs(f"{unit_id}: {len(true)} stays, {len(stored)} stored")
        return
    for one, other in zip(true, stored, strict=True):
        if not same(one, other, late_by if one.operation in known.corrected_at else 0):
            found.differs(f"{unit_id}: {one} is stored as {other}")


def changed_places(true: Sequence[Stay], uploads: Sequence[tuple[int, int]]) -> bool:
    """May a corrected read have come after something that truly followed it?"""
    instants = sorted(at for stay in true for at in stay[2:6] if isinstance(at, int))

    def may(time: int, took: int) -> bool:
        following = bisect_right(instants, time)
        return took > BEFORE_QUALITY or (following < len(instants) and instants[following] <= time + took)

    return any(may(time, took) for time, took in uploads)


def same(true: Stay, stored: Stay, late_by: int) -> bool:
    """Is this the stay? `late_by`: the most that its times may be later than the truth, in µs."""
    if not late_by:
        return true == stored
    times = (true[2:6], stored[2:6])
    late = all(
        a is b is None or (a is not None and b is not None and 0 <= b - a <= late_by)
        for a, b in zip(*times, strict=True)
    )  # fmt: skip
    return late and (true[:2], true[6:]) == (stored[:2], stored[6:])


def as_result(found: Comparison) -> dict[str, Any]:
    """For the file of figures."""
    return {
        "units": found.units, "clean_units": found.clean, "clean_share": round(found.clean_share, 4),
        "clean_units_with_corrected_clock": found.corrected, "visits_compared": found.visits,
        "units_not_clean": dict(found.unclean.most_common()), "different": found.different,
        "differences": found.differences,
    }  # fmt: skip
