"""The track stage as a process of its own, which a test can have killed or stopped at a named step of a frame.

KILL_AT / PAUSE_AT = STEP:N — at the N-th time the step is reached, SIGKILL or SIGSTOP to itself.
RAISE_AT — an exception there. SLOW_AT = STEP:N:SECONDS — nothing goes on for so long.
Steps: claimed, recovered, folded, outputs sent, outputs acked, changelog sent, changelog acked, frame acked.
VIA = PORT=PORT — connect to the second wherever the first is meant. REQUEST_TIMEOUT_S — shorter than in life.
WITHOUT names a defence that is taken away here, in the test, to see that a test of it can fail.
"""

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop
from aiokafka import client

from services import settings
from services.adapters import batches
from services.track.app import serve
from tests.faults.defences import take_away
from tests.integration.store_process import at_points
from tests.parts import until
from tests.stage_process import StageProcesses

ROOT = Path(__file__).parents[2]
STEPS = ("folded", "outputs sent", "outputs acked", "changelog sent", "changelog acked", "frame acked")


class TrackProcesses(StageProcesses):
    """Starts and ends track workers on one broker."""

    def __init__(self, broker: str, profile: str, directory: Path) -> None:
        self._embedded = profile == "embedded"
        environment = {
            "FLOORSTREAM_KAFKA": broker,
            "FLOORSTREAM_PROFILE": profile,
            "FLOORSTREAM_PARTITIONS": "4",
            # The embedded broker lets a lone member that nobody waits for join in half a session.
            "FLOORSTREAM_SESSION_TIMEOUT_S": "1" if self._embedded else "6",
            "FLOORSTREAM_DATA_DIR": str(directory),
        }
        super().__init__("tests.faults.track_process", directory / "track.log", environment)

    def start(self, instance: str = "0", **environment: str) -> subprocess.Popen[bytes]:
        """One more worker."""
        return super().start("" if self._embedded else instance, **environment)


async def ended(child: subprocess.Popen[bytes], seconds: float = 60) -> int:
    """Wait for a worker to end; its exit code, negative for a signal."""

    async def gone() -> bool:
        return child.poll() is not None

    await until(gone, "the worker has ended", seconds)
    return int(child.returncode)


class Raising:
    """Raises at a step, otherwise does what `other` does there."""

    def __init__(self, plan: str, other: Callable[[str], None]) -> None:
        self._step, _, count = plan.partition(":")
        self._left, self._other = int(count or 0), other

    def __call__(self, step: str) -> None:
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                raise LookupError(f"raised by the test at {step!r}")
        self._other(step)


class Slow:
    """Works on and on at a step without giving way, otherwise does what `other` does there."""

    def __init__(self, plan: str, other: Callable[[str], None]) -> None:
        self._step, _, rest = plan.partition(":")
        count, _, seconds = rest.partition(":")
        self._left, self._seconds, self._other = int(count or 0), float(seconds or 0), other

    def __call__(self, step: str) -> None:
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                logging.warning("the test works slowly at %r", step)
                time.sleep(self._seconds)
        self._other(step)


def connect_via(ports: str) -> None:
    """Brokers tell clients where they are: connections meant for one port go to another."""
    meant, _, instead = ports.partition("=")
    connect = client.create_conn

    async def elsewhere(host: str, port: int, **settings: Any) -> Any:
        return await connect(host, int(instead) if port == int(meant) else port, **settings)

    client.create_conn = elsewhere


def main() -> int:
    """Run the stage with the crash points the environment names."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    environment = dict(os.environ)
    take_away(environment.get("WITHOUT", ""))
    batches.REQUEST_TIMEOUT_S = float(environment.get("REQUEST_TIMEOUT_S", batches.REQUEST_TIMEOUT_S))
    batches.ACKNOWLEDGED_S = 4 * batches.REQUEST_TIMEOUT_S
    if "VIA" in environment:
        connect_via(environment["VIA"])
    slow = Slow(environment.get("SLOW_AT", ""), at_points(environment))
    reached = Raising(environment.get("RAISE_AT", ""), slow)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ready = environment.get("FLOORSTREAM_READY_FILE", "")
        return runner.run(serve(settings.read(environment), ready, reached))


if __name__ == "__main__":
    sys.exit(main())
