"""Stages as processes of their own, that tests start, kill and read the words of."""

import os
import subprocess
import sys
from pathlib import Path

from tests.parts import until

ROOT = Path(__file__).parents[1]
LAST_WORDS = 6_000


class StageProcesses:
    """Starts and ends processes of one stage; all of them write one log."""

    def __init__(self, module: str, log_path: Path, environment: dict[str, str]) -> None:
        """`environment` is added to our own."""
        self._module = module
        self._environment = {**os.environ, **environment}
        self.log_path = log_path
        self.inside: tuple[str, ...] = ()
        """Words before the command of whatever is started from now on, which take it into another network say."""
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, instance: str = "0", **environment: str) -> subprocess.Popen[bytes]:
        """One more process."""
        named = {"FLOORSTREAM_READY_FILE": str(self._ready_file(len(self._started))), "FLOORSTREAM_INSTANCE": instance}
        with self.log_path.open("ab") as output:
            child = subprocess.Popen(
                [*self.inside, sys.executable, "-m", self._module],
                env={**self._environment, **named, **environment},
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )
        self._started.append(child)
        return child

    async def takes_work(self, child: subprocess.Popen[bytes]) -> None:
        """Wait until this process has restored its partitions."""
        ready = self._ready_file(self._started.index(child))

        async def touched() -> bool:
            assert child.poll() is None, f"it ended with {child.poll()}"
            return ready.exists()

        await until(touched, "the worker takes work")

    @property
    def log(self) -> str:
        """Everything all of them have said."""
        return self.log_path.read_text(encoding="utf-8") if self.log_path.exists() else ""

    def end(self) -> None:
        """Kill those that still run; their last words are for the report of a test that failed."""
        for child in self._started:
            if child.poll() is None:
                child.kill()
                child.wait()
        print(f"exit codes: {[child.returncode for child in self._started]}\n{self.log[-LAST_WORDS:]}")

    def _ready_file(self, number: int) -> Path:
        return self.log_path.with_name(f"{self.log_path.stem}-ready-{number}")
