"""The track stage as a process of its own, which a test can have killed or stopped at a named step of a frame.

KILL_AT / PAUSE_AT = STEP:N — at the N-th time the step is reached, SIGKILL or SIGSTOP to itself.
Steps: folded, outputs sent, outputs acked, changelog sent, changelog acked, frame acked.
WITHOUT names a defence that is taken away here, in the test, to see that a test of it can fail.
"""

import asyncio
import logging
import os
import subprocess
import sys
from pathlib import Path

import uvloop

from services import settings
from services.track.app import serve
from tests.faults.defences import take_away
from tests.integration.store_process import at_points
from tests.parts import until

ROOT = Path(__file__).parents[2]
STEPS = ("folded", "outputs sent", "outputs acked", "changelog sent", "changelog acked", "frame acked")


class TrackProcesses:
    """Starts and ends track workers on one broker."""

    def __init__(self, broker: str, profile: str, directory: Path) -> None:
        self._environment = {
            **os.environ,
            "FLOORSTREAM_KAFKA": broker,
            "FLOORSTREAM_PROFILE": profile,
            "FLOORSTREAM_PARTITIONS": "4",
            # The embedded broker lets a lone member that nobody waits for join in half a session.
            "FLOORSTREAM_SESSION_TIMEOUT_S": "1" if profile == "embedded" else "6",
            "FLOORSTREAM_DATA_DIR": str(directory),
        }
        self._embedded = profile == "embedded"
        self._directory = directory
        self.log_path = directory / "track.log"
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, instance: str = "0", **environment: str) -> subprocess.Popen[bytes]:
        """One more worker."""
        named = {
            "FLOORSTREAM_READY_FILE": str(self._directory / f"ready-{len(self._started)}"),
            "FLOORSTREAM_INSTANCE": "" if self._embedded else instance,
        }
        with self.log_path.open("ab") as output:
            child = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.track_process"],
                env={**self._environment, **named, **environment},
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )
        self._started.append(child)
        return child

    async def takes_work(self, child: subprocess.Popen[bytes]) -> None:
        """Wait until this worker has recovered its partitions."""
        ready = self._directory / f"ready-{self._started.index(child)}"

        async def touched() -> bool:
            assert child.poll() is None, self.log[-2000:]
            return ready.exists()

        await until(touched, "the worker takes work")

    @property
    def log(self) -> str:
        """Everything all of them have said."""
        return self.log_path.read_text(encoding="utf-8")

    def end(self) -> None:
        """Kill those that still run."""
        for child in self._started:
            if child.poll() is None:
                child.kill()
                child.wait()


async def ended(child: subprocess.Popen[bytes], seconds: float = 60) -> int:
    """Wait for a worker to end; its exit code, negative for a signal."""

    async def gone() -> bool:
        return child.poll() is not None

    await until(gone, "the worker has ended", seconds)
    return int(child.returncode)


def main() -> int:
    """Run the stage with the crash points the environment names."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    environment = dict(os.environ)
    take_away(environment.get("WITHOUT", ""))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ready = environment.get("FLOORSTREAM_READY_FILE", "")
        return runner.run(serve(settings.read(environment), ready, at_points(environment)))


if __name__ == "__main__":
    sys.exit(main())
