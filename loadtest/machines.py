"""The machines of the simulated plant: PackML states and part counters as a gateway tells them, and what is true.

    plant ─► every 10 s a poll of each machine ─► an event where its state or counter has changed

A station that is stopped is aborted, one where somebody works executes, one with nobody there is suspended for want of
parts. Counters roll over; they may be reset, which is told at once; a gateway may be away for a while, and then tells
where the counter stands.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from loadtest.lines import Station
from loadtest.plant import Plant
from loadtest.shifts import SECOND
from services.core.instant import format_instant

POLL = 10 * SECOND
ROLLOVER = 1_000
WORK_UNITS = {
    "L1.PRINT": "L1-PRINTER", "L1.PLACE": "L1-PLACER", "L1.REFLOW": "L1-OVEN", "L1.AOI": "L1-AOI",
    "L2.PRINT": "L2-PRINTER", "L2.PLACE": "L2-PLACER", "L2.REFLOW": "L2-OVEN", "L2.AOI": "L2-AOI",
    "ASSEMBLY": "ASM-CELL", "TEST": "TESTERS", "REPAIR": "REPAIR-BENCH", "PACK": "PACK-CELL",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MachineSays:
    """An event as a gateway sends it."""

    work_unit: str
    number: int
    time: int
    state: str
    good: int
    rollover: int

    def message(self) -> bytes:
        """Its bytes."""
        return json.dumps(
            {
                "event_id": f"{self.work_unit}/{self.number}", "work_unit_id": self.work_unit,
                "event_time": format_instant(self.time), "state": self.state,
                "counter": {"good": self.good, "rollover": self.rollover},
            }
        ).encode()  # fmt: skip


@dataclass(slots=True)
class Machine:
    """One machine. `told`: parts truly made when its counter was last told."""

    work_unit: str
    station: Station
    zero: int = 0
    told: int = 0
    events: int = 0
    last: tuple[str, int] | None = None


class Machines:
    """All machines of a plant; they are polled while its reads are taken."""

    def __init__(
        self, plant: Plant, rollover: int = ROLLOVER, resets: Mapping[str, int] | None = None,
        away: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:  # fmt: skip
        """`resets`: work unit → when its counter is reset. `away`: → from when to when its gateway tells nothing."""
        self._plant = plant
        self._rollover = rollover
        self._resets = dict(resets or {})
        self._away = dict(away or {})
        self._events: list[MachineSays] = []
        self._machines = {
            WORK_UNITS[station.operation]: Machine(WORK_UNITS[station.operation], station) for station in plant.stations
        }
        plant.every(POLL, self._poll)

    def take(self) -> Iterator[MachineSays]:
        """What has been told since the last call, in order of time."""
        events, self._events = self._events, []
        yield from events

    def told(self, work_unit: str) -> int:
        """The parts a machine had truly made when it last told its counter."""
        return self._machines[work_unit].told

    def _poll(self, now: int) -> None:
        for machine in self._machines.values():
            begin, end = self._away.get(machine.work_unit, (now, now))
            if begin <= now < end:
                continue
            self._tell(machine, now)
            if now >= self._resets.get(machine.work_unit, now + 1):
                del self._resets[machine.work_unit]
                machine.zero = machine.station.done
                self._tell(machine, now + 1)

    def _tell(self, machine: Machine, time: int) -> None:
        station = machine.station
        if self._plant.stopped(station.operation, time):
            state = "aborted"
        else:
            state = "execute" if station.busy else "suspended"
        good = (station.done - machine.zero) % self._rollover
        machine.told = station.done
        if (state, good) != machine.last:
            machine.last = state, good
            machine.events += 1
            self._events.append(MachineSays(machine.work_unit, machine.events, time, state, good, self._rollover))
