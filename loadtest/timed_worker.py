"""The real track stage, one of several, timed: from SIGUSR1 to the last state of its own partitions being acknowledged.

It tells its partitions in the file OWNED each time it takes work, and goes on until SIGTERM: leaving earlier would make
the others take over.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import uvloop

from loadtest.measured import Run
from services import settings
from services.adapters.pulse import Pulse
from services.adapters.runtime import tune_runtime
from services.track.app import Track

OWNED = "BENCH_OWNED"
"""Name of the environment: the file for the partitions."""


async def timed(run: Run, environment: Mapping[str, str]) -> None:
    """Let the stage run until SIGTERM."""
    stop, loop, owned = asyncio.Event(), asyncio.get_running_loop(), Path(environment[OWNED])

    def reached(step: str) -> None:
        if step == "folded":
            run.folds += 1
        elif step == "frame acked" and run.begun and not run.result.exists() and _is_done(run, track.acknowledged):
            run.done()

    class Start(Pulse):
        """Taking work is when it knows its partitions."""

        def ready(self) -> None:
            """Tell them."""
            part = owned.with_suffix(".part")
            part.write_text(json.dumps(sorted(track.acknowledged)), encoding="utf-8")
            part.rename(owned)

    track = Track(settings.read(environment), reached)
    loop.add_signal_handler(signal.SIGUSR1, run.begin)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await track.run(stop, Start(""))


def _is_done(run: Run, acknowledged: Mapping[int, int]) -> bool:
    return all(offset >= run.ends[partition] for partition, offset in acknowledged.items())


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Run it; 0 when the result is written."""
    logging.basicConfig(level=logging.WARNING)
    tune_runtime()
    run = Run.from_environment(environment)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(timed(run, environment))
    return 0 if run.result.exists() else 1


if __name__ == "__main__":
    sys.exit(main())
