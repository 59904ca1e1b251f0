"""One Apache Kafka process, broker and controller in one: its settings, its start, its end.

Used by `apache_kafka.ApacheKafka`, which decides how many there are.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.embedded import process
from services.embedded.errors import EmbeddedError

STARTED = "Kafka Server started"
"""What a node logs once it is unfenced and takes requests."""

STOP_LIMIT_S = 20.0
LOG_TAIL_LINES = 25
KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG")


@dataclass(frozen=True, slots=True)
class Jvm:
    """What every Java command of a cluster shares: the program, its jars, its logging set-up and its heap.

    `inside`: words before each command that take it elsewhere, into a network of its own say.
    """

    java: str
    lib: Path
    log4j: Path
    heap_mb: int
    inside: tuple[str, ...] = ()

    def command(self, main: str, *args: str, scratch: Path, log: Path) -> list[str]:
        """Return the command line of a Kafka main class that writes below `scratch` only."""
        return [
            *self.inside,
            self.java,
            f"-Xmx{self.heap_mb}m",
            "-XX:-UsePerfData",  # else a file below /tmp outlives a killed process
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            "-Djava.net.preferIPv4Stack=true",
            f"-Djava.io.tmpdir={scratch}",
            f"-Dlog4j2.configurationFile={self.log4j}",
            f"-Dkafka.log={log}",
            "-cp",
            f"{self.lib}/*",
            main,
            *args,
        ]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one node of a cluster listens: two ports of one host."""

    node: int
    host: str
    broker_port: int
    controller_port: int

    @property
    def address(self) -> str:
        """The bootstrap address, host:port."""
        return f"{self.host}:{self.broker_port}"


def node_settings(place: Place, cluster: Sequence[Place], logs: Path) -> dict[str, str]:
    """Return the server settings of one node: on its host only, quick to start, quick to notice a death.

    Names and meaning: https://kafka.apache.org/documentation/#brokerconfigs
    """
    replicas = min(3, len(cluster))
    in_sync = str(min(2, replicas))
    return {
        "process.roles": "broker,controller",
        "node.id": str(place.node),
        "controller.quorum.voters": ",".join(f"{p.node}@{p.host}:{p.controller_port}" for p in cluster),
        "listeners": f"PLAINTEXT://{place.address},CONTROLLER://{place.host}:{place.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{place.address}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(logs),
        "auto.create.topics.enable": "false",
        "num.partitions": "1",
        "default.replication.factor": str(replicas),
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": str(replicas),
        "offsets.topic.num.partitions": "5",
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": "5",
        "share.coordinator.state.topic.replication.factor": str(replicas),
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "message.max.bytes": str(8 * 1024 * 1024),
        "replica.fetch.max.bytes": str(8 * 1024 * 1024),
        "broker.session.timeout.ms": "6000",
        "broker.heartbeat.interval.ms": "1000",
        # The default, 128 MB, would be a third of a small heap.
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    }


class KafkaNode:
    """One node in `directory`: server.properties, log/ (the data), kafka.log and console.log."""

    def __init__(self, directory: Path, place: Place, jvm: Jvm) -> None:
        self.place = place
        self.log_path = directory / "kafka.log"
        self._name = f"node {place.node}"
        self._directory = directory
        self._jvm = jvm
        self._console = directory / "console.log"
        self._properties = directory / "server.properties"
        self._child: subprocess.Popen[bytes] | None = None
        self._log_offset = 0

    @property
    def pid(self) -> int | None:
        """The process id while the node runs, else None."""
        running = self._child is not None and self._child.poll() is None
        return self._child.pid if self._child is not None and running else None

    def configure(self, cluster: Sequence[Place], overrides: Mapping[str, str]) -> None:
        """Write server.properties; `overrides` win over our settings."""
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / "tmp").mkdir(exist_ok=True)
        settings = node_settings(self.place, cluster, self._directory / "log") | dict(overrides)
        lines = (f"{name}={value}\n" for name, value in sorted(settings.items()))
        self._properties.write_text("".join(lines), encoding="utf-8")

    def format(self, cluster_id: str, deadline: float) -> None:
        """Format the storage unless an earlier start has; raise EmbeddedError with Kafka's own words.

        Deadlines are in seconds of time.monotonic.
        """
        if (self._directory / "log" / "meta.properties").exists():
            return
        # With "=", because one id in 64 begins with a dash and would be read as an option.
        args = ("format", f"--cluster-id={cluster_id}", f"--config={self._properties}", "--ignore-formatted")
        command = self._java("kafka.tools.StorageTool", *args)
        limit_s = max(1.0, deadline - time.monotonic())
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=limit_s, check=False
            )
        except subprocess.TimeoutExpired as slow:
            raise EmbeddedError(f"formatting {self._directory} took over {limit_s:.0f} s") from slow
        if done.returncode:
            raise EmbeddedError(f"Kafka could not format {self._directory}:\n{done.stdout}{done.stderr}")

    def wipe(self, cluster_id: str, deadline: float) -> None:
        """Remove the data of a node that does not run, and format anew; `format` says what may be raised."""
        if self.pid is not None:
            raise EmbeddedError(f"Kafka's {self._name} runs as process {self.pid}: its data stays")
        shutil.rmtree(self._directory / "log")
        self.format(cluster_id, deadline)

    def spawn(self) -> None:
        """Start the process and return at once."""
        if self.pid is not None:
            raise EmbeddedError(f"Kafka's {self._name} already runs as process {self.pid}")
        self._log_offset = self.log_path.stat().st_size if self.log_path.exists() else 0
        self._child = process.spawn(
            self._java("kafka.Kafka", str(self._properties)),
            env={name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ},
            log_path=self._console,
            death_signal=signal.SIGKILL,
            cwd=self._directory,
        )

    def wait_started(self, deadline: float) -> None:
        """Wait until the node takes requests; raise EmbeddedError if it ends, or at `deadline`."""
        limit_s = max(0.0, deadline - time.monotonic())
        process.wait_until(lambda: self.pid is None or self._has_started(), limit_s)
        if self.pid is None:
            raise EmbeddedError(f"Kafka's {self._name} ended while starting\n{self.log_tail()}")
        if not self._has_started():
            raise EmbeddedError(f"Kafka's {self._name} is not ready in time\n{self.log_tail()}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the running node; raise EmbeddedError when it does not run."""
        if self._child is None or self.pid is None:
            raise EmbeddedError(f"Kafka's {self._name} is not running")
        self._child.send_signal(number)

    def wait_frozen(self) -> None:
        """Wait until a SIGSTOP has reached every thread of the node, or the node has ended."""
        if self._child is not None:
            os.waitid(os.P_PID, self._child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def stop(self) -> None:
        """End the node, politely and then by force; nothing happens if it does not run."""
        if self._child is not None:
            process.end(self._child, (signal.SIGTERM, STOP_LIMIT_S))

    def kill(self) -> None:
        """End the node at once."""
        if self._child is not None:
            process.end(self._child)

    def log_tail(self) -> str:
        """Return the end of the node's log, or of what Java printed when there is no log yet."""
        logged = self.log_path.exists() and self.log_path.stat().st_size > 0
        path = self.log_path if logged else self._console
        return f"the end of {path}:\n{process.log_tail(path, LOG_TAIL_LINES)}"

    def _java(self, main: str, *args: str) -> list[str]:
        return self._jvm.command(main, *args, scratch=self._directory / "tmp", log=self.log_path)

    def _has_started(self) -> bool:
        if not self.log_path.exists():
            return False
        with self.log_path.open("rb") as log:
            log.seek(self._log_offset)
            return STARTED.encode() in log.read()
