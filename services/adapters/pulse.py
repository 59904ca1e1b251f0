"""The file by which a background stage shows that it gets on (FLOORSTREAM_READY_FILE).

It is there once the stage takes work and is touched again as long as the stage gets on: its age is how long nothing
has moved. `floorstream healthy` reads it.
"""

from pathlib import Path
from time import monotonic

EVERY_S = 1.0


class Pulse:
    """One process's file; without a path nothing is written."""

    def __init__(self, path: str) -> None:
        """Nothing is touched before `ready`."""
        self._path = Path(path) if path else None
        self._taking_work = False
        self._next = 0.0

    def ready(self) -> None:
        """The stage takes work; may be said again."""
        self._taking_work = True
        self._next = 0.0
        self.beat()

    def beat(self) -> None:
        """The stage gets on: to be called often, and only where nothing that waits stands still."""
        now = monotonic()
        if self._path is not None and self._taking_work and now >= self._next:
            self._next = now + EVERY_S
            self._path.touch()
