"""A stage as a process of its own under a benchmark: started, waited for, and how much it uses."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from services.embedded.process import free_port, log_tail

ROOT = Path(__file__).parents[1]
POLL_S = 0.01
READY_S = 60.0
STOP_S = 10.0
MEGABYTE = 1 << 20


class NoFigure(Exception):
    """A measurement cannot be made: what it is made of did not start, or did not get there."""


class Stage:
    """`python -m MODULE` with these settings; leaving the context ends it.

    `directory` takes its log, its ready file, and whatever it keeps.
    """

    def __init__(self, module: str, environment: Mapping[str, str], directory: Path, *words: str) -> None:
        self.name = module.rpartition(".")[2]
        self.metrics_port = free_port()
        self._log = directory / f"{module}.log"
        self._ready = directory / f"{module}.ready"
        self._command = [sys.executable, "-m", module, *words]
        self._environment = {
            **os.environ, **environment,
            "FLOORSTREAM_READY_FILE": str(self._ready), "FLOORSTREAM_METRICS_PORT": str(self.metrics_port),
        }  # fmt: skip
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Start; it may take a while until it is ready."""
        self._ready.unlink(missing_ok=True)
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environment, cwd=ROOT, stdout=log, stderr=log
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ask it to end, and make it end."""
        process = self.process
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                process.kill()
                await process.wait()

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The process that was started."""
        assert self._process is not None
        return self._process

    async def ready(self, seconds: float = READY_S) -> None:
        """Wait until it takes work. Raises NoFigure."""
        await self.until(self._ready.exists, seconds, f"{self.name} takes work")

    async def until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for a condition as long as the process lives. Raises NoFigure with the end of its log."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition():
            if self.process.returncode is not None:
                raise NoFigure(f"{self.name} ended with {self.process.returncode}:\n{self.log_tail()}")
            if asyncio.get_running_loop().time() > deadline:
                raise NoFigure(f"not within {seconds:g} s: {what}\n{self.log_tail()}")
            await asyncio.sleep(POLL_S)

    def log_tail(self) -> str:
        """The last lines it wrote."""
        return log_tail(self._log)

    def cpu_s(self) -> float:
        """CPU seconds of all its threads since it was started."""
        return cpu_s(psutil.Process(self.process.pid))

    def rss_mb(self) -> float:
        """Its resident memory, MB."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / MEGABYTE


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds of all threads of a process."""
    used = process.cpu_times()
    return float(used.user + used.system)


def family_cpu_s(pid: int) -> float:
    """CPU seconds of a process, its living children and those it has waited for: a database with its backends."""
    process = psutil.Process(pid)
    used = process.cpu_times()
    children = sum(cpu_s(child) for child in process.children(recursive=True))
    return float(used.user + used.system + used.children_user + used.children_system) + children


async def run_to_end(command: Sequence[str], environment: Mapping[str, str], seconds: float) -> int:
    """The exit code of a command. Raises NoFigure where it takes longer."""
    child = await asyncio.create_subprocess_exec(*command, env={**os.environ, **environment}, cwd=ROOT)
    try:
        return await asyncio.wait_for(child.wait(), seconds)
    except TimeoutError:
        raise NoFigure(f"not done within {seconds:g} s: {' '.join(command)}") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
