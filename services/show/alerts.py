"""The newest version of every alert, as floor.alerts tells them, and what has changed since somebody last looked.

A record whose epoch is lower than the highest one seen in its partition was written by somebody who had lost the
partition: it is passed over. An alert is open until its state is normal.

    most urgent first: critical, high, medium, low; of one priority the one that was raised first
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from services.core.equipment import PlantModel
from services.show.alert_names import AlertNames

Alert = Mapping[str, Any]
"""An Alert of the contract, as JSON."""
Document = dict[str, Any]

PRIORITIES = ("critical", "high", "medium", "low")
NORMAL = "normal"
OPEN = "open"
ALL = "all"
INSIDE = frozenset({"epoch", "action_offset"})
"""Fields that are the stages' own business."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which alerts: `state` is one of the contract, OPEN or ALL; None elsewhere: any."""

    state: str = OPEN
    operation: str | None = None
    team: str | None = None


OPEN_ONES = Asked()


class Alerts:
    """What show knows of the alerts. `version` counts up with every change."""

    def __init__(self, partitions: int) -> None:
        """`partitions` of floor.alerts."""
        self.version = 0
        self._judged: list[int | None] = [None] * partitions
        self._names = AlertNames(None)
        self._epochs: dict[int, int] = {}
        self._newest: dict[str, tuple[int, Alert]] = {}
        self._changed_at: dict[str, int] = {}
        self._anew_at = 0

    def take(self, partition: int, alert: Alert) -> None:
        """A version of an alert from this partition."""
        if not self.take_epoch(partition, alert["epoch"]):
            return
        alert_id = alert["alert_id"]
        self._newest[alert_id] = (partition, alert)
        self.version += 1
        self._changed_at.pop(alert_id, None)  # so that the order of this mapping is that of the changes
        self._changed_at[alert_id] = self.version

    def take_epoch(self, partition: int, epoch: int) -> bool:
        """A writer of this epoch was heard in this partition. Is it the one that owns it, as far as is known?"""
        newest = self._epochs.get(partition, -1)
        self._epochs[partition] = max(epoch, newest)
        return epoch >= newest

    def take_sign(self, partition: int, epoch: int, as_of_us: int) -> None:
        """Whoever judges this partition says that all that came is judged up to this instant."""
        if self.take_epoch(partition, epoch):
            self._judged[partition] = max(as_of_us, self._judged[partition] or 0)

    def judged_until_us(self) -> int | None:
        """Up to when every partition is judged; None where nobody has judged one yet."""
        known = [us for us in self._judged if us is not None]
        return min(known) if len(known) == len(self._judged) else None

    def drop(self, alert_id: str) -> None:
        """The log has it no longer."""
        if self._newest.pop(alert_id, None) is not None:
            self._changed_at.pop(alert_id)
            self._begin_anew()

    def forget(self, partition: int) -> None:
        """The log of this partition has begun anew: nothing known from it holds."""
        self._newest = {alert_id: kept for alert_id, kept in self._newest.items() if kept[0] != partition}
        self._changed_at = {alert_id: at for alert_id, at in self._changed_at.items() if alert_id in self._newest}
        self._epochs.pop(partition, None)
        self._judged[partition] = None
        self._begin_anew()

    def take_model(self, model: PlantModel) -> None:
        """A version of the plant model: names, teams and what to do come from it."""
        self._names = AlertNames(model)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.version += 1
        self._anew_at = self.version

    def find(self, alert_id: str) -> Alert | None:
        """The newest version of an alert, as it was written."""
        kept = self._newest.get(alert_id)
        return None if kept is None else kept[1]

    def shown(self, alert: Alert) -> Document:
        """An alert as people are told it: with the names of the plant model."""
        return {**{name: value for name, value in alert.items() if name not in INSIDE}, **self._names.of(alert)}

    def listed(self, asked: Asked = OPEN_ONES) -> list[Document]:
        """Alerts, most urgent first."""
        wanted = self._wanted(asked)
        found = [self.shown(alert) for _, alert in self._newest.values() if wanted(alert)]
        return sorted((a for a in found if asked.team is None or asked.team in a["teams"]), key=urgency)

    def _wanted(self, asked: Asked) -> Callable[[Alert], bool]:
        def wanted(alert: Alert) -> bool:
            state = alert["state"]
            right_state = asked.state in (ALL, state) or (asked.state == OPEN and state != NORMAL)
            return right_state and asked.operation in (None, alert["subject_id"])

        return wanted

    def teams(self) -> list[Document]:
        """Teams of the plant model, for a choice."""
        return self._names.teams

    def changed_since(self, version: int) -> list[Document] | None:
        """Alerts with news since that version, those that ended among them; None where all must be told again."""
        if version < self._anew_at:
            return None
        return [self.shown(self._newest[alert_id][1]) for alert_id in self._after(version)]

    def _after(self, version: int) -> Iterable[str]:
        for alert_id in reversed(self._changed_at):
            if self._changed_at[alert_id] <= version:
                return
            yield alert_id


def urgency(alert: Alert) -> tuple[int, int, str]:
    """What a list of alerts is sorted by."""
    return PRIORITIES.index(alert["priority"]), alert["raised_us"] or alert["at_us"], alert["alert_id"]
