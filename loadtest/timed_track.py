"""The real track stage, timed: from taking work to the last frame's state being acknowledged; then it stops itself."""

import asyncio
import logging
import os
import sys

import uvloop

from loadtest.measured import Run
from services import settings
from services.adapters.pulse import Pulse
from services.adapters.runtime import tune_runtime
from services.track.app import Track


async def timed(run: Run, stage: type[Track] = Track) -> None:
    """Let the stage run until everything is folded and every changelog batch acknowledged."""
    stop = asyncio.Event()

    def reached(step: str) -> None:
        if step == "folded":
            run.folds += 1
        elif step == "frame acked" and not stop.is_set() and run.is_at_end(track.acknowledged):
            run.done()
            stop.set()

    class Start(Pulse):
        """Taking work is where the time begins."""

        def ready(self) -> None:
            """Now."""
            run.begin()

    track = stage(settings.read(os.environ), reached)
    await track.run(stop, Start(""))


def main() -> int:
    """Run it; 0 when the result is written."""
    logging.basicConfig(level=logging.WARNING)
    tune_runtime()
    run = Run.from_environment()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(timed(run))
    return 0 if run.result.exists() else 1


if __name__ == "__main__":
    sys.exit(main())
