"""All metrics of all stages: name, type, unit, labels. Dashboards and alerts may use only these."""

import logging
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest, start_http_server

from services.core.pacing import BREAKER_OPENS

log = logging.getLogger(__name__)

PREFIX = "floorstream"
SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CALL_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)


class Metrics:
    """The registry of one process; a stage counts on what concerns it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._edge()

        self.ingest_items = self._counter(
            "ingest_items", "Items that came by HTTP: kind scan, machine, transform or epcis; reason empty if accepted",
            ("kind", "reason"),
        )  # fmt: skip
        self.ingest_requests = self._counter("ingest_requests", "HTTP requests to ingest", ("route", "status"))
        self.ingest_seconds = self._histogram(
            "ingest_request_seconds", "From a request's first byte to its answer", ("route",)
        )
        self.broker_seconds = self._histogram("broker_ack_seconds", "From sending a request's records to their acks")
        self.broker_pending = self._gauge("broker_pending_records", "Records sent and not acknowledged yet")
        self.broker_failures = self._counter("broker_failures", "Requests whose records were not acknowledged in time")
        self.plant_version = self._gauge("plant_version", "Plant-model version in force")

        self.track_events = self._counter(
            "track_events", "Records of floor.scans judged: accepted, duplicate, forwarded, or refused with its reason",
            ("outcome", "reason"),
        )  # fmt: skip
        self.track_frames = self._counter("track_frames", "Frames of floor.scans taken")
        self.fold_seconds = self._histogram("track_fold_seconds", "Folding one cut of a frame, sending not counted")
        self.track_lag = self._gauge(
            "track_lag_records",
            "Records of floor.scans behind the state's offset that are not folded yet",
            ("partition",),
        )
        self.track_offset = self._gauge("track_offset", "Offset in floor.scans that the state includes", ("partition",))
        self.track_unsent = self._gauge("track_unsent_partials", "Partials that wait to be published", ("partition",))
        self.track_epoch = self._gauge("track_epoch", "Epoch under which we own the partition", ("partition",))
        self.track_under_way = self._gauge(
            "track_frames_under_way", "Frames folded and not acknowledged yet", ("partition",)
        )

        self.partials = self._counter("aggregate_partials", "Partials read: whether they could be read", ("readable",))
        self.states = self._counter("aggregate_states", "Operation and plant states published")
        self.round_seconds = self._histogram("aggregate_round_seconds", "Summing up and sending one round of states")
        self.unsent_states = self._gauge("aggregate_unsent_states", "Changed operations that wait to be published")
        self.unsent_seconds = self._gauge("aggregate_unsent_seconds", "How long the longest of them has waited")
        self.imbalances = self._gauge("aggregate_imbalances", "Partials whose books do not balance: a bug of ours")
        self.round_timestamp = self._gauge(
            "aggregate_round_timestamp_seconds",
            "Unix time at which the last round of states was acknowledged: how old it is, so old is what is shown",
        )
        self.machine_events = self._counter(
            "aggregate_machine_events",
            "Records of floor.machines judged: new, repeat, late or unreadable",
            ("outcome",),
        )
        self.work_unit_states = self._counter("aggregate_work_unit_states", "Work-unit states published")
        self.lanes = self._gauge("aggregate_lanes", "Partitions of floor.partials we own, by state", ("state",))

        self.alert_rules = self._gauge("alert_rules", "Rules on subjects of the partitions we own")
        self.alerts = self._gauge(
            "alert_alerts", "Alerts that are not normal, by state and priority", ("state", "priority")
        )
        self.alert_changes = self._counter(
            "alert_changes", "Versions of alerts published: raised, returned, …; called yes where somebody is called",
            ("change", "called"),
        )  # fmt: skip
        self.alert_states = self._counter("alert_states", "States of operations read")
        self.alert_actions = self._counter(
            "alert_actions", "Actions of people read, whether they changed anything or not"
        )
        self.alert_late = self._histogram("alert_deadline_late_seconds", "How late what time alone brings was judged")
        self.alert_round = self._histogram("alert_round_seconds", "Judging and having acknowledged what was due")
        self.alert_held = self._gauge(
            "alert_held", "Alerts not raised because states are not up to date: aggregate or track is away or behind"
        )
        self.alert_clock_off = self._gauge(
            "alert_clock_off_seconds", "How far this machine's clock was set from the time alerts go by"
        )
        self.alert_epoch = self._gauge("alert_epoch", "Epoch under which we own the partition", ("partition",))

        self.store_rows = self._counter("store_rows", "Rows written, by table", ("table",))
        self.flush_seconds = self._histogram("store_flush_seconds", "One attempt of a transaction, committed or not")
        self.flush_failures = self._counter(
            "store_flush_failures", "Transactions that were not committed; all but fenced ones are tried again"
        )
        self.store_waiting = self._gauge("store_waiting_rows", "Rows read and not written yet")
        self.store_position = self._gauge(
            "store_position", "Next offset to read of a topic, committed with its rows", ("topic", "partition")
        )
        self.store_mark = self._gauge(
            "store_mark", "Offset in floor.scans up to which visits and units are complete", ("partition",)
        )

        self.alert_requests = self._counter(
            "show_alert_requests", "What people asked to be done about alerts, and by what right", ("action", "right")
        )

        self.notified = self._counter("notify_sent", "Notifications sent", ("channel", "kind"))
        self.notify_failures = self._counter(
            "notify_failures", "Messages not taken, by what the target said", ("channel", "reason")
        )
        self.digests = self._counter("notify_digests", "Messages that stood for several notifications", ("channel",))
        self.collapsed = self._counter(
            "notify_collapsed", "Notifications not sent, because it was over before", ("channel",)
        )
        self.given_up = self._counter("notify_given_up", "Notifications that nobody took for a day", ("channel",))
        self.repeats = self._counter(
            "notify_possible_repeats", "Notifications sent again that may have arrived the first time", ("channel",)
        )
        self.unreached = self._counter(
            "notify_unreached", "Notifications that concern nobody, or a channel that is not in the file", ("why",)
        )
        self.notify_seconds = self._histogram(
            "notify_seconds", "From the instant of an alert's change to the target's answer", (), CALL_SECONDS
        )
        self.notify_waiting = self._gauge("notify_waiting", "Notifications not sent yet", ("channel",))
        self.notify_oldest = self._gauge(
            "notify_oldest_waiting_seconds", "How long the oldest of them has waited", ("channel",)
        )
        self.breaker = self._gauge(
            "notify_breaker", "State of a channel's target: 0 takes messages, 1 is being tried again, 2 is away",
            ("channel",),
        )  # fmt: skip
        self.visits_told = self._counter("visits_told", "Visits that a subscriber has taken", ("subscriber",))
        self.visits_told_failures = self._counter(
            "visits_told_failures", "Messages that a subscriber did not take, by what it said", ("subscriber", "reason")
        )
        self.visits_told_breaker = self._gauge(
            "visits_told_breaker", "State of a subscriber: 0 takes messages, 1 is being tried again, 2 is away",
            ("subscriber",),
        )  # fmt: skip
        self.visits_told_mark = self._gauge(
            "visits_told_mark", "Offset in floor.scans up to which a subscriber has taken visits",
            ("subscriber", "partition"),
        )  # fmt: skip
        self.visits_told_missed = self._counter(
            "visits_told_missed", "Records that the log had deleted before a subscriber took them", ("subscriber",)
        )

    def show_census(
        self, waiting: Mapping[str, tuple[int, float]], targets: Mapping[str, tuple[int, bool, bool]]
    ) -> None:
        """What waits per channel (how many, seconds), and its target: failures in a row, stuck, not to be asked yet."""
        for channel, (failures, stuck, closed) in targets.items():
            number, oldest = waiting.get(channel, (0, 0.0))
            self.notify_waiting.labels(channel).set(number)
            self.notify_oldest.labels(channel).set(oldest)
            self.breaker.labels(channel).set(2 if stuck or (failures >= BREAKER_OPENS and closed) else bool(failures))

    def _edge(self) -> None:
        lane = ("source", "kind")
        self.edge_taken = self._counter(
            "edge_readings", "Readings of a collector: taken, or unreadable", ("collector", "outcome")
        )
        self.edge_verdicts = self._counter(
            "edge_verdicts", "Verdicts of the server; reason empty if accepted", (*lane, "reason")
        )
        self.edge_queued = self._gauge("edge_queued", "Readings that wait in the queue", lane)
        self.edge_oldest = self._gauge("edge_oldest_seconds", "How long the oldest of them has waited", lane)
        self.edge_away = self._gauge("edge_server_away", "1 while the last request had no verdicts", lane)
        self.edge_up = self._gauge("edge_collector_up", "1 while the collector is connected", ("collector",))
        self.edge_spool_bytes = self._gauge("edge_spool_bytes", "Bytes that the queue holds on the disk")
        self.edge_spool_full = self._gauge("edge_spool_full", "1 while collectors wait for room in the queue")

    def _counter(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(name, meaning, labels, namespace=PREFIX, registry=self.registry)

    def _gauge(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(name, meaning, labels, namespace=PREFIX, registry=self.registry)

    def _histogram(
        self, name: str, meaning: str, labels: Sequence[str] = (), buckets: Sequence[float] = SECONDS
    ) -> Histogram:
        return Histogram(name, meaning, labels, namespace=PREFIX, registry=self.registry, buckets=buckets)

    def listen(self, host: str, port: int) -> None:
        """Answer scrapes on an address of their own, in a thread; for stages without HTTP. Port 0: do not.

        Where the port cannot be had this is said, and the stage goes on without.
        """
        if not port:
            return
        try:
            start_http_server(port, host, self.registry)
        except OSError as error:
            log.error("no metrics: FLOORSTREAM_HOST=%s FLOORSTREAM_METRICS_PORT=%d: %s", host, port, error.strerror)

    def text(self) -> tuple[bytes, str]:
        """What a scrape gets, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
