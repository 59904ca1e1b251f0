"""Rules, states and a driver for tests of alerts: what a stage with a perfect broker would do."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas.plant import load_plant
from services.core.alarm import OPEN, Alarm, Gate, Watch
from services.core.alarm_readings import OperationNow, Stay, Subject, read
from services.core.alarm_rules import Measure, Rule, rules_of
from services.core.alarms import step
from services.core.equipment import PlantModel

SECOND, MINUTE, HOUR = 1_000_000, 60_000_000, 3_600_000_000
NOW = 1_764_000_000 * SECOND
WIP_RULE = Rule("wip_limit", Measure.WIP_ABOVE, "A", 10, deadband=2, on_delay=30 * SECOND, off_delay=20 * SECOND)
DWELL_RULE = Rule("dwell_limit", Measure.UNIT_DWELL_ABOVE, "A", 10 * MINUTE, off_delay=20 * SECOND)


def operation(now: int, wip: int = 0, arrived: Iterable[int] = (), **more: Any) -> OperationNow:
    """The state of operation A; its newest event is the present unless told otherwise."""
    stays = [Stay(f"u{at}", f"v{at}", at) for at in sorted(arrived)]
    more.setdefault("newest_event", now)
    return OperationNow(now, wip or len(stays), stays[:10], **more)


@dataclass
class Life:
    """One rule and one subject through time: deadlines are met, every version is kept."""

    rule: Rule
    now: int = NOW
    gate: Gate = OPEN
    watch: Watch = field(default_factory=Watch)
    versions: list[Alarm] = field(default_factory=list)
    subject: Subject | None = None
    deadline: int | None = None

    def see(self, subject: Subject) -> None:
        """A newer state."""
        self.subject = subject
        self.look()

    def look(self) -> None:
        """Judge until nothing is due."""
        changed = True
        while changed:
            reading = None if self.subject is None else read(self.rule, self.subject)
            self.watch, changed, self.deadline = step(self.rule, self.watch, reading, self.now, self.gate)
            if changed:
                self.versions.append(self.watch.alarm)

    def until(self, instant: int) -> None:
        """Time passes, deadline by deadline."""
        while self.deadline is not None and self.deadline <= instant:
            assert self.deadline > self.now, "a deadline lies ahead"
            self.now = self.deadline
            self.look()
        self.now = max(self.now, instant)

    @property
    def told(self) -> list[tuple[str, bool]]:
        """Every change and whether it calls somebody."""
        return [(alarm.change.value, alarm.notify) for alarm in self.versions]


def rules_from(text: str) -> dict[str, Rule]:
    """The rules of a plant file."""
    return rules_of(PlantModel.from_document(load_plant(text)))
