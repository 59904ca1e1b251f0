"""Apache Kafka in the place of the embedded broker: it keeps its log, so a data directory can be used again."""

from __future__ import annotations

from pathlib import Path

from services.embedded.apache_kafka import ApacheKafka

HEAP_MB = 512


class ApachePart:
    """One node of Apache Kafka in DATA_DIR/kafka; see `part.Part`."""

    name = "Apache Kafka"
    forgets = False

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._kafka = ApacheKafka()

    @property
    def pid(self) -> int | None:
        """Process number while it runs, else None."""
        return self._kafka.pid

    @property
    def log_path(self) -> Path:
        """Where its output goes; valid after the first start."""
        return self._kafka.log_path

    def start(self, data_dir: Path) -> str:
        """Start, or start again on the same port; HOST:PORT. Raises EmbeddedError."""
        if self._kafka.address:
            self._kafka.restart_node()
            return self._kafka.address
        return self._kafka.start(data_dir / "kafka", heap_mb=HEAP_MB)

    def stop(self) -> None:
        """End it; nothing happens if it does not run."""
        self._kafka.stop()

    def kill(self) -> None:
        """End it at once."""
        self._kafka.kill()
