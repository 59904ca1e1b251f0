"""All metrics of all stages: name, type, unit, labels. Dashboards and alerts may use only these."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest, start_http_server

PREFIX = "floorstream"
SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The registry of one process; a stage counts on what concerns it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        self.ingest_items = self._counter(
            "ingest_items", "Items that came by HTTP: kind scan, machine or transform; reason empty if accepted",
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

        self.partials = self._counter("aggregate_partials", "Partials read: whether they could be read", ("readable",))
        self.states = self._counter("aggregate_states", "Operation and plant states published")
        self.round_seconds = self._histogram("aggregate_round_seconds", "Summing up and sending one round of states")
        self.unsent_states = self._gauge("aggregate_unsent_states", "Changed operations that wait to be published")
        self.unsent_seconds = self._gauge("aggregate_unsent_seconds", "How long the longest of them has waited")
        self.imbalances = self._gauge("aggregate_imbalances", "Partials whose books do not balance: a bug of ours")
        self.lanes = self._gauge("aggregate_lanes", "Partitions of floor.partials we own, by state", ("state",))

    def _counter(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(name, meaning, labels, namespace=PREFIX, registry=self.registry)

    def _gauge(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(name, meaning, labels, namespace=PREFIX, registry=self.registry)

    def _histogram(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Histogram:
        return Histogram(name, meaning, labels, namespace=PREFIX, registry=self.registry, buckets=SECONDS)

    def listen(self, host: str, port: int) -> None:
        """Answer scrapes on an address of their own, in a thread; for stages without HTTP. Raises OSError."""
        start_http_server(port, host, self.registry)

    def text(self) -> tuple[bytes, str]:
        """What a scrape gets, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
