"""The store as a process of its own, which a test can have killed or paused at a named point of a flush.

KILL_AT / PAUSE_AT = POINT:N — at the N-th time the point is reached, SIGKILL or SIGSTOP to itself.
Points: before_begin, before_commit, after_commit. What else the environment may say: tests/faults/store_defences.py.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from services import settings
from services.store.app import configure_logs, serve
from tests.faults.store_defences import prepare
from tests.stage_process import StageProcesses

ROOT = Path(__file__).parents[2]


class StoreProcess(StageProcesses):
    """Starts and ends stores on one broker and database."""

    def __init__(self, broker: str, dsn: str, log_path: Path) -> None:
        environment = {
            "FLOORSTREAM_KAFKA": broker,
            "FLOORSTREAM_DATABASE_URL": dsn,
            "FLOORSTREAM_PROFILE": "embedded",
        }
        super().__init__("tests.integration.store_process", log_path, environment)

    def start(self, instance: str = "", **environment: str) -> subprocess.Popen[bytes]:
        """One more store; without a name for the group, unless told."""
        return super().start(instance, **environment)


def at_points(environment: dict[str, str]) -> "Reached":
    """What to do at which point."""
    plan = {}
    for name, number in (("KILL_AT", signal.SIGKILL), ("PAUSE_AT", signal.SIGSTOP)):
        if environment.get(name):
            point, _, count = environment[name].partition(":")
            plan[point] = (int(count), number)
    return Reached(plan)


class Reached:
    """Counts points and sends the signal."""

    def __init__(self, plan: dict[str, tuple[int, signal.Signals]]) -> None:
        self._plan = plan
        self._counts: Counter[str] = Counter()

    def __call__(self, point: str) -> None:
        self._counts[point] += 1
        count, number = self._plan.get(point, (0, signal.SIGKILL))
        if self._counts[point] == count:
            os.kill(os.getpid(), number)


if __name__ == "__main__":
    configure_logs()
    prepare(os.environ)
    sys.exit(asyncio.run(serve(settings.read(os.environ), at_points(dict(os.environ)))))
