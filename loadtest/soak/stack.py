"""The stack as processes of the operating system: `floorstream up`, more track workers, and whom to kill.

up (supervisor) ─► Apache Kafka, PostgreSQL, track, aggregate, alert, store, notify, front (ingest and show)
we             ─► track-1, track-2                                    the same stage under names of their own
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from services.embedded.child import Child, Supervised
from services.embedded.instance import Instance, named
from services.embedded.process import ProcessIdentity, end, free_port, log_tail, spawn
from services.embedded.stages import child_environment, python

READY_SECONDS = 180.0
STOP_SECONDS = 30.0
STAGES = ("track", "aggregate", "alert", "store", "notify", "front")
"""Children of `floorstream up`; front is ingest and show in one process."""
KAFKA = "Apache Kafka"
POLL_SECONDS = 0.1


class StackFailed(Exception):
    """The stack does not run, or not any more; the message says why."""


async def until(condition: Callable[[], bool], otherwise: str = "", seconds: float = float("inf")) -> None:
    """Wait for a condition. Raises StackFailed, saying what is otherwise, where it takes longer."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        if condition():
            return
        if asyncio.get_running_loop().time() > deadline:
            raise StackFailed(f"{otherwise} in {seconds:.0f} s")
        await asyncio.sleep(POLL_SECONDS)


class Stack:
    """One `floorstream up` in a folder of its own, and further workers of track; leaving the context ends all."""

    def __init__(self, folder: Path, plant: Path, broker: str, partitions: int) -> None:
        """Nothing runs before the context is entered."""
        self.folder = folder
        self.data_dir = folder / "data"
        self.said = folder / "up.log"
        self.ends: Counter[str] = Counter()
        """How our workers have ended by themselves."""
        self._words = ["up", "--plant", str(plant), "--broker", broker, "--port", str(free_port())]
        self._partitions = partitions
        self._up: subprocess.Popen[bytes] | None = None
        self._workers: dict[str, Supervised] = {}

    def __enter__(self) -> Self:
        """Start, and wait for the line that says ready. Raises StackFailed."""
        words = [*self._words, "--data-dir", str(self.data_dir)]
        self._up = spawn(python("services.cli", *words), env=self.environment(), log_path=self.said)
        try:
            self._wait_ready()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it."""
        self.end()

    def environment(self) -> dict[str, str]:
        """A user's, without settings of other systems; the stack is registered in our folder."""
        runtime = self.folder / "run"
        runtime.mkdir(mode=0o700, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOORSTREAM_")}
        return {
            **kept,
            **child_environment({}),
            "XDG_RUNTIME_DIR": str(runtime),
            "FLOORSTREAM_PARTITIONS": str(self._partitions),
        }

    @property
    def instance(self) -> Instance:
        """Where everything is."""
        return named(self.data_dir)

    def command(self, *words: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Another command on this stack, to its end."""
        argv = [sys.executable, "-m", "services.cli", *words, "--instance", str(self.data_dir)]
        return subprocess.run(
            argv, env=self.environment(), capture_output=True, text=True, timeout=seconds, check=False
        )  # fmt: skip

    def pid(self, name: str) -> int | None:
        """The process of a stage, a worker of ours or the broker; None between two lives."""
        if name in self._workers:
            worker = self._workers[name]
            return worker.pid if worker.is_running() else None
        try:
            found = json.loads((self.data_dir / "processes.json").read_text())[name]
        except (OSError, ValueError, KeyError):
            return None
        identity = ProcessIdentity(int(found["pid"]), str(found["started"]))
        return identity.pid if identity.is_alive() else None

    def send(self, name: str, number: signal.Signals) -> bool:
        """Signal a process, if it runs."""
        pid = self.pid(name)
        if pid is None:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    @property
    def workers(self) -> list[str]:
        """Names of all track workers that are wanted now."""
        return ["track", *self._workers]

    def add_worker(self, number: int) -> None:
        """One more of track, as somebody else on another machine would start it; `tend` keeps it alive."""
        name = f"track-{number}"
        own = {
            "FLOORSTREAM_INSTANCE": str(number),
            "FLOORSTREAM_READY_FILE": str(self.folder / f"ready-{name}"),
            "FLOORSTREAM_METRICS_PORT": str(free_port()),
        }
        child = Child(name, python("services.track"), {**self._stage_environment(), **own})
        self._workers[name] = Supervised(child, self.folder / f"{name}.log")

    async def take_away(self, name: str) -> None:
        """Stop a worker of ours as asked. Raises StackFailed where it does not, or not with exit code 0."""
        worker = self._workers.pop(name)
        worker.send(signal.SIGTERM)
        await until(lambda: not worker.is_running(), f"{name} does not stop", STOP_SECONDS)
        code = worker.reap()
        if code not in (None, 0, 1, -signal.SIGKILL, -signal.SIGTERM):
            raise StackFailed(f"{name} was asked to stop and ended with {code}\n{log_tail(worker.log_path)}")

    def tend(self) -> None:
        """Start workers that have ended again. Raises StackFailed where one, or the stack, must not go on."""
        for name, worker in self._workers.items():
            worker.start_if_due()
            code = worker.reap()
            if code is None:
                continue
            if code not in (1, -signal.SIGKILL):
                raise StackFailed(f"{name} ended with {code}\n{log_tail(worker.log_path)}")
            if code == 1:
                self.ends["track: exit code 1"] += 1
            worker.schedule_restart()
        if self._up is None or self._up.poll() is not None:
            code = None if self._up is None else self._up.returncode
            raise StackFailed(f"floorstream up ended with {code}\n{log_tail(self.said, 60)}")

    def ended_by_themselves(self) -> Mapping[str, int]:
        """Ends of stages that nobody had killed, as `STAGE: exit code N`."""
        found = Counter(self.ends)
        for line in self.said.read_text("utf-8").splitlines():
            name, _, rest = line.partition(": ")
            if name in STAGES and rest.startswith("exit code"):
                found[f"{name}: {rest.partition(';')[0]}"] += 1
        return dict(found)

    def end(self) -> None:
        """End everything, whatever state it is in."""
        for worker in self._workers.values():
            worker.send(signal.SIGCONT)
            worker.send(signal.SIGKILL)
        if self._up is not None:
            end(self._up, (signal.SIGTERM, STOP_SECONDS))

    def _stage_environment(self) -> dict[str, str]:
        """What the supervisor has told its own track worker."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            pid = self.pid("track")
            try:
                entries = Path(f"/proc/{pid}/environ").read_text().split("\0")
            except OSError:
                entries = []
            told = dict(entry.split("=", 1) for entry in entries if "=" in entry)
            if "FLOORSTREAM_KAFKA" in told:
                return told
            time.sleep(POLL_SECONDS)
        raise StackFailed("no track worker to take the settings from")

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self.tend()
            if self.said.exists() and "\nready " in self.said.read_text("utf-8"):
                return
            time.sleep(POLL_SECONDS)
        raise StackFailed(f"not ready in {READY_SECONDS:.0f} s\n{log_tail(self.said, 40)}")
