"""What the stage tells about itself: metrics, and one line when something begins or ends to be wrong."""

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from services.adapters.metrics import Metrics
from services.alert.handler import Lane, Round
from services.core.alarm import State

log = logging.getLogger("floorstream.alert")

STATES_EVERY = 20
"""Rounds between two counts of all alerts: about a second."""


class Report:
    """Tells what was judged, and where the lanes stand."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._missing = False
        self._until_counted = 0

    def states(self, count: int) -> None:
        """So many states of operations were read."""
        self._metrics.alert_states.inc(count)

    def round(self) -> AbstractContextManager[Any]:
        """Measures a round."""
        return self._metrics.alert_round.time()

    def judged(self, found: Round) -> None:
        """What a round brought."""
        for _, alarm in found.versions:
            self._metrics.alert_changes.labels(alarm.change.value, "yes" if alarm.notify else "no").inc()
        for late in found.late:
            self._metrics.alert_late.observe(late / 1_000_000)
        self._metrics.alert_actions.inc(found.actions)

    def stands(self, lanes: Sequence[Lane], clock_off_us: int, missing: bool) -> None:
        """Where everything stands after a round. `missing`: nobody keeps the states up to date."""
        self._say_silence(missing)
        for lane in lanes:
            for refused in lane.refused:
                log.error("partition %d: passed over what nobody can read: %s", lane.partition, refused)
            lane.refused.clear()
        self._until_counted -= 1
        if self._until_counted > 0:
            return
        self._until_counted = STATES_EVERY
        counts = Counter(
            (alarm.state.value, rule.priority)
            for lane in lanes
            for rule, alarm in lane.alarms()
            if alarm.state is not State.NORMAL
        )
        self._metrics.alerts.clear()
        for labels, count in counts.items():
            self._metrics.alerts.labels(*labels).set(count)
        self._metrics.alert_rules.set(sum(lane.rules for lane in lanes))
        self._metrics.alert_held.set(sum(lane.held for lane in lanes))
        self._metrics.alert_clock_off.set(clock_off_us / 1_000_000)
        for lane in lanes:
            self._metrics.alert_epoch.labels(lane.partition).set(lane.epoch)

    def _say_silence(self, missing: bool) -> None:
        if missing and not self._missing:
            log.warning(
                "states are not up to date (aggregate or track is away or behind): nothing new is raised from them"
            )
        elif self._missing and not missing:
            log.warning("states are up to date again: what was held is judged now")
        self._missing = missing
