"""What the broker and the database have in common, so that another program can take the place of either."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Part(Protocol):
    """A server that the embedded stack runs for itself."""

    name: str
    forgets: bool  # what it held is gone with its process, so that starting it again would not keep our guarantees

    @property
    def pid(self) -> int | None:
        """Process number while it runs, else None."""

    @property
    def log_path(self) -> Path:
        """Where its output goes; valid after the first start."""

    def start(self, data_dir: Path) -> str:
        """Start, wait until it takes connections, return its address. Raises EmbeddedError with the end of its log."""

    def stop(self) -> None:
        """End it; nothing happens if it does not run."""

    def kill(self) -> None:
        """End it at once."""
