"""What track tells of itself: once per frame and some times a second, never per event."""

from services.adapters.metrics import Metrics
from services.track.handler import Effects, Lane


class Report:
    """Counts and gauges of the partitions of one process."""

    def __init__(self, metrics: Metrics) -> None:
        """Counts on `metrics`."""
        self._metrics = metrics
        events = metrics.track_events
        self._accepted, self._duplicates, self._forwarded = (
            events.labels(outcome, "") for outcome in ("accepted", "duplicate", "forwarded")
        )

    def folded(self, effects: Effects, seconds: float) -> None:
        """A cut of a frame has been folded; it took so long."""
        self._metrics.fold_seconds.observe(seconds)
        self._accepted.inc(effects.accepted)
        self._duplicates.inc(effects.duplicates)
        self._forwarded.inc(len(effects.forwards))
        for reason, count in effects.refused.items():
            self._metrics.track_events.labels("refused", reason).inc(count)

    def frame(self) -> None:
        """A frame has been folded whole and what it brings about has been sent."""
        self._metrics.track_frames.inc()

    def stands(self, lane: Lane, highwater: int | None, under_way: int) -> None:
        """Where a partition stands. `highwater`: the offset of its log's end; `under_way`: frames not acknowledged."""
        metrics, name = self._metrics, str(lane.partition)
        metrics.track_offset.labels(name).set(lane.offset)
        metrics.track_lag.labels(name).set(max(0, (highwater or 0) - 1 - lane.offset))
        metrics.track_unsent.labels(name).set(lane.unsent)
        metrics.track_epoch.labels(name).set(lane.epoch)
        metrics.track_under_way.labels(name).set(under_way)

    def forget(self, partition: int) -> None:
        """The partition is another worker's."""
        metrics, name = self._metrics, str(partition)
        for gauge in (
            metrics.track_offset, metrics.track_lag, metrics.track_unsent, metrics.track_epoch, metrics.track_under_way
        ):  # fmt: skip
            gauge.remove(name)
