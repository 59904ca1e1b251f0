"""A lane of alert with its topics in memory: what it writes, read back as its next owner would."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from services.adapters import alert_wire
from services.adapters.alert_log import EPOCH_VALUE, AlertReading
from services.alert.handler import Lane, Restored, Round
from services.core.alarm import Alarm
from services.core.alarm_rules import Rule
from services.topology import EPOCH_KEY, PENDING_PREFIX
from tests.alarms import SECOND
from tests.integration.alert_process import operation_record


class LogRecord(NamedTuple):
    """A record of a topic."""

    offset: int
    key: bytes
    value: bytes | None
    topic: str = "floor.alerts"
    partition: int = 0


@dataclass
class LaneLog:
    """floor.alerts, and the newest states in floor.operations."""

    records: list[LogRecord] = field(default_factory=list)
    versions: list[Alarm] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    states: dict[bytes, LogRecord] = field(default_factory=dict)

    @staticmethod
    def at(offset: int, key: bytes, value: bytes) -> LogRecord:
        """A record."""
        return LogRecord(offset, key, value)

    @staticmethod
    def record(operation: str, now: int, wip: int = 0, arrived: Iterable[int] = (), **more: Any) -> LogRecord:
        """A state of an operation."""
        _, _, key, value = operation_record(operation, now, wip, arrived, **more)
        return LogRecord(0, key, value)

    def claim(self) -> int:
        """A new owner; its epoch."""
        self.records.append(LogRecord(len(self.records), EPOCH_KEY, EPOCH_VALUE))
        return len(self.records) - 1

    def reading(self) -> AlertReading:
        """What an owner finds."""
        reading = AlertReading()
        for record in self.records:
            reading.take(record)
        return reading

    def lane(self, rules: dict[str, Rule], model: int = 1) -> Lane:
        """The lane of a new owner that knows the rules."""
        epoch, found = self.claim(), self.reading()
        lane = Lane(0, alert_wire)
        lane.restore(Restored(found.alarms, found.pendings), epoch)
        lane.adopt(model, rules)
        lane.ready = True
        return lane

    def see(self, lane: Lane, record: LogRecord, now: int) -> None:
        """A state, kept for the next owner."""
        self.states[record.key] = record
        lane.take_operations([record], now)

    def replay(self, lane: Lane, now: int) -> None:
        """The newest states, read from the log again."""
        lane.take_operations(self.states.values(), now)

    def write(self, found: Round) -> None:
        """Have the log keep what a round brought."""
        self.records += [LogRecord(len(self.records) + n, item[0], item[1]) for n, item in enumerate(found.items)]
        self.versions += [alarm for _, alarm in found.versions]
        self.named += [f"{rule.alert_id} {alarm.change.value}" for rule, alarm in found.versions]

    def settle(self, lane: Lane, now: int) -> list[Round]:
        """Rounds until nothing is due now."""
        rounds = []
        while True:
            rounds.append(lane.round(now, 500))
            self.write(rounds[-1])
            if not lane.due_now:
                return rounds

    def live(self, lane: Lane, since: int, until: int) -> None:
        """Time passes, second by second."""
        for now in range(since, until + 1, SECOND):
            self.settle(lane, now)

    def changes(self) -> list[str]:
        """Every version but updates: alert and change."""
        return [name for name in self.named if not name.endswith(" updated")]

    def forget_last_tombstone(self) -> None:
        """The log lost the last record that takes a pending away."""
        last = max(r.offset for r in self.records if r.key.startswith(PENDING_PREFIX) and r.value is None)
        self.records = [r for r in self.records if r.offset != last]
