"""A disk of a few megabytes that a test can fill and empty: a tmpfs, which only root may mount."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BALLAST = "ballast"


class SmallDisk:
    """A directory with little room."""

    def __init__(self, path: Path) -> None:
        """Of a disk that is mounted."""
        self.path = path
        self._ballast = path / BALLAST

    def fill(self, leave: int = 0) -> None:
        """Leave so many bytes free, or fewer: somebody else may be writing to it at the same time."""
        with self._ballast.open("ab") as file:
            while (room := self._free - leave) > 0:
                try:
                    os.posix_fallocate(file.fileno(), file.tell(), room)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                else:
                    return

    @property
    def _free(self) -> int:
        room = os.statvfs(self.path)
        return room.f_bavail * room.f_frsize

    def free(self) -> None:
        """Make room again."""
        self._ballast.unlink()


@contextmanager
def small_disk(path: Path, megabytes: int, mode: str = "0755", user: int = 0) -> Iterator[SmallDisk]:
    """Mount one there; skips the test where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    path.mkdir(parents=True, exist_ok=True)
    options = f"size={megabytes}m,mode={mode},uid={user}"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"only root can mount a small disk: {done.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
