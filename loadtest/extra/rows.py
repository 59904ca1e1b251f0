"""Who runs which job, and what each promises at the setting it runs with."""

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.extra.given import EVERY_S
from loadtest.extra.jobs import RULES, STAYS

EXTRA = Path(__file__).parent
ROOT = EXTRA.parents[1]
OURS = ("loadtest.extra.ours", "loadtest.timed_track")
PYTHON = ROOT / ".venv.extra" / "bin" / "python"
"""Where `make bench-extra` puts what can be installed of requirements-extra.txt."""
STREAMS = EXTRA / "kafka_streams"
KAFKA_STREAMS = "kafka-streams"
STREAMS_HEAP_MB = 1024


class NotHere(Exception):
    """A row cannot run on this machine; the message says why."""


@dataclass(frozen=True)
class Row:
    """One line of the table. `package`: what is asked for its version. `durable`: what a crash can undo at most."""

    name: str
    package: str
    words: tuple[str, ...]
    durable: str
    guarantee: str
    job: str = STAYS

    def command(self) -> list[str]:
        """The process of a run. Raises NotHere."""
        self.version()
        if self.package == KAFKA_STREAMS:
            return [*_java(), "Stays", *self.words]
        return [sys.executable if self._is_ours else str(PYTHON), "-m", *self.words]

    def version(self) -> str:
        """Of the package. Raises NotHere where it is not installed."""
        if self.package == KAFKA_STREAMS:
            return next(iter(_jars().glob("kafka-streams-*.jar"))).stem.rpartition("-")[2]
        if self._is_ours:
            try:
                return importlib.metadata.version(self.package)
            except importlib.metadata.PackageNotFoundError:
                raise NotHere(f"{self.package} is not installed") from None
        asked = f"import importlib.metadata as m; print(m.version('{self.package}'))"
        if not PYTHON.exists():
            raise NotHere("there is no .venv.extra")
        answer = subprocess.run([PYTHON, "-c", asked], capture_output=True, text=True, check=False)
        if answer.returncode:
            raise NotHere(f"{self.package} is not installed in .venv.extra")
        return answer.stdout.strip()

    @property
    def _is_ours(self) -> bool:
        return self.words[0] in OURS


def _jars() -> Path:
    lib = STREAMS / "target" / "lib"
    if not (STREAMS / "target" / "classes" / "Stays.class").exists() or not lib.is_dir():
        raise NotHere("loadtest/extra/kafka_streams is not built: Java ≥ 17 (JDK) and Maven are needed")
    return lib


def _java() -> list[str]:
    jars = _jars()
    return [
        "java", f"-Xmx{STREAMS_HEAP_MB}m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp", os.pathsep.join([str(jars / "*"), str(jars.parent / "classes")]),
    ]  # fmt: skip


TRACK = {STAYS: "track", RULES: "track_rules"}
"""The row of each job that the others are compared with."""
EVERY = f"{EVERY_S:g} s"
MS = str(int(EVERY_S * 1000))
NOTHING = "all of it: no recovery"
FRAME = "a frame, ≤ 2,048 records of a partition"
FRAMES_PROMISE = "state exact, fenced by epochs; outputs at least once, equal when repeated"
STREAMS_PROMISE = "at least once; state may have taken the last events already"
EPOCH, EPOCHS_PROMISE = f"{EVERY}, an epoch", "state exactly once; outputs at least once"
CHECKPOINT, CHECKPOINTS_PROMISE = f"{EVERY}, a checkpoint", "at least once; state goes back to the checkpoint"
ROWS: Sequence[Row] = (
    Row(TRACK[STAYS], "faust-streaming", (OURS[0], "track"), FRAME, FRAMES_PROMISE),
    Row("bare_aiokafka", "aiokafka", (OURS[0], "aiokafka"), NOTHING, "none"),
    Row("bare_confluent", "confluent-kafka", (OURS[0], "confluent"), NOTHING, "none"),
    Row(
        "streams_exactly_once", KAFKA_STREAMS, ("exactly_once_v2", "100", "rocksdb"), "100 ms, a transaction",
        "exactly once inside Kafka, for readers of committed records",
    ),
    Row("streams_at_least_once", KAFKA_STREAMS, ("at_least_once", MS, "rocksdb"), EVERY, STREAMS_PROMISE),
    Row("streams_in_memory", KAFKA_STREAMS, ("at_least_once", MS, "memory"), EVERY, STREAMS_PROMISE),
    Row("bytewax", "bytewax", ("loadtest.extra.with_bytewax", STAYS), EPOCH, EPOCHS_PROMISE),
    Row("quix", "quixstreams", ("loadtest.extra.with_quix", STAYS), CHECKPOINT, CHECKPOINTS_PROMISE),
    Row(
        "pathway", "pathway", ("loadtest.extra.with_pathway",), f"{EVERY}, a snapshot of the input",
        "state exactly once, by folding all input again; outputs at least once",
    ),
    Row(TRACK[RULES], "faust-streaming", (OURS[1],), FRAME, FRAMES_PROMISE, RULES),
    Row("bytewax_rules", "bytewax", ("loadtest.extra.with_bytewax", RULES), EPOCH, EPOCHS_PROMISE, RULES),
    Row("quix_rules", "quixstreams", ("loadtest.extra.with_quix", RULES), CHECKPOINT, CHECKPOINTS_PROMISE, RULES),
)  # fmt: skip
