"""A real Apache Kafka on this machine, for tests and measurements: KRaft, one node or three, on one address.

The jars come from Maven Central once (deploy/kafka-local/pom.xml) and stay in deploy/kafka-local/target/lib;
every later start works without a network. Needs Linux, Java 17 or newer and, the first time, Maven.
"""

import base64
import fcntl
import hashlib
import random
import re
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from services.embedded.errors import EmbeddedError
from services.embedded.kafka_node import Jvm, KafkaNode, Place

KAFKA_LOCAL = Path(__file__).resolve().parents[2] / "deploy" / "kafka-local"
OLDEST_JAVA = 17
INSTALL_LIMIT_S = 300.0
START_LIMIT_S = 90.0


class ApacheKafka:
    """A cluster that this process starts and ends; nodes are numbered from 1.

    Only the main thread may start it: the nodes die with the thread that started them, so that a killed test
    run leaves no Java behind.
    """

    name = "Apache Kafka"
    forgets = False

    def __init__(self, home: Path = KAFKA_LOCAL, *, host: str = "127.0.0.1", inside: Sequence[str] = ()) -> None:
        """Nothing runs yet. `inside`: words that run a command where `host` is an address of its own."""
        self._home = home
        self._host = host
        self._inside = tuple(inside)
        self._cluster_id = ""
        self._nodes: dict[int, KafkaNode] = {}

    @property
    def address(self) -> str:
        """The bootstrap addresses of all nodes, host:port joined by commas; empty before start()."""
        return ",".join(node.place.address for node in self._nodes.values())

    @property
    def pids(self) -> list[int]:
        """The process ids of the nodes that run."""
        return [node.pid for node in self._running() if node.pid is not None]

    @property
    def pid(self) -> int | None:
        """The process id of the first running node, or None."""
        return next(iter(self.pids), None)

    @property
    def log_path(self) -> Path:
        """Kafka's log of node 1; each node writes `kafka.log` in its own directory."""
        return self._node(1).log_path

    def install(self) -> Path:
        """Fetch Kafka's jars once, return their directory; raise EmbeddedError naming what is missing."""
        require_java()
        pom = self._home / "pom.xml"
        if not pom.exists():
            raise EmbeddedError(f"{pom} is missing: Apache Kafka starts from a checkout only")
        wanted = hashlib.sha256(pom.read_bytes()).hexdigest()
        target = self._home / "target"
        target.mkdir(exist_ok=True)
        with _locked(target / "install.lock"):
            lib, stamp = target / "lib", target / "lib.sha256"
            if not (lib.is_dir() and stamp.exists() and stamp.read_text(encoding="ascii") == wanted):
                stamp.unlink(missing_ok=True)
                shutil.rmtree(lib, ignore_errors=True)
                _copy_jars(pom, lib)
                stamp.write_text(wanted, encoding="ascii")
        return lib

    def start(
        self,
        data_dir: Path,
        *,
        nodes: int = 1,
        heap_mb: int = 512,
        overrides: Mapping[str, str] | None = None,
    ) -> str:
        """Start `nodes` combined nodes, `heap_mb` MB of heap each, and return the bootstrap address.

        A `data_dir` that was used before keeps its topics and must be given the same number of nodes.
        `overrides` are server settings for every node. Three nodes replicate three times with two in sync.
        Raises EmbeddedError, with the log's tail, when a node is not ready within START_LIMIT_S seconds.
        """
        if self.pids:
            raise EmbeddedError(f"this cluster already runs as {self.pids}: stop() it first")
        jvm = Jvm(require_java(), self.install(), self._home / "log4j2.xml", heap_mb, self._inside)
        data_dir = data_dir.resolve()
        self._cluster_id = _cluster_id(data_dir, nodes)
        deadline = time.monotonic() + START_LIMIT_S
        ports = _free_ports(2 * nodes)
        places = [Place(n + 1, self._host, ports[2 * n], ports[2 * n + 1]) for n in range(nodes)]
        self._nodes = {p.node: KafkaNode(data_dir / f"node-{p.node}", p, jvm) for p in places}
        try:
            for node in self._nodes.values():
                node.configure(places, overrides or {})
                node.format(self._cluster_id, deadline)
            for node in self._nodes.values():
                node.spawn()
            for node in self._nodes.values():
                node.wait_started(deadline)
        except BaseException:
            self.kill()
            raise
        return self.address

    def stop(self) -> None:
        """End every node, politely and then by force; nothing happens if none runs."""
        for node in self._running():  # all at once: they wait for each other's hand-over
            node.send(signal.SIGCONT)
            node.send(signal.SIGTERM)
        for node in self._nodes.values():
            node.stop()

    def kill(self) -> None:
        """End every node at once."""
        for node in self._nodes.values():
            node.kill()

    def kill_node(self, number: int = 1) -> None:
        """End a node as a power cut of its process would (SIGKILL)."""
        self._node(number).kill()

    def stop_node(self, number: int = 1) -> None:
        """End a node politely: it hands its partitions over first."""
        self._node(number).stop()

    def restart_node(self, number: int = 1) -> None:
        """Start a node that ended, on its old ports and data, and wait until it takes requests."""
        self.restart_nodes(number)

    def restart_nodes(self, *numbers: int) -> None:
        """The same with several at once: most of all must run before any takes requests."""
        nodes = [self._node(number) for number in numbers]
        for node in nodes:
            node.spawn()
        for node in nodes:
            node.wait_started(time.monotonic() + START_LIMIT_S)

    def wipe_node(self, number: int = 1) -> None:
        """Give a node that ended an empty disk, as if its own had been lost."""
        self._node(number).wipe(self._cluster_id, time.monotonic() + START_LIMIT_S)

    def pause(self, number: int = 1) -> None:
        """Freeze a node (SIGSTOP) and return when it is: its connections stay open and nothing answers."""
        node = self._node(number)
        node.send(signal.SIGSTOP)
        node.wait_frozen()

    def resume(self, number: int = 1) -> None:
        """Let a frozen node go on."""
        self._node(number).send(signal.SIGCONT)

    def _running(self) -> list[KafkaNode]:
        return [node for node in self._nodes.values() if node.pid is not None]

    def _node(self, number: int) -> KafkaNode:
        if number not in self._nodes:
            raise EmbeddedError(f"there is no node {number}; the nodes are {sorted(self._nodes)}")
        return self._nodes[number]


def require_java() -> str:
    """Return the path of a java that can run Kafka 4, or raise EmbeddedError saying what to install."""
    java = shutil.which("java")
    if java is None:
        raise EmbeddedError(
            f"java is not on PATH: install Java {OLDEST_JAVA} or newer (Debian: openjdk-17-jre-headless)"
        )
    told = subprocess.run([java, "-version"], capture_output=True, text=True, errors="replace", check=False)
    version = re.search(r'version "(\d+)', told.stderr)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise EmbeddedError(f"{java} is not Java {OLDEST_JAVA} or newer, as Kafka 4 needs:\n{told.stderr}")
    return java


def _copy_jars(pom: Path, lib: Path) -> None:
    mvn = shutil.which("mvn")
    if mvn is None:
        raise EmbeddedError("mvn is not on PATH: install Apache Maven (Debian: maven), needed once")
    command = [mvn, "-B", "-q", "-f", str(pom), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={lib}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=INSTALL_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as slow:
        raise EmbeddedError(f"mvn did not fetch Kafka's jars within {INSTALL_LIMIT_S:.0f} s") from slow
    if done.returncode:
        raise EmbeddedError(f"mvn could not fetch Kafka's jars:\n{(done.stdout + done.stderr)[-4000:]}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock file, so that two test runs do not fetch into one directory."""
    with path.open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _cluster_id(data_dir: Path, nodes: int) -> str:
    """Return the id kept in `data_dir`, or keep a new one; refuse another number of nodes than before."""
    kept = data_dir / "cluster.id"
    if kept.exists():
        had = len(list(data_dir.glob("node-*")))
        if had not in (0, nodes):
            raise EmbeddedError(f"{data_dir} holds {had} nodes, not {nodes}: use another directory")
        return kept.read_text(encoding="ascii")
    data_dir.mkdir(parents=True, exist_ok=True)
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    kept.write_text(cluster_id, encoding="ascii")
    return cluster_id


def _free_ports(count: int) -> list[int]:
    """Return free ports below those the kernel gives to clients: no client may take a dead node's."""
    free: list[int] = []
    for port in random.sample(range(20_000, 32_000), 1_000):
        if len(free) == count:
            break
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        free.append(port)
    return free
